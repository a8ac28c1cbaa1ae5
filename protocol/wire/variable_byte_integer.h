// The Variable Byte Integer: seven bits a byte, one to four bytes, the shortest form only
// (MQTT 5.0, 1.5.5; the Remaining Length of every version).
#pragma once

#include <array>
#include <cassert>
#include <cstddef>
#include <cstdint>

#include "protocol/peer.h"

namespace mqttlab {

inline constexpr std::uint32_t max_variable_byte_integer = 268'435'455;
inline constexpr std::size_t max_variable_byte_integer_bytes = 4;

/// What stands at the front of some bytes.
struct VariableByteInteger {
  enum class Form : std::uint8_t { whole, cut, malformed };
  Form form = Form::cut;
  std::uint8_t size = 0;  ///< bytes taken, if it is whole
  std::uint32_t value = 0;
};

[[nodiscard]] constexpr VariableByteInteger read_variable_byte_integer(Bytes front) {
  using Form = VariableByteInteger::Form;
  std::uint32_t value = 0;
  for (std::uint8_t i = 0; i < max_variable_byte_integer_bytes; ++i) {
    if (i == front.size()) return {Form::cut, 0, 0};
    const std::uint8_t byte = front[i];
    value |= (byte & 0x7Fu) << (7 * i);
    if ((byte & 0x80) != 0) continue;
    const bool minimal = i == 0 || byte != 0;  // MQTT-1.5.5-1
    if (!minimal) break;
    return {Form::whole, static_cast<std::uint8_t>(i + 1), value};
  }
  return {Form::malformed, 0, 0};
}

[[nodiscard]] constexpr std::size_t variable_byte_integer_size(std::size_t value) {
  return value < 0x80 ? 1 : value < 0x40'00 ? 2 : value < 0x20'00'00 ? 3 : 4;
}

/// Calls put(byte) for each byte of the value.
template <typename Put>
constexpr void write_variable_byte_integer(std::size_t value, Put put) {
  assert(value <= max_variable_byte_integer);
  do {
    const bool more = value > 0x7F;
    put(static_cast<std::uint8_t>((value & 0x7F) | (more ? 0x80u : 0u)));
    value >>= 7;
  } while (value > 0);
}

}  // namespace mqttlab
