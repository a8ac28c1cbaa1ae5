#include "bindings/configs.h"

#include <pybind11/stl.h>

#include "protocol/broker/broker.h"
#include "protocol/broker/jwt.h"
#include "protocol/broker/password_file.h"
#include "protocol/client/client.h"
#include "protocol/session/scram_client.h"
#include "protocol/world/fleet.h"

namespace py = pybind11;
using namespace py::literals;

namespace mqttlab::bindings {

void bind_configs(py::module_& m) {
  py::class_<Backoff>(m, "Backoff")
      .def(py::init<>())
      .def_readwrite("initial", &Backoff::initial)
      .def_readwrite("maximum", &Backoff::maximum)
      .def_readwrite("factor", &Backoff::factor)
      .def_readwrite("jitter", &Backoff::jitter)
      .def_readwrite("stable", &Backoff::stable);
  py::class_<ClientConfig>(m, "ClientConfig")
      .def(py::init<>())
      .def_readwrite("client_id", &ClientConfig::client_id)
      .def_property(
          "version", [](const ClientConfig& config) { return static_cast<int>(config.version); },
          [](ClientConfig& config, int level) {
            config.version = static_cast<ProtocolVersion>(level);
          })
      .def_readwrite("clean_session", &ClientConfig::clean_session)
      .def_readwrite("session_expiry_s", &ClientConfig::session_expiry_s)
      .def_readwrite("receive_maximum", &ClientConfig::receive_maximum)
      .def_readwrite("topic_alias_maximum", &ClientConfig::topic_alias_maximum)
      .def_readwrite("send_topic_alias_maximum", &ClientConfig::send_topic_alias_maximum)
      .def_readwrite("request_response_information", &ClientConfig::request_response_information)
      .def_readwrite("request_problem_information", &ClientConfig::request_problem_information)
      .def_readwrite("properties", &ClientConfig::properties)
      .def_readwrite("keep_alive_s", &ClientConfig::keep_alive_s)
      .def_readwrite("ping_timeout", &ClientConfig::ping_timeout)
      .def_readwrite("connect_timeout", &ClientConfig::connect_timeout)
      .def_readwrite("user_name", &ClientConfig::user_name)
      .def_readwrite("password", &ClientConfig::password)
      .def_readwrite("reconnect", &ClientConfig::reconnect)
      .def_readwrite("backoff", &ClientConfig::backoff)
      .def_readwrite("window", &ClientConfig::window)
      .def_readwrite("test_packet_id_max", &ClientConfig::test_packet_id_max)
      .def_readwrite("queue_messages", &ClientConfig::queue_messages)
      .def_readwrite("queue_bytes", &ClientConfig::queue_bytes)
      .def_readwrite("max_packet_size", &ClientConfig::max_packet_size)
      .def(
          "set_will",
          [](ClientConfig& config, std::string_view topic, const py::bytes& payload, int qos,
             bool retain, std::uint32_t delay_s, std::optional<Properties> properties) {
            config.will = Will{Slice::copy_of(topic), Slice::copy_of(std::string_view(payload)),
                               static_cast<QoS>(qos), retain, properties.value_or(Properties())};
            if (delay_s > 0) config.will->properties.add(PropertyId::will_delay_interval, delay_s);
          },
          "topic"_a, "payload"_a, "qos"_a, "retain"_a, "delay_s"_a = 0, "properties"_a = py::none())
      .def(
          "set_scram",
          [](ClientConfig& config, const std::string& user, const std::string& password,
             std::uint64_t seed) {
            const Random random(seed, "client/" + config.client_id + "/scram");
            config.authenticator =
                std::make_shared<ScramClient>(user, password, scram_nonces(random));
          },
          "user_name"_a, "password"_a, "seed"_a);
  m.def(
      "scram_line",
      [](std::string_view user, std::string_view password, const py::bytes& salt, int iterations) {
        const Slice bytes = Slice::copy_of(std::string_view(salt));
        return scram_line(user, ScramCredentials::derive(password, bytes.bytes(), iterations));
      },
      "user_name"_a, "password"_a, "salt"_a, "iterations"_a);
  py::class_<JwtConfig>(m, "JwtConfig")
      .def(py::init<>())
      .def_property(
          "algorithm", [](const JwtConfig& config) { return static_cast<int>(config.algorithm); },
          [](JwtConfig& config, int algorithm) {
            config.algorithm = static_cast<JwtAlgorithm>(algorithm);
          })
      .def_property(
          "key", [](const JwtConfig& config) { return py::bytes(config.key); },
          [](JwtConfig& config, const py::bytes& key) { config.key = std::string(key); })
      .def_readwrite("issuer", &JwtConfig::issuer)
      .def_readwrite("audience", &JwtConfig::audience)
      .def_readwrite("unix_time", &JwtConfig::unix_time);
  py::class_<BrokerConfig>(m, "BrokerConfig")
      .def(py::init<>())
      .def_readwrite("max_connections", &BrokerConfig::max_connections)
      .def_readwrite("max_packet_size", &BrokerConfig::max_packet_size)
      .def_readwrite("connect_timeout", &BrokerConfig::connect_timeout)
      .def_readwrite("keep_alive_factor", &BrokerConfig::keep_alive_factor)
      .def_readwrite("window", &BrokerConfig::window)
      .def_readwrite("test_packet_id_max", &BrokerConfig::test_packet_id_max)
      .def_readwrite("receive_window", &BrokerConfig::receive_window)
      .def_readwrite("server_keep_alive_s", &BrokerConfig::server_keep_alive_s)
      .def_readwrite("max_session_expiry_s", &BrokerConfig::max_session_expiry_s)
      .def_readwrite("topic_alias_maximum", &BrokerConfig::topic_alias_maximum)
      .def_readwrite("send_topic_alias_maximum", &BrokerConfig::send_topic_alias_maximum)
      .def_property(
          "maximum_qos",
          [](const BrokerConfig& config) { return static_cast<int>(config.maximum_qos); },
          [](BrokerConfig& config, int qos) { config.maximum_qos = static_cast<QoS>(qos); })
      .def_readwrite("retain_available", &BrokerConfig::retain_available)
      .def_readwrite("wildcard_available", &BrokerConfig::wildcard_available)
      .def_readwrite("shared_available", &BrokerConfig::shared_available)
      .def_readwrite("identifiers_available", &BrokerConfig::identifiers_available)
      .def_readwrite("reason_strings", &BrokerConfig::reason_strings)
      .def_readwrite("response_information", &BrokerConfig::response_information)
      .def_readwrite("server_reference", &BrokerConfig::server_reference)
      .def_property(
          "redirect", [](const BrokerConfig& config) { return static_cast<int>(config.redirect); },
          [](BrokerConfig& config, int code) { config.redirect = static_cast<ReasonCode>(code); })
      .def_readwrite("queue_messages", &BrokerConfig::queue_messages)
      .def_readwrite("queue_bytes", &BrokerConfig::queue_bytes)
      .def_readwrite("queue_qos0", &BrokerConfig::queue_qos0)
      .def_readwrite("outbox_bytes", &BrokerConfig::outbox_bytes)
      .def_readwrite("max_retained", &BrokerConfig::max_retained)
      .def_readwrite("max_retained_bytes", &BrokerConfig::max_retained_bytes)
      .def_readwrite("max_subscriptions", &BrokerConfig::max_subscriptions)
      .def_readwrite("max_filter_levels", &BrokerConfig::max_filter_levels)
      .def_readwrite("max_sessions", &BrokerConfig::max_sessions)
      .def_readwrite("sys_interval", &BrokerConfig::sys_interval);
  py::class_<FleetConfig>(m, "FleetConfig")
      .def(py::init<>())
      .def_readwrite("interval", &FleetConfig::interval)
      .def_readwrite("interval_spread", &FleetConfig::interval_spread)
      .def_readwrite("start_within", &FleetConfig::start_within)
      .def_readwrite("stop_after", &FleetConfig::stop_after)
      .def_readwrite("topic", &FleetConfig::topic)
      .def_readwrite("payload_bytes", &FleetConfig::payload_bytes)
      .def_readwrite("retain", &FleetConfig::retain)
      .def_property(
          "qos",
          [](const FleetConfig& config) {
            std::vector<int> levels;
            for (const QoS qos : config.qos) levels.push_back(static_cast<int>(qos));
            return levels;
          },
          [](FleetConfig& config, const std::vector<int>& levels) {
            config.qos.clear();
            for (const int level : levels) config.qos.push_back(static_cast<QoS>(level));
          });
}

}  // namespace mqttlab::bindings
