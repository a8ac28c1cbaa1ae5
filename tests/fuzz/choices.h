// Choices: the bytes of a fuzzer, or of a random generator, as decisions.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <stdexcept>
#include <string>

#include "protocol/peer.h"

namespace mqttlab::fuzz {

/// What was found out. It is thrown: a test shows it, and a fuzzer stops.
struct Broken : std::logic_error {
  using std::logic_error::logic_error;
};
inline void require(bool holds, const char* what) {
  if (!holds) throw Broken(what);
}

/// One decision after the other, off the front. Once the bytes are used up every decision is the
/// first of its alternatives.
class Choices {
 public:
  explicit Choices(Bytes bytes) : left_(bytes) {}
  [[nodiscard]] bool empty() const { return left_.empty(); }
  [[nodiscard]] std::uint8_t byte() {
    const Bytes one = bytes(1);
    return one.empty() ? 0 : one[0];
  }
  /// 0 to bound - 1; bound is at most 65,536.
  [[nodiscard]] std::size_t below(std::size_t bound) {
    std::size_t number = byte();
    if (bound > 256) number = number << 8 | byte();
    return number % bound;
  }
  [[nodiscard]] bool one_in(std::size_t n) { return below(n) == n - 1; }
  template <typename T>
  [[nodiscard]] T one_of(std::initializer_list<T> alternatives) {
    return alternatives.begin()[below(alternatives.size())];
  }
  /// The next n bytes, or as many as there are.
  [[nodiscard]] Bytes bytes(std::size_t n) {
    const Bytes taken = left_.first(std::min(n, left_.size()));
    left_ = left_.subspan(taken.size());
    return taken;
  }

 private:
  Bytes left_;
};

}  // namespace mqttlab::fuzz
