// The reason codes of MQTT 5.0: their names, and which packet of which end may carry them.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "protocol/wire/packet_type.h"

namespace mqttlab {

/// Table 2.6 of MQTT 5.0. Value 0 has three names, one per kind of packet.
enum class ReasonCode : std::uint8_t {
  success = 0x00,
  normal_disconnection = 0x00,
  granted_qos_0 = 0x00,
  granted_qos_1 = 0x01,
  granted_qos_2 = 0x02,
  disconnect_with_will_message = 0x04,
  no_matching_subscribers = 0x10,
  no_subscription_existed = 0x11,
  continue_authentication = 0x18,
  re_authenticate = 0x19,
  unspecified_error = 0x80,
  malformed_packet = 0x81,
  protocol_error = 0x82,
  implementation_specific_error = 0x83,
  unsupported_protocol_version = 0x84,
  client_identifier_not_valid = 0x85,
  bad_user_name_or_password = 0x86,
  not_authorized = 0x87,
  server_unavailable = 0x88,
  server_busy = 0x89,
  banned = 0x8A,
  server_shutting_down = 0x8B,
  bad_authentication_method = 0x8C,
  keep_alive_timeout = 0x8D,
  session_taken_over = 0x8E,
  topic_filter_invalid = 0x8F,
  topic_name_invalid = 0x90,
  packet_identifier_in_use = 0x91,
  packet_identifier_not_found = 0x92,
  receive_maximum_exceeded = 0x93,
  topic_alias_invalid = 0x94,
  packet_too_large = 0x95,
  message_rate_too_high = 0x96,
  quota_exceeded = 0x97,
  administrative_action = 0x98,
  payload_format_invalid = 0x99,
  retain_not_supported = 0x9A,
  qos_not_supported = 0x9B,
  use_another_server = 0x9C,
  server_moved = 0x9D,
  shared_subscriptions_not_supported = 0x9E,
  connection_rate_exceeded = 0x9F,
  maximum_connect_time = 0xA0,
  subscription_identifiers_not_supported = 0xA1,
  wildcard_subscriptions_not_supported = 0xA2,
};

/// 0x80 and above: what was asked for has not been done.
[[nodiscard]] constexpr bool is_error(ReasonCode reason) {
  return static_cast<std::uint8_t>(reason) >= 0x80;
}

/// One row of the table. `from_client` and `from_server` are sets of packet types, as bits.
struct ReasonRule {
  ReasonCode code;
  std::string_view name;
  std::uint16_t from_client, from_server;
};
[[nodiscard]] std::span<const ReasonRule> reason_rules();

/// The row of a code in packets of `type`, whichever end sends them; null if it has none there.
[[nodiscard]] const ReasonRule* find_reason(std::uint8_t code, PacketType type);
[[nodiscard]] bool may_send(const ReasonRule& rule, PacketType type, Sender sender);
/// "Not authorized"; "?" for a code that packets of `type` do not have.
[[nodiscard]] std::string_view name(ReasonCode code, PacketType type);

}  // namespace mqttlab
