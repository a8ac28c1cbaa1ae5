// Timers: absolute due times in one heap.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

#include "protocol/peer.h"

namespace mqttlab {

/// Due times with a payload each. Equal times come out in the order they were set. There is no
/// cancel: an owner that no longer wants a timer recognises it as stale when it comes out (its
/// epoch or due time moved on).
template <typename T>
class Timers {
 public:
  void set(Time due, T what) {
    heap_.push_back({due, next_++, std::move(what)});
    std::push_heap(heap_.begin(), heap_.end(), later);
  }
  [[nodiscard]] Time deadline() const { return heap_.empty() ? never : heap_.front().due; }
  /// The earliest timer that is due at `now`.
  std::optional<T> pop(Time now) {
    if (deadline() > now || heap_.empty()) return std::nullopt;
    std::pop_heap(heap_.begin(), heap_.end(), later);
    T what = std::move(heap_.back().what);
    heap_.pop_back();
    return what;
  }
  [[nodiscard]] std::size_t size() const { return heap_.size(); }
  /// Sweeps timers that their owner knows to be stale, for owners whose timers may be far away.
  template <typename Stale>
  void remove_if(Stale stale) {
    std::erase_if(heap_, [&](const Entry& entry) { return stale(entry.what); });
    std::make_heap(heap_.begin(), heap_.end(), later);
  }

 private:
  struct Entry {
    Time due;
    std::uint64_t order;
    T what;
  };
  static bool later(const Entry& a, const Entry& b) {
    return a.due != b.due ? a.due > b.due : a.order > b.order;
  }
  std::vector<Entry> heap_;
  std::uint64_t next_ = 0;
};

}  // namespace mqttlab
