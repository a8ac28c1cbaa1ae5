// Outbox: what one link has still to write. Small packets are copied into one running buffer, large
// shared bytes are referenced, and the host takes both as a list of pieces.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "protocol/wire/slice.h"

namespace mqttlab {

class Outbox {
 public:
  /// Bytes at least this long are referenced, not copied; below it a copy is cheaper than a piece
  /// of its own.
  static constexpr std::size_t share_from = 512;

  void append(Bytes bytes);  ///< copies
  void append(
      const Slice& slice);  ///< references the slice's memory if it is at least share_from long
  /// Fills `pieces` from the front; returns how many it filled.
  [[nodiscard]] std::size_t pending(std::span<Bytes> pieces) const;
  void sent(std::size_t n);  ///< the first n bytes are gone; n <= size()
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  void clear();

 private:
  struct Piece {
    std::vector<std::uint8_t> own;  // used if `shared` is empty
    Slice shared;
    [[nodiscard]] Bytes bytes() const { return shared.empty() ? Bytes(own) : shared.bytes(); }
  };
  std::vector<Piece> pieces_;  // an idle link has none
  std::size_t first_ = 0;      // pieces before it are gone
  std::size_t taken_ = 0;      // bytes of the first piece that are gone
  std::size_t size_ = 0;
};

}  // namespace mqttlab
