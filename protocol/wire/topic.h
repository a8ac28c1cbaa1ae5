// Topic names and filters: validity and matching, on UTF-8 bytes as received (MQTT-4.7.3-4).
#pragma once

#include <optional>
#include <string_view>

#include "protocol/wire/packet_type.h"

namespace mqttlab {

/// Well-formed UTF-8 without surrogates or U+0000; U+FEFF is a character like any other
/// (MQTT-1.5.3-1 to -3; in 5.0 MQTT-1.5.4-1, MQTT-1.5.4-2 and MQTT-1.5.4-3).
[[nodiscard]] bool valid_utf8(std::string_view text);
/// 1 to 65,535 bytes of valid UTF-8 without wildcards (MQTT-3.3.2-2, MQTT-4.7.1-1, MQTT-4.7.3-1 to
/// -3).
[[nodiscard]] bool valid_topic_name(std::string_view topic);
/// 1 to 65,535 bytes of valid UTF-8 with wildcards only where they may stand (MQTT-4.7.1-2, -3).
[[nodiscard]] bool valid_topic_filter(std::string_view filter);
/// True if a valid filter matches a valid topic name; a leading wildcard never matches a leading
/// '$' (MQTT-4.7.2-1).
[[nodiscard]] bool matches(std::string_view filter, std::string_view topic);

// The same rules, telling which one is broken: the id of its statement in 3.1.1, or empty.
[[nodiscard]] std::string_view utf8_fault(std::string_view text);
[[nodiscard]] std::string_view topic_name_fault(std::string_view topic);
[[nodiscard]] std::string_view topic_filter_fault(std::string_view filter);

inline constexpr std::string_view not_utf8 = "MQTT-1.5.3-1", wildcard_in_name = "MQTT-4.7.1-1";
/// What one of these faults is called in `version`; U+0000 has a statement of its own in topics.
enum class TextKind : std::uint8_t { string, topic };
[[nodiscard]] std::string_view in_version(std::string_view fault, ProtocolVersion version,
                                          TextKind kind = TextKind::string);

/// A shared subscription of 5.0: $share/{name}/{filter}.
struct SharedFilter {
  std::string_view share_name;
  std::string_view filter;
};
/// The parts of a filter that begins with $share/, valid or not; nullopt for any other filter.
[[nodiscard]] std::optional<SharedFilter> shared_filter(std::string_view filter);
/// MQTT-4.8.2-1 or -2 if a shared filter breaks it; empty for any other filter.
[[nodiscard]] std::string_view shared_filter_fault(std::string_view filter);

}  // namespace mqttlab
