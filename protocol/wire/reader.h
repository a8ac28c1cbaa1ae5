// Reader: takes fields off the front of a packet. The first failure sticks: reads after it give
// empty values, so decoders read like the standard and ask once, at the end, whether all went well.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "protocol/wire/properties.h"
#include "protocol/wire/reason_code.h"
#include "protocol/wire/result.h"
#include "protocol/wire/slice.h"
#include "protocol/wire/topic.h"
#include "protocol/wire/variable_byte_integer.h"

namespace mqttlab {

/// Contents and Remaining Length disagree: a field is cut, or bytes are left over.
inline constexpr Statement length_statement{"MQTT-2.2.3", "MQTT-2.1.4"};

class Reader {
 public:
  Reader(const Slice& frame, std::size_t position, Sender sender, ProtocolVersion version)
      : frame_(frame), position_(position), sender_(sender), version_(version) {}

  [[nodiscard]] Sender sender() const { return sender_; }
  [[nodiscard]] bool v5() const { return version_ == ProtocolVersion::v5_0; }
  [[nodiscard]] std::string_view in_version(const Statement& statement) const {
    return v5() ? statement.v5 : statement.v3;
  }
  void speak(ProtocolVersion version) { version_ = version; }  ///< CONNECT has named it

  // `missing`: the statement that is broken if the field is not there or cut.
  std::uint8_t u8(const Statement& missing = length_statement) {
    return take(1, missing) ? byte(-1) : std::uint8_t{0};
  }
  std::uint16_t u16(const Statement& missing = length_statement) {
    if (!take(2, missing)) return 0;
    return static_cast<std::uint16_t>(byte(-2) << 8 | byte(-1));
  }
  /// Two bytes of length and as many bytes.
  Slice binary(const Statement& missing = length_statement) {
    const std::uint16_t length = u16(missing);
    if (!take(length, missing)) return {};
    return frame_.part(position_ - length, length);
  }
  /// The same, holding UTF-8; `ill_formed` is this field's own form of MQTT-1.5.3-1.
  Slice utf8(const Statement& ill_formed, const Statement& missing = length_statement) {
    Slice field = binary(missing);
    if (ok()) check(utf8_fault(field.text()), ill_formed, TextKind::string);
    return field;
  }
  /// `wildcard`: the field's own statement against wildcards.
  Slice topic_name(const Statement& ill_formed, const Statement& missing = length_statement,
                   const Statement& wildcard = {"MQTT-4.7.1-1", "MQTT-4.7.0-1"}) {
    Slice field = binary(missing);
    if (ok()) check_topic_name(field, ill_formed, wildcard);
    return field;
  }
  /// A topic that may be empty in 5.0, where an alias can stand for it.
  Slice published_topic(const Statement& ill_formed, const Statement& wildcard) {
    Slice field = binary();
    if (ok() && !(v5() && field.empty())) check_topic_name(field, ill_formed, wildcard);
    return field;
  }
  Slice topic_filter(const Statement& ill_formed) {
    Slice field = binary();
    if (v5() && ok()) check(shared_filter_fault(field.text()), ill_formed, TextKind::topic);
    if (ok()) check(topic_filter_fault(field.text()), ill_formed, TextKind::topic);
    return field;
  }
  std::uint16_t packet_id(std::string_view zero) {
    const std::uint16_t id = u16();
    require(id != 0, protocol_error(zero));
    return id;
  }
  /// A property set of 5.0: its length, and the properties that `place` may have.
  Properties properties(PropertyPlace place) {
    if (!ok()) return {};
    const VariableByteInteger length = read_variable_byte_integer(rest_of_frame());
    require(length.form != VariableByteInteger::Form::malformed, malformed("MQTT-1.5.5-1"));
    if (!take(length.size, length_statement)) return {};
    require(length.size != 0, malformed(in_version(length_statement)));
    if (!take(length.value, length_statement) || length.value == 0) return {};
    Slice encoded = frame_.part(position_ - length.value, length.value);
    if (!violation_) violation_ = Properties::fault(encoded.bytes(), place, sender_);
    return Properties(std::move(encoded));
  }
  /// A reason code that this end may send in a packet of `type`.
  ReasonCode reason(PacketType type, std::string_view statement) {
    const std::uint8_t code = u8();
    if (!ok()) return {};
    const ReasonRule* rule = find_reason(code, type);
    require(rule != nullptr, malformed(statement));
    require(!rule || may_send(*rule, type, sender_), protocol_error(statement));
    return static_cast<ReasonCode>(code);
  }
  Slice rest() {
    Slice all = frame_.part(position_, left());
    position_ = frame_.size();
    return all;
  }

  /// Fails with `otherwise` unless `holds` or something has failed before.
  void require(bool holds, const Violation& otherwise) {
    if (!holds && !violation_) violation_ = otherwise;
  }
  void require(bool holds, const Rule& otherwise) {
    if (!holds) require(false, v5() ? otherwise.v5 : otherwise.v3);
  }
  [[nodiscard]] std::size_t left() const { return frame_.size() - position_; }
  [[nodiscard]] bool ok() const { return !violation_; }
  /// The first failure, if any.
  [[nodiscard]] const std::optional<Violation>& outcome() const { return violation_; }

 private:
  bool take(std::size_t n, const Statement& missing) {
    if (n > left()) require(false, malformed(in_version(missing)));
    if (!ok()) return false;
    position_ += n;
    return true;
  }
  [[nodiscard]] std::uint8_t byte(int from_position) const {
    return frame_.bytes()[position_ + static_cast<std::size_t>(from_position)];
  }
  [[nodiscard]] Bytes rest_of_frame() const { return frame_.bytes().subspan(position_); }
  void check_topic_name(const Slice& field, const Statement& ill_formed,
                        const Statement& wildcard) {
    const std::string_view fault = topic_name_fault(field.text());
    if (fault.empty()) return;
    if (fault == wildcard_in_name) return require(false, malformed(in_version(wildcard)));
    check(fault, ill_formed, TextKind::topic);
  }
  void check(std::string_view fault, const Statement& ill_formed, TextKind kind) {
    if (fault.empty()) return;
    const bool own = fault == not_utf8;
    // MQTT-1.5.3-1, MQTT-1.5.3-2, MQTT-4.7.3-2; v5 MQTT-1.5.4-1, v5 MQTT-1.5.4-2, U-1.5.4-1
    require(false,
            malformed(own ? in_version(ill_formed) : mqttlab::in_version(fault, version_, kind)));
  }

  const Slice& frame_;
  std::size_t position_;
  Sender sender_;
  ProtocolVersion version_;
  std::optional<Violation> violation_;
};

}  // namespace mqttlab
