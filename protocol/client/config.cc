#include "protocol/client/config.h"

#include <stdexcept>
#include <string>

#include "protocol/wire/topic.h"

namespace mqttlab::client {

namespace {

constexpr std::size_t longest_string = 65'535;
// 31 years: added to any instant of a run it does not overflow.
constexpr Time longest_time = 1'000'000'000 * second;

void require(bool holds, const std::string& field, const std::string& trouble) {
  if (!holds) throw std::invalid_argument("ClientConfig." + field + ": " + trouble);
}

std::string seconds(Time time) {
  return std::to_string(static_cast<double>(time) / static_cast<double>(second)) + " s";
}

void require_positive(Time time, const std::string& field) {
  require(time > 0 && time <= longest_time, field,
          seconds(time) + "; give a time above 0, up to 1e9 s");
}

void check_text(const std::string& text, const std::string& field, const std::string& statement) {
  require(text.size() <= longest_string, field,
          std::to_string(text.size()) + " bytes; at most 65535 fit");
  require(valid_utf8(text), field, "not valid UTF-8, or with U+0000 (" + statement + ")");
}

void check_properties(const Properties& properties, PropertyPlace place, const std::string& field) {
  const auto fault = Properties::fault(properties.bytes().bytes(), place, Sender::client);
  require(!fault, field, "one of them breaks " + std::string(fault ? fault->statement : ""));
}

void check_client_id(const ClientConfig& config) {
  const std::string& id = config.client_id;
  check_text(id, "client_id", "MQTT-3.1.3-4");
  if (config.version == ProtocolVersion::v3_1) {
    require(!id.empty() && id.size() <= 23, "client_id",
            "\"" + id + "\" has " + std::to_string(id.size()) + " bytes; MQTT 3.1 takes 1 to 23");
  }
  // In 5.0 the server tells the id that it has chosen, so there can be a session.
  require(!id.empty() || config.clean_session || v5(config), "client_id",
          "empty without clean_session; give an id or set clean_session (MQTT-3.1.3-7)");
}

void check_will(const Will& will) {
  require(valid_topic_name(will.topic.text()), "will.topic",
          "\"" + std::string(will.topic.text()) +
              "\" is no topic name; 1 to 65535 bytes of UTF-8 without + and # (MQTT-3.1.3-10)");
  require(will.payload.size() <= longest_string, "will.payload",
          std::to_string(will.payload.size()) + " bytes; at most 65535 fit");
  require(will.qos <= QoS::exactly_once, "will.qos", "give 0, 1 or 2 (MQTT-3.1.2-14)");
  check_properties(will.properties, PropertyPlace::will, "will.properties");
}

void check_v5(const ClientConfig& config) {
  require(config.receive_maximum > 0, "receive_maximum", "0; give 1 to 65535 (U-3.1.2.11.3-2)");
  check_properties(config.properties, place_of(PacketType::connect), "properties");
  config.properties.for_each([](const Property& property) {
    require(property.id == PropertyId::user_property, "properties",
            std::string(rule_of(property.id).name) +
                "; only User Properties stand here, the others have fields of their own");
  });
}

// What 3.1.1 cannot tell the server must keep its default.
void check_v3(const ClientConfig& config) {
  const auto need_v5 = [](bool is_default, const std::string& field) {
    require(is_default, field, "needs version 5.0");
  };
  need_v5(!config.session_expiry_s, "session_expiry_s");
  need_v5(config.receive_maximum == 65'535, "receive_maximum");
  need_v5(config.topic_alias_maximum == 0, "topic_alias_maximum");
  need_v5(config.send_topic_alias_maximum == 0, "send_topic_alias_maximum");
  need_v5(!config.request_response_information, "request_response_information");
  need_v5(config.request_problem_information, "request_problem_information");
  need_v5(config.properties.empty(), "properties");
  need_v5(!config.authenticator, "authenticator");
  need_v5(!config.will || config.will->properties.empty(), "will.properties");
}

void check_backoff(const Backoff& backoff) {
  require_positive(backoff.initial, "backoff.initial");
  require_positive(backoff.maximum, "backoff.maximum");
  require(backoff.maximum >= backoff.initial, "backoff.maximum",
          seconds(backoff.maximum) + " is less than backoff.initial, " + seconds(backoff.initial));
  require(backoff.factor >= 1.0 && backoff.factor <= 1e6, "backoff.factor",
          std::to_string(backoff.factor) + "; give 1 to 1e6");
  require(backoff.jitter >= 0.0 && backoff.jitter <= 1.0, "backoff.jitter",
          std::to_string(backoff.jitter) + "; give 0 to 1");
  require(backoff.stable >= 0, "backoff.stable", seconds(backoff.stable) + "; give 0 or more");
}

}  // namespace

void check(const ClientConfig& config) {
  check_client_id(config);
  if (config.will) check_will(*config.will);
  if (config.user_name) check_text(*config.user_name, "user_name", "MQTT-3.1.3-11");
  if (config.password) {
    require(config.user_name.has_value() || v5(config), "password",
            "given without a user_name; give both or none (MQTT-3.1.2-22)");
    require(config.password->size() <= longest_string, "password",
            std::to_string(config.password->size()) + " bytes; at most 65535 fit");
  }
  v5(config) ? check_v5(config) : check_v3(config);
  require_positive(config.ping_timeout, "ping_timeout");
  require_positive(config.connect_timeout, "connect_timeout");
  check_backoff(config.backoff);
  require(config.window > 0, "window", "0; give 1 to 65535");
  require(config.test_packet_id_max > 0, "test_packet_id_max", "0; give 1 to 65535");
  require(config.inbox_messages > 0, "inbox_messages", "0; give 1 or more");
  require(config.inbox_bytes > 0, "inbox_bytes", "0; give 1 or more");
  require(config.outbox_bytes > 0, "outbox_bytes", "0; give 1 or more");
  require(config.max_packet_size >= 5, "max_packet_size",
          std::to_string(config.max_packet_size) + " bytes; give 5 or more");
}

}  // namespace mqttlab::client
