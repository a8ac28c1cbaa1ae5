// Table: a hash table from numbers other than 0 to values, in one block of memory. It has no order:
// whoever reports from it sorts first.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace mqttlab::oracle {

template <typename Value>
class Table {
 public:
  /// Null if the key is not there. Valid until the next insertion or erasure.
  [[nodiscard]] Value* find(std::uint64_t key) {
    if (size_ == 0) return nullptr;
    for (std::size_t i = home(key);; i = next(i)) {
      if (slots_[i].key == key) return &slots_[i].value;
      if (slots_[i].key == 0) return nullptr;
    }
  }
  /// The value of the key, made if it is not there. Valid until the next insertion or erasure.
  Value& operator[](std::uint64_t key) {
    if ((size_ + 1) * 4 > slots_.size() * 3) grow();
    std::size_t i = home(key);
    while (slots_[i].key != 0 && slots_[i].key != key) i = next(i);
    if (slots_[i].key == 0) {
      slots_[i].key = key;
      ++size_;
    }
    return slots_[i].value;
  }
  bool erase(std::uint64_t key) {
    if (size_ == 0) return false;
    std::size_t hole = home(key);
    while (slots_[hole].key != key) {
      if (slots_[hole].key == 0) return false;
      hole = next(hole);
    }
    // Later entries of the same run move up, so that no search ends at the hole.
    for (std::size_t i = next(hole); slots_[i].key != 0; i = next(i)) {
      const std::size_t wanted = home(slots_[i].key);
      if (((i - wanted) & mask()) < ((i - hole) & mask())) continue;
      slots_[hole] = std::move(slots_[i]);
      hole = i;
    }
    slots_[hole] = {};
    --size_;
    return true;
  }
  void clear() {
    slots_ = {};
    size_ = 0;
  }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }

  /// All keys, ascending.
  [[nodiscard]] std::vector<std::uint64_t> keys() const {
    std::vector<std::uint64_t> keys;
    keys.reserve(size_);
    for (const Slot& slot : slots_)
      if (slot.key != 0) keys.push_back(slot.key);
    std::sort(keys.begin(), keys.end());
    return keys;
  }

 private:
  struct Slot {
    std::uint64_t key = 0;
    Value value{};
  };
  [[nodiscard]] std::size_t mask() const { return slots_.size() - 1; }
  [[nodiscard]] std::size_t next(std::size_t i) const { return (i + 1) & mask(); }
  [[nodiscard]] std::size_t home(std::uint64_t key) const {
    return static_cast<std::size_t>((key * 0x9E3779B97F4A7C15ULL) >> 20) & mask();
  }
  void grow() {
    std::vector<Slot> old(std::max<std::size_t>(8, slots_.size() * 2));
    old.swap(slots_);
    size_ = 0;
    for (Slot& slot : old)
      if (slot.key != 0) (*this)[slot.key] = std::move(slot.value);
  }

  std::vector<Slot> slots_;  // a power of two, at most three quarters full
  std::size_t size_ = 0;
};

}  // namespace mqttlab::oracle
