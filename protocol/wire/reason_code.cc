#include "protocol/wire/reason_code.h"

#include <array>

namespace mqttlab {
namespace {

template <typename... Types>
constexpr std::uint16_t in(Types... types) {
  return static_cast<std::uint16_t>(((1u << static_cast<unsigned>(types)) | ... | 0u));
}

constexpr auto connack = PacketType::connack, puback = PacketType::puback,
               pubrec = PacketType::pubrec, pubrel = PacketType::pubrel,
               pubcomp = PacketType::pubcomp, suback = PacketType::suback,
               unsuback = PacketType::unsuback, disconnect = PacketType::disconnect,
               auth = PacketType::auth;
constexpr std::uint16_t acknowledgements = in(puback, pubrec);
constexpr std::uint16_t answers = in(connack, puback, pubrec, suback, unsuback);

// Table 2.6, and who may send a code: the tables of 3.2.2.2, 3.4.2.1, 3.5.2.1, 3.6.2.1, 3.7.2.1,
// 3.9.3, 3.11.3, 3.14.2.1 and 3.15.2.1. 0x8C stands at DISCONNECT only in table 2.6.
constexpr std::array<ReasonRule, 45> rules{{
    {ReasonCode::success, "Success", in(puback, pubrec, pubrel, pubcomp),
     in(connack, puback, pubrec, pubrel, pubcomp, unsuback, auth)},
    {ReasonCode::normal_disconnection, "Normal disconnection", in(disconnect), in(disconnect)},
    {ReasonCode::granted_qos_0, "Granted QoS 0", 0, in(suback)},
    {ReasonCode::granted_qos_1, "Granted QoS 1", 0, in(suback)},
    {ReasonCode::granted_qos_2, "Granted QoS 2", 0, in(suback)},
    {ReasonCode::disconnect_with_will_message, "Disconnect with Will Message", in(disconnect), 0},
    {ReasonCode::no_matching_subscribers, "No matching subscribers", 0, acknowledgements},
    {ReasonCode::no_subscription_existed, "No subscription existed", 0, in(unsuback)},
    {ReasonCode::continue_authentication, "Continue authentication", in(auth), in(auth)},
    {ReasonCode::re_authenticate, "Re-authenticate", in(auth), 0},
    {ReasonCode::unspecified_error, "Unspecified error", in(puback, pubrec, disconnect),
     in(connack, puback, pubrec, suback, unsuback, disconnect)},
    {ReasonCode::malformed_packet, "Malformed Packet", in(disconnect), in(connack, disconnect)},
    {ReasonCode::protocol_error, "Protocol Error", in(disconnect), in(connack, disconnect)},
    {ReasonCode::implementation_specific_error, "Implementation specific error",
     in(puback, pubrec, disconnect), static_cast<std::uint16_t>(answers | in(disconnect))},
    {ReasonCode::unsupported_protocol_version, "Unsupported Protocol Version", 0, in(connack)},
    {ReasonCode::client_identifier_not_valid, "Client Identifier not valid", 0, in(connack)},
    {ReasonCode::bad_user_name_or_password, "Bad User Name or Password", 0, in(connack)},
    {ReasonCode::not_authorized, "Not authorized", acknowledgements,
     static_cast<std::uint16_t>(answers | in(disconnect))},
    {ReasonCode::server_unavailable, "Server unavailable", 0, in(connack)},
    {ReasonCode::server_busy, "Server busy", 0, in(connack, disconnect)},
    {ReasonCode::banned, "Banned", 0, in(connack)},
    {ReasonCode::server_shutting_down, "Server shutting down", 0, in(disconnect)},
    {ReasonCode::bad_authentication_method, "Bad authentication method", 0,
     in(connack, disconnect)},
    {ReasonCode::keep_alive_timeout, "Keep Alive timeout", 0, in(disconnect)},
    {ReasonCode::session_taken_over, "Session taken over", 0, in(disconnect)},
    {ReasonCode::topic_filter_invalid, "Topic Filter invalid", 0, in(suback, unsuback, disconnect)},
    {ReasonCode::topic_name_invalid, "Topic Name invalid", in(puback, pubrec, disconnect),
     in(connack, puback, pubrec, disconnect)},
    {ReasonCode::packet_identifier_in_use, "Packet Identifier in use", acknowledgements,
     in(puback, pubrec, suback, unsuback)},
    {ReasonCode::packet_identifier_not_found, "Packet Identifier not found", in(pubrel, pubcomp),
     in(pubrel, pubcomp)},
    {ReasonCode::receive_maximum_exceeded, "Receive Maximum exceeded", in(disconnect),
     in(disconnect)},
    {ReasonCode::topic_alias_invalid, "Topic Alias invalid", in(disconnect), in(disconnect)},
    {ReasonCode::packet_too_large, "Packet too large", in(disconnect), in(connack, disconnect)},
    {ReasonCode::message_rate_too_high, "Message rate too high", in(disconnect), in(disconnect)},
    {ReasonCode::quota_exceeded, "Quota exceeded", in(puback, pubrec, disconnect),
     in(connack, puback, pubrec, suback, disconnect)},
    {ReasonCode::administrative_action, "Administrative action", in(disconnect), in(disconnect)},
    {ReasonCode::payload_format_invalid, "Payload format invalid", in(puback, pubrec, disconnect),
     in(connack, puback, pubrec, disconnect)},
    {ReasonCode::retain_not_supported, "Retain not supported", 0, in(connack, disconnect)},
    {ReasonCode::qos_not_supported, "QoS not supported", 0, in(connack, disconnect)},
    {ReasonCode::use_another_server, "Use another server", 0, in(connack, disconnect)},
    {ReasonCode::server_moved, "Server moved", 0, in(connack, disconnect)},
    {ReasonCode::shared_subscriptions_not_supported, "Shared Subscriptions not supported", 0,
     in(suback, disconnect)},
    {ReasonCode::connection_rate_exceeded, "Connection rate exceeded", 0, in(connack, disconnect)},
    {ReasonCode::maximum_connect_time, "Maximum connect time", 0, in(disconnect)},
    {ReasonCode::subscription_identifiers_not_supported, "Subscription Identifiers not supported",
     0, in(suback, disconnect)},
    {ReasonCode::wildcard_subscriptions_not_supported, "Wildcard Subscriptions not supported", 0,
     in(suback, disconnect)},
}};

}  // namespace

std::span<const ReasonRule> reason_rules() { return rules; }

const ReasonRule* find_reason(std::uint8_t code, PacketType type) {
  for (const ReasonRule& rule : rules) {
    if (static_cast<std::uint8_t>(rule.code) != code) continue;
    if (((rule.from_client | rule.from_server) & in(type)) != 0) return &rule;
  }
  return nullptr;
}

bool may_send(const ReasonRule& rule, PacketType type, Sender sender) {
  return ((sender == Sender::client ? rule.from_client : rule.from_server) & in(type)) != 0;
}

std::string_view name(ReasonCode code, PacketType type) {
  const ReasonRule* rule = find_reason(static_cast<std::uint8_t>(code), type);
  return rule ? rule->name : "?";
}

}  // namespace mqttlab
