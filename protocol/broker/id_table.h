// IdTable: a flat hash table of 32-bit ids. The keys stay with their owner, who hashes and compares
// them; a slot is eight bytes and a look-up mostly one cache line.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

namespace mqttlab {

/// Nothing here has an order: tables are looked up, never iterated.
class IdTable {
 public:
  static constexpr std::uint32_t none = 0xFFFF'FFFF;

  /// `equal(id)` tells whether that id has the key looked for.
  template <typename Equal>
  [[nodiscard]] std::uint32_t find(std::uint32_t hash, Equal equal) const {
    if (slots_.empty()) return none;
    for (std::size_t i = hash & mask();; i = (i + 1) & mask()) {
      if (slots_[i].id == none) return none;
      if (slots_[i].hash == hash && equal(slots_[i].id)) return slots_[i].id;
    }
  }
  /// The key must not be in the table.
  void insert(std::uint32_t hash, std::uint32_t id) {
    if ((size_ + 1) * 4 > slots_.size() * 3) grow();
    ++size_;
    place({hash, id});
  }
  /// The id must be in the table, under this hash.
  void erase(std::uint32_t hash, std::uint32_t id) {
    std::size_t hole = hash & mask();
    while (slots_[hole].id != id) hole = (hole + 1) & mask();
    // Entries behind the hole move up unless they already sit at or after their home: no
    // tombstones.
    for (std::size_t i = (hole + 1) & mask(); slots_[i].id != none; i = (i + 1) & mask()) {
      const std::size_t home = slots_[i].hash & mask();
      if (((i - home) & mask()) < ((i - hole) & mask())) continue;
      slots_[hole] = slots_[i];
      hole = i;
    }
    slots_[hole].id = none;
    --size_;
  }
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  struct Slot {
    std::uint32_t hash = 0;
    std::uint32_t id = none;
  };
  [[nodiscard]] std::size_t mask() const { return slots_.size() - 1; }
  void place(Slot slot) {
    std::size_t i = slot.hash & mask();
    while (slots_[i].id != none) i = (i + 1) & mask();
    slots_[i] = slot;
  }
  void grow() {
    std::vector<Slot> old(slots_.empty() ? 16 : slots_.size() * 2);
    old.swap(slots_);
    for (const Slot& slot : old)
      if (slot.id != none) place(slot);
  }
  std::vector<Slot> slots_;  // a power of two of them, at most three quarters in use
  std::size_t size_ = 0;
};

/// Mixes 64 bits so that the low 32 depend on all of them.
[[nodiscard]] inline std::uint64_t mix(std::uint64_t bits) {
  bits = (bits ^ (bits >> 32)) * 0x9E37'79B9'7F4A'7C15;
  return bits ^ (bits >> 29);
}

/// Seeded, so that strangers cannot choose topics that collide.
[[nodiscard]] inline std::uint32_t hash_of(std::string_view text, std::uint64_t seed) {
  std::uint64_t hash = mix(seed ^ text.size());
  while (!text.empty()) {
    std::uint64_t word = 0;
    const std::size_t n = text.size() < sizeof word ? text.size() : sizeof word;
    std::memcpy(&word, text.data(), n);
    hash = mix(hash ^ word);
    text.remove_prefix(n);
  }
  return static_cast<std::uint32_t>(mix(hash));
}

}  // namespace mqttlab
