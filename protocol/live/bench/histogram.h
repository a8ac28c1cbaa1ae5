// Histogram: durations in buckets that widen with them.
#pragma once

#include <array>
#include <cstdint>

#include "protocol/peer.h"

namespace mqttlab::bench {

/// 64 buckets for each power of two: a quantile is at most 1.6 % too high, whatever its size.
class Histogram {
 public:
  void add(Time duration);
  [[nodiscard]] std::uint64_t count() const { return count_; }
  /// The duration that this share (0 to 1) of all does not exceed; 0 if there are none.
  [[nodiscard]] Time quantile(double share) const;
  [[nodiscard]] Time longest() const { return longest_; }

 private:
  static constexpr int bits = 6;  // of 64 buckets
  static constexpr std::size_t buckets = std::size_t{64 - bits} << bits;
  static std::size_t bucket_of(std::uint64_t value);
  static std::uint64_t last_of(std::size_t bucket);
  std::array<std::uint64_t, buckets> counts_{};
  std::uint64_t count_ = 0;
  Time longest_ = 0;
};

}  // namespace mqttlab::bench
