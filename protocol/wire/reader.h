// Reader: takes fields off the front of a packet. The first failure sticks: reads after it give
// empty values, so decoders read like the standard and ask once, at the end, whether all went well.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "protocol/wire/result.h"
#include "protocol/wire/slice.h"
#include "protocol/wire/topic.h"

namespace mqttlab {

/// Contents and Remaining Length disagree: a field is cut, or bytes are left over.
inline constexpr std::string_view length_statement = "MQTT-2.2.3";

class Reader {
 public:
  Reader(const Slice& frame, std::size_t position) : frame_(frame), position_(position) {}

  // `missing`: the statement that is broken if the field is not there or cut.
  std::uint8_t u8(std::string_view missing = length_statement) {
    return take(1, missing) ? byte(-1) : std::uint8_t{0};
  }
  std::uint16_t u16(std::string_view missing = length_statement) {
    if (!take(2, missing)) return 0;
    return static_cast<std::uint16_t>(byte(-2) << 8 | byte(-1));
  }
  /// Two bytes of length and as many bytes.
  Slice binary(std::string_view missing = length_statement) {
    const std::uint16_t length = u16(missing);
    if (!take(length, missing)) return {};
    return frame_.part(position_ - length, length);
  }
  /// The same, holding UTF-8; `ill_formed` is this field's own form of MQTT-1.5.3-1.
  Slice utf8(std::string_view ill_formed, std::string_view missing = length_statement) {
    return checked(binary(missing), utf8_fault, ill_formed);
  }
  Slice topic_name(std::string_view ill_formed, std::string_view missing = length_statement) {
    return checked(binary(missing), topic_name_fault, ill_formed);
  }
  Slice topic_filter(std::string_view ill_formed) {
    return checked(binary(), topic_filter_fault, ill_formed);
  }
  std::uint16_t packet_id(std::string_view zero) {
    const std::uint16_t id = u16();
    require(id != 0, protocol_error(zero));
    return id;
  }
  Slice rest() {
    Slice all = frame_.part(position_, left());
    position_ = frame_.size();
    return all;
  }

  /// Fails with `otherwise` unless `holds` or something has failed before.
  void require(bool holds, Violation otherwise) {
    if (!holds && !violation_) violation_ = otherwise;
  }
  [[nodiscard]] std::size_t left() const { return frame_.size() - position_; }
  [[nodiscard]] bool ok() const { return !violation_; }
  [[nodiscard]] const Violation& violation() const { return *violation_; }

 private:
  bool take(std::size_t n, std::string_view missing) {
    require(n <= left(), malformed(missing));
    if (!ok()) return false;
    position_ += n;
    return true;
  }
  [[nodiscard]] std::uint8_t byte(int from_position) const {
    return frame_.bytes()[position_ + static_cast<std::size_t>(from_position)];
  }
  Slice checked(Slice field, std::string_view (*fault_of)(std::string_view),
                std::string_view ill_formed) {
    if (!ok()) return {};
    const std::string_view fault = fault_of(field.text());
    require(fault.empty(), malformed(fault == "MQTT-1.5.3-1" ? ill_formed : fault));
    return field;
  }

  const Slice& frame_;
  std::size_t position_;
  std::optional<Violation> violation_;
};

}  // namespace mqttlab
