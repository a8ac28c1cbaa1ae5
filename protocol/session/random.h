// Random: the core's only entropy, seeded by its owner. Same seed and name, same numbers, on every
// platform and build.
#pragma once

#include <cstdint>
#include <string_view>

namespace mqttlab {

/// A small deterministic generator (xoshiro256**), seeded from (seed, name): every component has
/// its own stream, so that one more draw in one place changes nothing elsewhere. Not for secrets.
class Random {
 public:
  Random(std::uint64_t seed, std::string_view name);
  [[nodiscard]] std::uint64_t next();
  /// Uniform in [0, 1), from 53 bits.
  [[nodiscard]] double uniform();
  /// Uniform in [0, bound), without bias; bound > 0.
  [[nodiscard]] std::uint64_t below(std::uint64_t bound);
  /// Exponential with the given mean.
  [[nodiscard]] double exponential(double mean);

 private:
  std::uint64_t state_[4];
};

}  // namespace mqttlab
