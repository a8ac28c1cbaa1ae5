// Bytes <-> packets.
#pragma once

#include <cstdint>
#include <string>

#include "protocol/wire/outbox.h"
#include "protocol/wire/packet.h"
#include "protocol/wire/result.h"
#include "protocol/wire/variable_byte_integer.h"

namespace mqttlab {

/// The largest value of the Remaining Length field (MQTT 2.2.3).
inline constexpr std::uint32_t max_remaining_length = max_variable_byte_integer;

/// The Violation of a CONNECT whose protocol name is known and whose level is not: a broker answers
/// it with CONNACK 0x01 before it closes. Everything else that decode() finds just closes the link.
inline constexpr Violation unsupported_protocol_level{0x84, "MQTT-3.1.2-2"};

/// Decodes one whole frame (fixed header included, exact length), as `sender` may send it under
/// `version`. Strict: every violation of the wire format is reported with its statement. Slices of
/// the packet share the frame's memory.
/// A CONNECT names its version itself: 3.1 and 3.1.1 are read under any `version`, and level 5 only
/// under v5_0, else it is unsupported_protocol_level. So who speaks 5.0 passes v5_0 until CONNECT
/// has come, and everybody else need not know that it exists.
[[nodiscard]] Result<Packet> decode(const Slice& frame, Sender sender, ProtocolVersion version);

/// Appends the encoded packet; what `version` cannot carry (properties, reason codes, options of
/// 5.0) is left out. A CONNECT is written in its own version. The packet must be valid (topics
/// checked, ids not 0): callers hold values that this end made or has decoded, and asserts check
/// the rest.
void encode(const Packet& packet, ProtocolVersion version, Outbox& out);

/// A PUBLISH as the bytes that every subscriber of one layout shares: encoded once, written to many
/// links, each with its own packet id, DUP and RETAIN. Properties are shared as well, and left out
/// before 5.0.
class EncodedPublish {
 public:
  EncodedPublish() = default;
  EncodedPublish(const Slice& topic, const Slice& payload, QoS qos, ProtocolVersion version,
                 const Properties& properties = {});
  void append_to(Outbox& out, std::uint16_t packet_id, bool dup, bool retain) const;
  [[nodiscard]] std::size_t size() const {
    return head_.size() + payload_.size() + (qos_ == QoS::at_most_once ? 0 : 2);
  }

 private:
  Slice head_;               // fixed header with DUP 0 and RETAIN 0, the topic, and the properties
  Slice payload_;            // shared with the message
  std::uint32_t id_at_ = 0;  // where the packet id goes: in head_, after the topic
  QoS qos_ = QoS::at_most_once;
};

/// One line for people: "PUBLISH qos 1 dup id 7 topic a/b 20 B".
[[nodiscard]] std::string describe(const Packet& packet);

}  // namespace mqttlab
