#include "protocol/wire/topic.h"

#include <cstdint>
#include <cstring>

namespace mqttlab {
namespace {

constexpr std::size_t max_topic_bytes = 65'535;

// Length of the run of ASCII without U+0000 at the front, eight bytes at a time: nearly every topic
// is one.
std::size_t plain_prefix(std::string_view text) {
  constexpr std::uint64_t ones = 0x0101010101010101, highs = 0x8080808080808080;
  std::size_t i = 0;
  for (; i + 8 <= text.size(); i += 8) {
    std::uint64_t word;
    std::memcpy(&word, text.data() + i, 8);
    const std::uint64_t zero_or_high = ((word - ones) | word) & highs;
    if (zero_or_high != 0) break;
  }
  return i;
}

// Length of the well-formed sequence at the front (Unicode table 3-7), or 0: overlong forms,
// surrogates (U+D800 to U+DFFF) and everything above U+10FFFF show in the second byte.
std::size_t sequence_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const auto continues = [&](std::size_t i, std::uint8_t low = 0x80, std::uint8_t high = 0xBF) {
    return i < text.size() && byte(i) >= low && byte(i) <= high;
  };
  const std::uint8_t lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead < 0xC2) return 0;
  if (lead < 0xE0) return continues(1) ? 2 : 0;
  if (lead < 0xF0) {
    const std::uint8_t low = lead == 0xE0 ? 0xA0 : 0x80, high = lead == 0xED ? 0x9F : 0xBF;
    return continues(1, low, high) && continues(2) ? 3 : 0;
  }
  if (lead > 0xF4) return 0;
  const std::uint8_t low = lead == 0xF0 ? 0x90 : 0x80, high = lead == 0xF4 ? 0x8F : 0xBF;
  return continues(1, low, high) && continues(2) && continues(3) ? 4 : 0;
}

// What names and filters share (MQTT-4.7.3-1 to -3).
std::string_view common_fault(std::string_view topic) {
  if (topic.empty()) return "MQTT-4.7.3-1";
  if (topic.size() > max_topic_bytes) return "MQTT-4.7.3-3";
  return utf8_fault(topic);
}

// Takes the first level off `rest`; true if another one follows, which may be empty.
bool take_level(std::string_view& rest, std::string_view& level) {
  const std::size_t slash = rest.find('/');
  level = rest.substr(0, slash);
  if (slash == std::string_view::npos) return false;
  rest.remove_prefix(slash + 1);
  return true;
}

}  // namespace

std::string_view utf8_fault(std::string_view text) {
  text.remove_prefix(plain_prefix(text));
  while (!text.empty()) {
    if (text.front() == '\0') return "MQTT-1.5.3-2";
    const std::size_t length = sequence_length(text);
    if (length == 0) return not_utf8;
    text.remove_prefix(length);
  }
  return {};
}

std::string_view topic_name_fault(std::string_view topic) {
  if (const auto fault = common_fault(topic); !fault.empty()) return fault;
  for (const char character : topic)  // a call per character, find_first_of() makes
    if (character == '+' || character == '#') return wildcard_in_name;
  return {};
}

std::string_view topic_filter_fault(std::string_view filter) {
  if (const auto fault = common_fault(filter); !fault.empty()) return fault;
  std::string_view rest = filter, level;
  for (bool more = true; more;) {
    more = take_level(rest, level);
    if (level.find('#') != std::string_view::npos && (level.size() > 1 || more))
      return "MQTT-4.7.1-2";
    if (level.find('+') != std::string_view::npos && level.size() > 1) return "MQTT-4.7.1-3";
  }
  return {};
}

std::string_view in_version(std::string_view fault, ProtocolVersion version, TextKind kind) {
  struct Row {
    std::string_view v3, v5, v5_topic;
  };
  static constexpr Row rows[] = {
      {not_utf8, "U-1.5.4-1", "U-1.5.4-1"},
      {"MQTT-1.5.3-2", "U-1.5.4-1", "MQTT-4.7.3-2"},
      {wildcard_in_name, "MQTT-4.7.0-1", "MQTT-4.7.0-1"},
      {"MQTT-4.7.1-2", "MQTT-4.7.1-1", "MQTT-4.7.1-1"},
      {"MQTT-4.7.1-3", "MQTT-4.7.1-2", "MQTT-4.7.1-2"},
  };
  if (version != ProtocolVersion::v5_0) return fault;
  for (const Row& row : rows)
    if (row.v3 == fault) return kind == TextKind::topic ? row.v5_topic : row.v5;
  return fault;  // the same in both
}

std::optional<SharedFilter> shared_filter(std::string_view filter) {
  constexpr std::string_view prefix = "$share/";
  if (!filter.starts_with(prefix)) return std::nullopt;
  filter.remove_prefix(prefix.size());
  const std::size_t slash = filter.find('/');
  if (slash == std::string_view::npos) return SharedFilter{filter, {}};
  return SharedFilter{filter.substr(0, slash), filter.substr(slash + 1)};
}

std::string_view shared_filter_fault(std::string_view filter) {
  const auto shared = shared_filter(filter);
  if (!shared) return {};
  if (shared->share_name.empty()) return "MQTT-4.8.2-1";
  const bool wildcards = shared->share_name.find_first_of("+#") != std::string_view::npos;
  return wildcards || shared->filter.empty() ? "MQTT-4.8.2-2" : "";
}

bool valid_utf8(std::string_view text) { return utf8_fault(text).empty(); }
bool valid_topic_name(std::string_view topic) { return topic_name_fault(topic).empty(); }
bool valid_topic_filter(std::string_view filter) { return topic_filter_fault(filter).empty(); }

bool matches(std::string_view filter, std::string_view topic) {
  const bool wild_front = filter.starts_with('+') || filter.starts_with('#');
  if (wild_front && topic.starts_with('$')) return false;  // MQTT-4.7.2-1
  std::string_view filter_level, topic_level;
  for (;;) {
    const bool more_filter = take_level(filter, filter_level);
    if (filter_level == "#") return true;
    const bool more_topic = take_level(topic, topic_level);
    if (filter_level != "+" && filter_level != topic_level) return false;
    if (!more_topic)
      return !more_filter || filter == "#";  // "a/#" matches its parent "a" (4.7.1.2)
    if (!more_filter) return false;
  }
}

}  // namespace mqttlab
