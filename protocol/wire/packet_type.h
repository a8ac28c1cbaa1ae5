// What everything in the wire format is told by: version, packet type, end, QoS.
#pragma once

#include <cstdint>
#include <string_view>

namespace mqttlab {

/// The protocol level byte of CONNECT (MQTT-3.1.2-2). 3.1 differs from 3.1.1 only there and in its
/// name, MQIsdp.
enum class ProtocolVersion : std::uint8_t { v3_1 = 3, v3_1_1 = 4, v5_0 = 5 };

/// Table 2.1 of the standard.
enum class PacketType : std::uint8_t {
  connect = 1,
  connack,
  publish,
  puback,
  pubrec,
  pubrel,
  pubcomp,
  subscribe,
  suback,
  unsubscribe,
  unsuback,
  pingreq,
  pingresp,
  disconnect,
  auth,  ///< 5.0 only
};
[[nodiscard]] std::string_view name(
    PacketType type);  ///< "CONNECT", ...; "?" for a value outside the table

enum class QoS : std::uint8_t { at_most_once = 0, at_least_once = 1, exactly_once = 2 };

/// Which end of a link sends: a packet that only the other end may send is a violation.
enum class Sender : std::uint8_t { client, server };

}  // namespace mqttlab
