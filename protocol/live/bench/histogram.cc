#include "protocol/live/bench/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace mqttlab::bench {

// Values under 2^(bits+1) have a bucket each; from there on the leading bits+1 bits choose it.
std::size_t Histogram::bucket_of(std::uint64_t value) {
  const int shift = std::max(0, static_cast<int>(std::bit_width(value)) - (bits + 1));
  return (static_cast<std::size_t>(shift) << bits) + (value >> shift);
}

std::uint64_t Histogram::last_of(std::size_t bucket) {
  if (bucket < (std::size_t{2} << bits)) return bucket;
  const std::size_t shift = (bucket >> bits) - 1;
  return (((bucket - (shift << bits)) + 1) << shift) - 1;
}

void Histogram::add(Time duration) {
  duration = std::max<Time>(0, duration);
  ++counts_[bucket_of(static_cast<std::uint64_t>(duration))];
  ++count_;
  longest_ = std::max(longest_, duration);
}

Time Histogram::quantile(double share) const {
  const auto wanted = static_cast<std::uint64_t>(std::ceil(share * static_cast<double>(count_)));
  std::uint64_t below = 0;
  for (std::size_t i = 0; i < buckets && count_ > 0; ++i) {
    below += counts_[i];
    if (below >= std::max<std::uint64_t>(1, wanted))
      return std::min(longest_, static_cast<Time>(last_of(i)));
  }
  return longest_;
}

}  // namespace mqttlab::bench
