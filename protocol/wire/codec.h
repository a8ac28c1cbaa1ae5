// Bytes <-> packets.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

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

/// What one receiver's copy of a PUBLISH has of its own.
struct PublishCopy {
  ProtocolVersion version = ProtocolVersion::v3_1_1;
  QoS qos = QoS::at_most_once;
  std::uint16_t packet_id = 0;
  bool dup = false;
  bool retain = false;
  // Of 5.0 only:
  std::optional<std::uint32_t> expiry_s = {};  ///< Message Expiry Interval: what is left of it
  Bytes identifiers = {};                      ///< Subscription Identifiers as encoded properties
  std::uint16_t alias = 0;                     ///< Topic Alias; 0: none
  bool alias_known = false;                    ///< the receiver has it: the topic is left out
};

/// A PUBLISH as the bytes that all who receive it share, whatever their version and QoS: encoded
/// once, written to many links.
class EncodedPublish {
 public:
  EncodedPublish() = default;
  /// `properties`: those that every receiver gets, without what is each copy's own. They are left
  /// out before 5.0.
  EncodedPublish(const Slice& topic, const Slice& payload, const Properties& properties = {});
  void append_to(Outbox& out, const PublishCopy& copy) const;
  /// Bytes of the packet that append_to() writes.
  [[nodiscard]] std::size_t size(const PublishCopy& copy) const;
  /// Bytes of topic, shared properties and payload, for those who account for memory.
  [[nodiscard]] std::size_t size() const { return head_.size() + payload_.size(); }
  [[nodiscard]] std::string_view topic() const;
  [[nodiscard]] const Slice& payload() const { return payload_; }
  /// Those that every receiver gets.
  [[nodiscard]] Properties properties() const {
    return Properties(head_.part(topic_field_size(), properties_size_));
  }

 private:
  [[nodiscard]] std::size_t topic_field_size() const { return head_.size() - properties_size_; }
  [[nodiscard]] std::size_t own_properties_size(const PublishCopy& copy) const;
  [[nodiscard]] std::size_t remaining_length(const PublishCopy& copy) const;

  Slice head_;     // the topic's field, then the shared properties without their length
  Slice payload_;  // shared with the message
  std::uint32_t properties_size_ = 0;
};

/// One line for people: "PUBLISH qos 1 dup id 7 topic a/b 20 B".
[[nodiscard]] std::string describe(const Packet& packet);

}  // namespace mqttlab
