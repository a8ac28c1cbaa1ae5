#include "protocol/session/octets.h"

namespace mqttlab {
namespace {

constexpr std::string_view alphabet(Base64 variant) {
  return variant == Base64::standard
             ? "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
             : "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
}

}  // namespace

std::string to_base64(Bytes bytes, Base64 variant) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  std::uint32_t bits = 0;
  int held = 0;  // bits that are in no character yet
  for (const std::uint8_t byte : bytes) {
    bits = bits << 8 | byte;
    for (held += 8; held >= 6; held -= 6) text += alphabet(variant)[bits >> (held - 6) & 63];
  }
  if (held > 0) text += alphabet(variant)[bits << (6 - held) & 63];
  while (variant == Base64::standard && text.size() % 4 != 0) text += '=';
  return text;
}

std::optional<std::vector<std::uint8_t>> from_base64(std::string_view text, Base64 variant) {
  std::string_view digits = text;
  if (variant == Base64::standard) {
    if (text.size() % 4 != 0) return std::nullopt;
    digits.remove_suffix(text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0);
  }
  std::vector<std::uint8_t> bytes;
  bytes.reserve(digits.size() * 3 / 4);
  std::uint32_t bits = 0;
  int held = 0;  // bits that are in no byte yet
  for (const char c : digits) {
    const std::size_t value = alphabet(variant).find(c);
    if (value == std::string_view::npos) return std::nullopt;
    bits = bits << 6 | static_cast<std::uint32_t>(value);
    held += 6;
    if (held < 8) continue;
    held -= 8;
    bytes.push_back(static_cast<std::uint8_t>(bits >> held));
  }
  // A whole character, or bits other than 0, behind the last byte.
  if (held >= 6 || (bits & ((1U << held) - 1)) != 0) return std::nullopt;
  return bytes;
}

}  // namespace mqttlab
