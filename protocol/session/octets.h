// Octets as text: the same bytes, or base64 (RFC 4648), strict: one text for each byte string.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/peer.h"

namespace mqttlab {

[[nodiscard]] inline Bytes bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
[[nodiscard]] inline std::string_view text_of(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

enum class Base64 : std::uint8_t {
  standard,  ///< section 4, padded
  url,       ///< section 5, without padding, as tokens have it (RFC 7515, 2)
};

[[nodiscard]] std::string to_base64(Bytes bytes, Base64 variant = Base64::standard);
/// Nothing if to_base64() could not have written `text`.
[[nodiscard]] std::optional<std::vector<std::uint8_t>> from_base64(
    std::string_view text, Base64 variant = Base64::standard);

}  // namespace mqttlab
