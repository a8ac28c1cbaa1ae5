// What the standard's tables say of each control packet type, in one table per numbering
// of its statements (3.1.1: 2.1 to 2.3; 5.0: 2.1 and 2.2.1).
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "protocol/wire/packet.h"

namespace mqttlab {

struct PacketRule {
  std::string_view name;
  bool from_client, from_server;  // who may send it (table 2.1)
  std::uint8_t flags;             // the low nibble of the first byte (table 2.2); PUBLISH: its own
  std::string_view flags_statement;        // broken by other flags
  std::string_view zero_id_statement;      // broken by packet id 0; empty: the packet has none
  std::string_view reason_statement = {};  // broken by a reason code of other packets (5.0)
};

inline constexpr std::uint8_t publish_retain = 0x01, publish_dup = 0x08;
inline constexpr int publish_qos_shift = 1;

using PacketRules = std::array<PacketRule, 16>;
inline constexpr PacketRules packet_rules_3{{
    {"?", false, false, 0, "", ""},
    {"CONNECT", true, false, 0, "MQTT-2.2.2-2", ""},
    {"CONNACK", false, true, 0, "MQTT-2.2.2-2", ""},
    {"PUBLISH", true, true, 0, "", "MQTT-2.3.1-1"},
    {"PUBACK", true, true, 0, "MQTT-2.2.2-2", "MQTT-2.3.1-6"},
    {"PUBREC", true, true, 0, "MQTT-2.2.2-2", "MQTT-2.3.1-6"},
    {"PUBREL", true, true, 2, "MQTT-3.6.1-1", "MQTT-2.3.1-6"},
    {"PUBCOMP", true, true, 0, "MQTT-2.2.2-2", "MQTT-4.3.3-2"},
    {"SUBSCRIBE", true, false, 2, "MQTT-3.8.1-1", "MQTT-2.3.1-1"},
    {"SUBACK", false, true, 0, "MQTT-2.2.2-2", "MQTT-2.3.1-7"},
    {"UNSUBSCRIBE", true, false, 2, "MQTT-3.10.1-1", "MQTT-2.3.1-1"},
    {"UNSUBACK", false, true, 0, "MQTT-2.2.2-2", "MQTT-2.3.1-7"},
    {"PINGREQ", true, false, 0, "MQTT-2.2.2-2", ""},
    {"PINGRESP", false, true, 0, "MQTT-2.2.2-2", ""},
    {"DISCONNECT", true, false, 0, "MQTT-3.14.1-1", ""},
    {"?", false, false, 0, "", ""},
}};

// 5.0 numbers its statements anew, lets servers say DISCONNECT, and adds AUTH.
inline constexpr PacketRules packet_rules_5{{
    {"?", false, false, 0, "", ""},
    {"CONNECT", true, false, 0, "U-2.1.3-1", ""},
    {"CONNACK", false, true, 0, "U-2.1.3-1", "", "MQTT-3.2.2-8"},
    {"PUBLISH", true, true, 0, "", "MQTT-2.2.1-3"},
    {"PUBACK", true, true, 0, "U-2.1.3-1", "MQTT-2.2.1-5", "MQTT-3.4.2-1"},
    {"PUBREC", true, true, 0, "U-2.1.3-1", "MQTT-2.2.1-5", "MQTT-3.5.2-1"},
    {"PUBREL", true, true, 2, "U-2.1.3-1", "MQTT-2.2.1-5", "MQTT-3.6.2-1"},
    {"PUBCOMP", true, true, 0, "U-2.1.3-1", "MQTT-2.2.1-5", "MQTT-3.7.2-1"},
    {"SUBSCRIBE", true, false, 2, "U-2.1.3-1", "MQTT-2.2.1-3"},
    {"SUBACK", false, true, 0, "U-2.1.3-1", "MQTT-2.2.1-6", "MQTT-3.9.3-2"},
    {"UNSUBSCRIBE", true, false, 2, "U-2.1.3-1", "MQTT-2.2.1-3"},
    {"UNSUBACK", false, true, 0, "U-2.1.3-1", "MQTT-2.2.1-6", "MQTT-3.11.3-2"},
    {"PINGREQ", true, false, 0, "U-2.1.3-1", ""},
    {"PINGRESP", false, true, 0, "U-2.1.3-1", ""},
    {"DISCONNECT", true, true, 0, "U-2.1.3-1", "", "MQTT-3.14.2-1"},
    {"AUTH", true, true, 0, "U-2.1.3-1", "", "MQTT-3.15.2-1"},
}};

[[nodiscard]] constexpr const PacketRule& rule_of(PacketType type, ProtocolVersion version) {
  const PacketRules& rules = version == ProtocolVersion::v5_0 ? packet_rules_5 : packet_rules_3;
  return rules[static_cast<std::uint8_t>(type) & 0x0F];
}

// Connect Flags (MQTT 3.1.2.3).
namespace connect_flag {
inline constexpr std::uint8_t reserved = 0x01, clean_session = 0x02, will = 0x04, will_qos = 0x18,
                              will_retain = 0x20, password = 0x40, user_name = 0x80;
inline constexpr int will_qos_shift = 3;
}  // namespace connect_flag

// Subscription Options (MQTT 5.0, 3.8.3.1).
namespace subscription_option {
inline constexpr std::uint8_t qos = 0x03, no_local = 0x04, retain_as_published = 0x08,
                              retain_handling = 0x30, reserved = 0xC0;
inline constexpr int retain_handling_shift = 4;
}  // namespace subscription_option

struct ProtocolName {
  std::string_view name;
  ProtocolVersion version;
};
inline constexpr std::array<ProtocolName, 3> protocol_names{{
    {"MQIsdp", ProtocolVersion::v3_1},
    {"MQTT", ProtocolVersion::v3_1_1},
    {"MQTT", ProtocolVersion::v5_0},
}};

}  // namespace mqttlab
