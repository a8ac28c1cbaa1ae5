// What the standard's tables say of each control packet type, in one table (MQTT 2.1 to 2.3).
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
  std::string_view flags_statement;    // broken by other flags
  std::string_view zero_id_statement;  // broken by packet id 0; empty: the packet has none
};

inline constexpr std::uint8_t publish_retain = 0x01, publish_dup = 0x08;
inline constexpr int publish_qos_shift = 1;

inline constexpr std::array<PacketRule, 16> packet_rules{{
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

[[nodiscard]] constexpr const PacketRule& rule_of(PacketType type) {
  return packet_rules[static_cast<std::uint8_t>(type) & 0x0F];
}

// Connect Flags (MQTT 3.1.2.3).
namespace connect_flag {
inline constexpr std::uint8_t reserved = 0x01, clean_session = 0x02, will = 0x04, will_qos = 0x18,
                              will_retain = 0x20, password = 0x40, user_name = 0x80;
inline constexpr int will_qos_shift = 3;
}  // namespace connect_flag

struct ProtocolName {
  std::string_view name;
  ProtocolVersion version;
};
inline constexpr std::array<ProtocolName, 2> protocol_names{{
    {"MQIsdp", ProtocolVersion::v3_1},
    {"MQTT", ProtocolVersion::v3_1_1},
}};

}  // namespace mqttlab
