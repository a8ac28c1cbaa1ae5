// Quantities as people write them: "384kbit/s", "60ms", "2%".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "protocol/peer.h"

namespace mqttlab {

// Each throws std::invalid_argument naming `where`, the text and how to write it.
[[nodiscard]] Time parse_time(std::string_view text, const std::string& where);
[[nodiscard]] double parse_rate_bps(std::string_view text, const std::string& where);
[[nodiscard]] double parse_fraction(std::string_view text, const std::string& where);
/// A whole number of `least` or more.
[[nodiscard]] std::uint64_t parse_count(std::string_view text, std::uint64_t least,
                                        const std::string& where);

}  // namespace mqttlab
