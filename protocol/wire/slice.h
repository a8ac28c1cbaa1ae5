// Slice: shared, immutable bytes. Messages are slices of the buffer they arrived in, not copies.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>

#include "protocol/peer.h"

namespace mqttlab {

/// A view of bytes together with a share in the memory that holds them. Copying is cheap and never
/// copies bytes.
class Slice {
 public:
  Slice() = default;
  Slice(std::shared_ptr<const std::uint8_t[]> block, const std::uint8_t* data, std::size_t size)
      : block_(std::move(block)), data_(data), size_(size) {}
  /// A slice of its own memory, with a copy of `bytes`. What is kept for long (retained messages,
  /// wills) is copied, so that twenty bytes do not hold on to a whole arrival buffer.
  [[nodiscard]] static Slice copy_of(Bytes bytes);
  [[nodiscard]] static Slice copy_of(std::string_view text);

  [[nodiscard]] Bytes bytes() const { return {data_, size_}; }
  [[nodiscard]] std::string_view text() const {
    return {reinterpret_cast<const char*>(data_), size_};
  }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  /// The part [offset, offset + size), which must lie inside.
  [[nodiscard]] Slice part(std::size_t offset, std::size_t size) const {
    return {block_, data_ + offset, size};
  }
  /// Equal bytes, wherever they lie.
  friend bool operator==(const Slice& a, const Slice& b) { return a.text() == b.text(); }

 private:
  std::shared_ptr<const std::uint8_t[]> block_;
  const std::uint8_t* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace mqttlab
