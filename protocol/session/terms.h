// Terms: what the other end of one connection has announced.
#pragma once

#include <cstdint>
#include <optional>

#include "protocol/wire/codec.h"
#include "protocol/wire/packet.h"

namespace mqttlab {

/// What this end may send on one connection. A new link has new terms; nothing of them belongs to
/// the session. Before 5.0 nobody announces anything, and the defaults stand.
struct Terms {
  ProtocolVersion version = ProtocolVersion::v3_1_1;
  std::uint16_t receive_maximum = 65'535;
  std::uint32_t max_packet_size = max_remaining_length + 5;  ///< bytes, fixed header included
  std::uint16_t topic_alias_maximum = 0;
  // A client's:
  bool problem_information = true;    ///< Reason String and User Property may come everywhere
  bool response_information = false;  ///< Response Information is asked for
  // A server's:
  QoS maximum_qos = QoS::exactly_once;
  bool retain_available = true;
  bool wildcards_available = true;
  bool identifiers_available = true;
  bool shared_available = true;
  std::optional<std::uint16_t> keep_alive_s = {};
  std::optional<std::uint32_t> session_expiry_s = {};
};

/// Whether the other end takes a packet of this size (v5 MQTT-3.1.2-24, MQTT-3.2.2-15).
[[nodiscard]] bool takes(const Terms& terms, const Packet& packet);

[[nodiscard]] Terms terms_of(const Connect& connect);
[[nodiscard]] Terms terms_of(const Connack& connack, ProtocolVersion version);

}  // namespace mqttlab
