// Writer: puts the fields of MQTT on an Outbox.
#pragma once

#include <cassert>

#include "protocol/wire/outbox.h"
#include "protocol/wire/packet_rules.h"
#include "protocol/wire/properties.h"
#include "protocol/wire/variable_byte_integer.h"

namespace mqttlab {

inline constexpr std::size_t length_prefix = 2, packet_id_bytes = 2;

[[nodiscard]] inline std::size_t field_size(const Slice& field) {
  return length_prefix + field.size();
}
/// Of a property set with its length: an empty one is a length of 0, and before 5.0
/// there is none.
[[nodiscard]] inline std::size_t properties_size(const Properties& properties,
                                                 ProtocolVersion version) {
  if (version != ProtocolVersion::v5_0) return 0;
  const std::size_t size = properties.bytes().size();
  return variable_byte_integer_size(size) + size;
}

[[nodiscard]] inline std::uint8_t first_byte(PacketType type, unsigned flags = 0) {
  // The same in all: MQTT-2.2.2-1, v5 MQTT-2.1.3-1.
  const std::uint8_t fixed = rule_of(type, ProtocolVersion::v5_0).flags;
  return static_cast<std::uint8_t>(static_cast<unsigned>(type) << 4 | fixed | flags);
}

[[nodiscard]] inline unsigned publish_flags(QoS qos, bool dup, bool retain) {
  assert(!dup || qos != QoS::at_most_once);  // MQTT-3.3.1-2
  return static_cast<unsigned>(qos) << publish_qos_shift | (dup ? publish_dup : 0u) |
         (retain ? publish_retain : 0u);
}

class Writer {
 public:
  Writer(Outbox& out, ProtocolVersion version) : out_(out), version_(version) {}
  [[nodiscard]] ProtocolVersion version() const { return version_; }
  [[nodiscard]] bool v5() const { return version_ == ProtocolVersion::v5_0; }

  /// Makes room for the whole of a small packet at once.
  void header(std::uint8_t first_byte, std::size_t remaining) {
    const std::size_t size = 1 + variable_byte_integer_size(remaining);
    if (remaining < Outbox::share_from) out_.reserve(size + remaining);
    std::uint8_t* at = out_.grow(size);
    *at++ = first_byte;
    write_variable_byte_integer(remaining, [&](std::uint8_t byte) { *at++ = byte; });
  }
  void u8(std::uint8_t value) { *out_.grow(1) = value; }
  void u16(std::size_t value) {
    assert(value <= 0xFFFF);
    std::uint8_t* at = out_.grow(2);
    at[0] = static_cast<std::uint8_t>(value >> 8);
    at[1] = static_cast<std::uint8_t>(value);
  }
  void text(std::string_view text) {
    u16(text.size());
    out_.append(Bytes(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()));
  }
  void field(const Slice& field) {
    u16(field.size());
    out_.append(field);
  }
  /// Nothing before 5.0.
  void properties(const Properties& properties, [[maybe_unused]] PropertyPlace place) {
    if (!v5()) return;
    const Slice& bytes = properties.bytes();
    assert(!Properties::fault(bytes.bytes(), place, std::nullopt));
    length(bytes.size());  // v5 MQTT-2.2.2-1
    out_.append(bytes);
  }
  void length(std::size_t value) {
    write_variable_byte_integer(value, [this](std::uint8_t byte) { u8(byte); });
  }
  /// One property of two or four bytes.
  void property(PropertyId id, std::uint32_t number) {
    u8(static_cast<std::uint8_t>(id));
    if (rule_of(id).type == PropertyType::four_byte_integer) u16(number >> 16);
    u16(number & 0xFFFF);
  }
  void raw(const Slice& bytes) { out_.append(bytes); }
  void raw(Bytes bytes) { out_.append(bytes); }
  void publish_ends() { out_.publish_ends(); }

 private:
  Outbox& out_;
  ProtocolVersion version_;
};

}  // namespace mqttlab
