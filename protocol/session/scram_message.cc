#include "protocol/session/scram_message.h"

#include <algorithm>
#include <array>

#include "protocol/session/octets.h"
#include "protocol/wire/topic.h"

namespace mqttlab {
namespace {

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

}  // namespace

ScramNonces scram_nonces(Random random) {
  return [random]() mutable {
    std::array<std::uint8_t, 18> bytes;
    for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random.below(256));
    return to_base64(bytes);
  };
}

ScramFields::ScramFields(Bytes message)
    : good_(message.size() <= most_bytes && valid_utf8(text_of(message))),
      rest_(text_of(message)) {}

std::optional<std::string_view> ScramFields::take_plain() {
  good_ = good_ && rest_;
  if (!good_) return std::nullopt;
  const std::size_t comma = rest_->find(',');
  const std::string_view text = rest_->substr(0, comma);
  if (comma == std::string_view::npos) {
    rest_.reset();
  } else {
    rest_->remove_prefix(comma + 1);
  }
  return text;
}

std::optional<std::string_view> ScramFields::take(char name) {
  const auto field = take_plain();
  good_ = field && field->size() > 2 && field->front() == name && (*field)[1] == '=';
  if (!good_) return std::nullopt;
  return field->substr(2);
}

void ScramFields::skip_extensions(char stop) {
  while (good_ && rest_ && (stop == '\0' || !rest_->starts_with(stop))) {
    const char name = rest_->empty() ? '\0' : rest_->front();
    good_ = is_letter(name) && name != 'm' && take(name);  // m: an extension that is no option
  }
}

bool scram_printable(std::string_view nonce) {
  return !nonce.empty() &&
         std::ranges::all_of(nonce, [](char c) { return c > ' ' && c < 127 && c != ','; });
}

std::string scram_escaped(std::string_view name) {
  std::string text;
  for (const char c : name) {
    if (c == ',') {
      text += "=2C";
    } else if (c == '=') {
      text += "=3D";
    } else {
      text += c;
    }
  }
  return text;
}

std::optional<std::string> scram_unescaped(std::string_view text) {
  std::string name;
  while (!text.empty()) {
    std::size_t taken = 1;
    if (text.front() != '=') {
      name += text.front();
    } else if (text.starts_with("=2C") || text.starts_with("=3D")) {
      name += text.starts_with("=2C") ? ',' : '=';
      taken = 3;
    } else {
      return std::nullopt;
    }
    text.remove_prefix(taken);
  }
  return name;
}

}  // namespace mqttlab
