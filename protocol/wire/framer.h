// Framer: cuts a byte stream into frames. Any split of the stream gives the same frames.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "protocol/wire/block_pool.h"
#include "protocol/wire/packet_type.h"
#include "protocol/wire/result.h"
#include "protocol/wire/slice.h"

namespace mqttlab {

/// The fixed header that every packet begins with (MQTT 2.2).
struct FixedHeader {
  std::uint8_t first_byte = 0;  ///< packet type and flags
  std::uint8_t size = 0;        ///< of the header itself, 2 to 5 bytes
  std::uint32_t remaining_length = 0;
  [[nodiscard]] std::size_t frame_size() const { return std::size_t{size} + remaining_length; }
};

/// The header at the front of a stream; nullopt inside if it is not whole yet. A Remaining Length
/// over four bytes, or longer than its value needs, is malformed (MQTT 2.2.3, table 2.4; in 5.0
/// MQTT-1.5.5-1). The version changes nothing but the name of that violation.
[[nodiscard]] Result<std::optional<FixedHeader>> read_fixed_header(
    Bytes front, ProtocolVersion version = ProtocolVersion::v3_1_1);

/// Owns the arrival buffer of one direction of one link. Frames are slices of it; a block that
/// slices still share is left to them and a new one begun. The limit is checked on the first five
/// bytes, and memory grows with what has arrived, never with what a header announces.
class Framer {
 public:
  /// `max_packet_size` in bytes, fixed header included; over it next() reports reason 0x95 with no
  /// statement, for the limit is this end's own. With a pool, a framer keeps no block once it has
  /// given all its frames.
  explicit Framer(std::uint32_t max_packet_size, BlockPool* pool = nullptr);

  [[nodiscard]] std::span<std::uint8_t> space();  ///< never empty
  void received(std::size_t n);                   ///< the first n bytes of space() are filled
  void append(Bytes bytes);                       ///< for taps: copies bytes in as if received
  /// The next whole frame; nullopt inside if more bytes are needed. After a violation the stream
  /// cannot be followed.
  [[nodiscard]] Result<std::optional<Slice>> next(
      ProtocolVersion version = ProtocolVersion::v3_1_1);
  /// Bytes of a frame that has begun and is not whole: the tail, if the stream ends here.
  [[nodiscard]] std::size_t buffered() const { return end_ - begin_; }
  [[nodiscard]] Bytes front() const { return {block_.get() + begin_, buffered()}; }
  /// Size of the present block, for those who account for memory.
  [[nodiscard]] std::size_t capacity() const { return capacity_; }

 private:
  [[nodiscard]] std::size_t block_bytes() const;
  void make_room();
  void release();
  std::uint32_t max_packet_size_;
  BlockPool* pool_;
  std::shared_ptr<std::uint8_t[]> block_;  // begun at the first space(): a silent link has none
  std::size_t capacity_ = 0, begin_ = 0, end_ = 0;
};

}  // namespace mqttlab
