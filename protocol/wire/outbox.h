// Outbox: what one link has still to write. Small packets are copied into one running buffer, large
// shared bytes are referenced, and the host takes both as a list of pieces.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

#include "protocol/wire/slice.h"

namespace mqttlab {

class Outbox {
 public:
  /// Bytes at least this long are referenced, not copied; below it a copy is cheaper than a piece
  /// of its own.
  static constexpr std::size_t share_from = 512;

  void append(Bytes bytes) {  ///< copies
    if (!bytes.empty()) std::memcpy(grow(bytes.size()), bytes.data(), bytes.size());
  }
  /// References the slice's memory if it is at least share_from long.
  void append(const Slice& slice);
  /// `n` > 0 bytes at the end, for the caller to fill.
  [[nodiscard]] std::uint8_t* grow(std::size_t n) {
    reserve(n);
    Piece& last = pieces_.back();
    std::uint8_t* bytes = last.own.get() + last.size;
    last.size += n;
    size_ += n;
    return bytes;
  }
  /// The next `n` > 0 bytes that are copied in, however many at a time, come to lie together.
  void reserve(std::size_t n) {
    if (first_ == pieces_.size() || pieces_.back().capacity - pieces_.back().size < n) add_room(n);
  }
  /// Fills `pieces` from the front; returns how many it filled.
  [[nodiscard]] std::size_t pending(std::span<Bytes> pieces) const;
  void sent(std::size_t n);  ///< the first n bytes are gone; n <= size()
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  /// What has been appended so far ends with a PUBLISH.
  void publish_ends() { publish_left_ = size_; }
  /// For owners whose messages stop at `limit_bytes`: false once that many bytes of answers wait
  /// behind the last message. The message itself, however far over the limit it goes, must not
  /// keep its sender from reading: two ends that write long messages would wait for each other.
  [[nodiscard]] bool takes_answers(std::size_t limit_bytes) const {
    return size_ < 2 * limit_bytes || size_ - publish_left_ < limit_bytes;
  }
  void clear();

 private:
  struct Piece {
    std::unique_ptr<std::uint8_t[]> own;  // used if `shared` is empty
    std::size_t size = 0, capacity = 0;   // of `own`
    Slice shared;
    [[nodiscard]] Bytes bytes() const {
      return shared.empty() ? Bytes(own.get(), size) : shared.bytes();
    }
  };
  void add_room(std::size_t n);
  std::vector<Piece> pieces_;  // an idle link has one at most, and a small one
  std::size_t first_ = 0;      // pieces before it are gone
  std::size_t taken_ = 0;      // bytes of the first piece that are gone
  std::size_t size_ = 0;
  std::size_t publish_left_ = 0;  // of size_, up to the end of the last PUBLISH
};

}  // namespace mqttlab
