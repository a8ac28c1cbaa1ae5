// Random records: of every kind, and journals as a broker could write them.
#pragma once

#include <string>
#include <vector>

#include "protocol/journal/image.h"
#include "protocol/session/random.h"

namespace mqttlab::testing {

class RandomRecords {
 public:
  explicit RandomRecords(std::uint64_t seed) : random_(seed, "records") {}

  /// Any valid record of this kind, whatever it refers to.
  journal::Record of(std::size_t kind);
  /// One that follows from those before it in `image`.
  journal::Record next(const journal::Image& image);

 private:
  Slice text(std::size_t at_least = 0);
  Slice filter();
  Properties properties();
  journal::Message message();
  std::uint64_t number() { return 1 + random_.next() % 1'000'000; }
  std::uint16_t packet_id() { return static_cast<std::uint16_t>(1 + random_.below(65'535)); }
  bool flag() { return random_.below(2) == 0; }
  QoS qos() { return static_cast<QoS>(random_.below(3)); }

  Random random_;
  journal::Number next_ = 1;
};

}  // namespace mqttlab::testing
