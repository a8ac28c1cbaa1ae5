#include "protocol/live/bench/tally.h"

namespace mqttlab::bench {

Tally::Tally(const Plan& plan)
    : pairs_(plan.pattern == Pattern::point_to_point),
      publishers_(plan.publishers),
      seen_(std::size_t{plan.subscribers} * (pairs_ ? 1 : plan.publishers)) {}

Tally::Arrival Tally::arrived(std::uint32_t subscriber, std::uint32_t publisher,
                              std::uint64_t sequence, std::uint64_t published) {
  const bool owed = pairs_ ? publisher == subscriber : publisher < publishers_;
  if (!owed || sequence >= published) {
    ++strangers_;
    return Arrival::stranger;
  }
  auto& seen = seen_[pairs_ ? subscriber : std::size_t{subscriber} * publishers_ + publisher];
  const std::size_t word = sequence / 64;
  if (word >= seen.size()) seen.resize(word + 1);
  const std::uint64_t bit = std::uint64_t{1} << sequence % 64;
  if ((seen[word] & bit) != 0) {
    ++duplicates_;
    return Arrival::duplicate;
  }
  seen[word] |= bit;
  ++delivered_;
  return Arrival::first;
}

}  // namespace mqttlab::bench
