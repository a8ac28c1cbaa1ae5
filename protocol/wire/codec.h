// Bytes <-> packets.
#pragma once

#include <cstdint>
#include <string>

#include "protocol/wire/outbox.h"
#include "protocol/wire/packet.h"
#include "protocol/wire/result.h"

namespace mqttlab {

/// The largest value of the Remaining Length field (MQTT 2.2.3).
inline constexpr std::uint32_t max_remaining_length = 268'435'455;

/// The Violation of a CONNECT whose protocol name is known and whose level is not: a broker answers
/// it with CONNACK 0x01 before it closes. Everything else that decode() finds just closes the link.
inline constexpr Violation unsupported_protocol_level{0x84, "MQTT-3.1.2-2"};

/// Decodes one whole frame (fixed header included, exact length), as `sender` may send it under
/// `version`. A CONNECT names its version itself: `version` is ignored for it. Strict: every
/// violation of the wire format is reported with its statement. Slices of the packet share the
/// frame's memory.
[[nodiscard]] Result<Packet> decode(const Slice& frame, Sender sender, ProtocolVersion version);

/// Appends the encoded packet. The packet must be valid (topics checked, ids not 0): callers hold
/// values that this end made or has decoded, and asserts check the rest.
void encode(const Packet& packet, ProtocolVersion version, Outbox& out);

/// A PUBLISH as the bytes that every subscriber of one layout shares: encoded once, written to many
/// links, each with its own packet id, DUP and RETAIN.
class EncodedPublish {
 public:
  EncodedPublish() = default;
  EncodedPublish(const Slice& topic, const Slice& payload, QoS qos, ProtocolVersion version);
  void append_to(Outbox& out, std::uint16_t packet_id, bool dup, bool retain) const;
  [[nodiscard]] std::size_t size() const {
    return head_.size() + payload_.size() + (qos_ == QoS::at_most_once ? 0 : 2);
  }

 private:
  Slice head_;     // fixed header with DUP 0 and RETAIN 0, and the topic
  Slice payload_;  // shared with the message
  QoS qos_ = QoS::at_most_once;
};

/// One line for people: "PUBLISH qos 1 dup id 7 topic a/b 20 B".
[[nodiscard]] std::string describe(const Packet& packet);

}  // namespace mqttlab
