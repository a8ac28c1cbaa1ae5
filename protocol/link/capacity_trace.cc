// Reads mahimahi's format: one time in ms per line, each an opportunity to deliver 1,500 bytes.
#include <charconv>
#include <stdexcept>

#include "protocol/link/link.h"
#include "protocol/link/recording.h"

namespace mqttlab {

std::shared_ptr<const CapacityTrace> CapacityTrace::parse(std::string_view name,
                                                          std::string_view text) {
  constexpr std::int64_t longest_ms = 1'000'000'000;  // eleven days; far from Time's overflow
  auto trace = std::make_shared<CapacityTrace>();
  trace->name = name;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const auto newline = text.find('\n');
    const auto line = trimmed(text.substr(0, newline));
    text.remove_prefix(newline == std::string_view::npos ? text.size() : newline + 1);
    if (line.empty()) continue;
    std::int64_t at_ms = 0;
    const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), at_ms);
    if (error != std::errc{} || end != line.data() + line.size() || at_ms < 0 || at_ms > longest_ms)
      bad_line(name, number, line, "is not a time in ms (a whole number from 0 to 1000000000)");
    if (!trace->opportunities.empty() && at_ms * millisecond < trace->opportunities.back())
      bad_line(name, number, line, "is earlier than the line before it; times must not decrease");
    trace->opportunities.push_back(at_ms * millisecond);
  }
  if (trace->opportunities.empty())
    throw std::invalid_argument("capacity trace '" + std::string(name) +
                                "' has no lines; each is to be a time in ms");
  trace->length = trace->opportunities.back();
  if (trace->length == 0)
    throw std::invalid_argument("capacity trace '" + std::string(name) +
                                "' ends at 0 ms; the last time is its length and must be over 0");
  return trace;
}

}  // namespace mqttlab
