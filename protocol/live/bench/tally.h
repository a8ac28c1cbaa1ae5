// Tally: which messages have arrived where.
#pragma once

#include <cstdint>
#include <vector>

#include "protocol/live/bench/plan.h"

namespace mqttlab::bench {

/// One bit for each message and subscriber, so that counts are exact in whatever order messages
/// come.
class Tally {
 public:
  explicit Tally(const Plan& plan);
  enum class Arrival : std::uint8_t { first, duplicate, stranger };
  /// `stranger`: nothing that this subscriber should have got.
  Arrival arrived(std::uint32_t subscriber, std::uint32_t publisher, std::uint64_t sequence,
                  std::uint64_t published);

  [[nodiscard]] std::uint64_t delivered() const { return delivered_; }  ///< without duplicates
  [[nodiscard]] std::uint64_t duplicates() const { return duplicates_; }
  [[nodiscard]] std::uint64_t strangers() const { return strangers_; }

 private:
  bool pairs_;
  std::uint32_t publishers_;
  std::vector<std::vector<std::uint64_t>> seen_;  // by subscriber, then by publisher
  std::uint64_t delivered_ = 0, duplicates_ = 0, strangers_ = 0;
};

}  // namespace mqttlab::bench
