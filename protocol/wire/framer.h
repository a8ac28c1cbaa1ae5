// Framer: cuts a byte stream into frames. Any split of the stream gives the same frames.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "protocol/wire/result.h"
#include "protocol/wire/slice.h"

namespace mqttlab {

/// Owns the arrival buffer of one direction of one link. Frames are slices of it; a block that
/// slices still share is left to them and a new one begun. The limit is checked on the first five
/// bytes, and memory grows with what has arrived, never with what a header announces.
class Framer {
 public:
  /// `max_packet_size` in bytes, fixed header included; over it next() reports a violation.
  explicit Framer(std::uint32_t max_packet_size);

  [[nodiscard]] std::span<std::uint8_t> space();  ///< never empty
  void received(std::size_t n);                   ///< the first n bytes of space() are filled
  void append(Bytes bytes);                       ///< for taps: copies bytes in as if received
  /// The next whole frame; nullopt inside if more bytes are needed. After a violation the stream
  /// cannot be followed.
  [[nodiscard]] Result<std::optional<Slice>> next();
  /// Bytes of a frame that has begun and is not whole: the tail, if the stream ends here.
  [[nodiscard]] std::size_t buffered() const { return end_ - begin_; }

 private:
  void make_room();
  std::uint32_t max_packet_size_;
  std::shared_ptr<std::uint8_t[]> block_;
  std::size_t capacity_ = 0, begin_ = 0, end_ = 0;
};

}  // namespace mqttlab
