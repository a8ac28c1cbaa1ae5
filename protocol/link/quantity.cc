#include "protocol/link/quantity.h"

#include <charconv>
#include <cmath>
#include <span>
#include <stdexcept>

namespace mqttlab {
namespace {

struct Unit {
  std::string_view name;
  double factor;
};

constexpr Unit times[] = {{"s", 1e9}, {"ms", 1e6},   {"us", 1e3},  {"ns", 1},
                          {"", 1e9},  {"min", 60e9}, {"h", 3600e9}};
constexpr Unit rates[] = {{"bit/s", 1},    {"kbit/s", 1e3}, {"Mbit/s", 1e6},
                          {"Gbit/s", 1e9}, {"bit", 1},      {"kbit", 1e3},
                          {"Mbit", 1e6},   {"Gbit", 1e9},   {"", 1}};
constexpr Unit fractions[] = {{"%", 0.01}, {"", 1}};

[[noreturn]] void reject(const std::string& where, std::string_view text, std::string_view how) {
  throw std::invalid_argument(where + ": cannot read '" + std::string(text) + "'; " +
                              std::string(how));
}

double parse(std::string_view text, std::span<const Unit> units, double most,
             const std::string& where, std::string_view how) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  if (error != std::errc() || !(number >= 0)) reject(where, text, how);
  for (const Unit& known : units)
    if (known.name == unit && number * known.factor <= most) return number * known.factor;
  reject(where, text, how);
}

}  // namespace

Time parse_time(std::string_view text, const std::string& where) {
  constexpr double longest_ns = 1e18;  // 31 years, and far from Time's overflow
  return std::llround(
      parse(text, times, longest_ns, where, "write seconds, or for instance 60ms, 1.5s or 10min"));
}

double parse_rate_bps(std::string_view text, const std::string& where) {
  return parse(text, rates, 1e12, where, "write for instance 384kbit/s or 2Mbit/s");
}

double parse_fraction(std::string_view text, const std::string& where) {
  return parse(text, fractions, 1, where, "write a number from 0 to 1, or for instance 2%");
}

std::uint64_t parse_count(std::string_view text, std::uint64_t least, const std::string& where) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < least)
    reject(where, text, "write a whole number from " + std::to_string(least) + " on");
  return number;
}

}  // namespace mqttlab
