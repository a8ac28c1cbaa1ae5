#include "protocol/broker/config.h"

#include <stdexcept>
#include <string_view>

#include "protocol/wire/topic.h"

namespace mqttlab {
namespace {

void require(bool valid, const char* field, const std::string& value, const char* remedy) {
  if (valid) return;
  throw std::invalid_argument("BrokerConfig: " + std::string(field) + " is " + value + "; " +
                              remedy);
}

// 31 years: added to any instant of a run it does not overflow.
constexpr Time longest_time = 1'000'000'000 * second;

void check_offers(const BrokerConfig& config) {
  for (const auto& [field, text] : {std::pair("response_information", &config.response_information),
                                    std::pair("server_reference", &config.server_reference)})
    require(text->size() <= 0xFFFF && valid_utf8(*text), field, "no MQTT string",
            "it must be valid UTF-8 of up to 65,535 bytes");
  const ReasonCode redirect = config.redirect;
  require(redirect == ReasonCode::success || redirect == ReasonCode::use_another_server ||
              redirect == ReasonCode::server_moved,
          "redirect", std::to_string(static_cast<unsigned>(redirect)),
          "use 0x9C (another server), 0x9D (server moved) or 0 for none");
}

}  // namespace

const BrokerConfig& checked(const BrokerConfig& config) {
  using std::to_string;
  require(config.max_packet_size >= 2, "max_packet_size", to_string(config.max_packet_size),
          "the smallest packet has 2 bytes");
  require(config.connect_timeout > 0 && config.connect_timeout <= longest_time, "connect_timeout",
          to_string(config.connect_timeout) + " ns", "it must be positive, up to 1e9 s");
  require(config.keep_alive_factor >= 1.0 && config.keep_alive_factor <= 1e6, "keep_alive_factor",
          to_string(config.keep_alive_factor), "it must be from 1 (the standard says 1.5) to 1e6");
  require(config.window > 0, "window", "0", "at least one exchange must fit");
  require(config.test_packet_id_max > 0, "test_packet_id_max", "0",
          "at least one packet id must be left");
  require(config.receive_window > 0, "receive_window", "0", "at least one exchange must fit");
  require(config.outbox_bytes > 0, "outbox_bytes", "0", "nothing could be sent");
  require(config.sys_interval >= 0 && config.sys_interval <= longest_time, "sys_interval",
          to_string(config.sys_interval) + " ns", "use 0 for no $SYS topics, or up to 1e9 s");
  check_offers(config);
  return config;
}

}  // namespace mqttlab
