#include "protocol/wire/framer.h"

#include <algorithm>
#include <cassert>
#include <cstring>

#include "protocol/wire/variable_byte_integer.h"

namespace mqttlab {
namespace {

constexpr std::size_t initial_block = 2'048;
// Below this much room a read is not worth its call.
constexpr std::size_t least_room = 256;

}  // namespace

Result<std::optional<FixedHeader>> read_fixed_header(Bytes front, ProtocolVersion version) {
  if (front.empty()) return std::optional<FixedHeader>();
  using Form = VariableByteInteger::Form;
  const VariableByteInteger length = read_variable_byte_integer(front.subspan(1));
  if (length.form == Form::cut) return std::optional<FixedHeader>();
  if (length.form == Form::malformed)
    return malformed(version == ProtocolVersion::v5_0 ? "MQTT-1.5.5-1" : "MQTT-2.2.3");
  return std::optional<FixedHeader>(
      {front[0], static_cast<std::uint8_t>(1 + length.size), length.value});
}

Framer::Framer(std::uint32_t max_packet_size, BlockPool* pool)
    : max_packet_size_(max_packet_size), pool_(pool) {}

std::span<std::uint8_t> Framer::space() {
  if (capacity_ - end_ < least_room) make_room();
  return {block_.get() + end_, capacity_ - end_};
}

void Framer::received(std::size_t n) {
  assert(n <= capacity_ - end_);
  end_ += n;
}

void Framer::append(Bytes bytes) {
  while (!bytes.empty()) {
    const auto room = space();
    const auto part = bytes.first(std::min(bytes.size(), room.size()));
    std::copy(part.begin(), part.end(), room.begin());
    received(part.size());
    bytes = bytes.subspan(part.size());
  }
}

Result<std::optional<Slice>> Framer::next(ProtocolVersion version) {
  if (buffered() == 0) {
    if (pool_) release();
    return std::optional<Slice>();
  }
  const Bytes live(block_.get() + begin_, buffered());
  const auto header = read_fixed_header(live, version);
  if (!header) return header.violation();
  if (!*header) return std::optional<Slice>();
  const std::size_t size = (*header)->frame_size();
  if (size > max_packet_size_) return Violation{0x95, ""};
  if (size > live.size()) return std::optional<Slice>();
  std::optional<Slice> frame(std::in_place, block_, live.data(), size);
  begin_ += size;
  // A block that has grown for one large packet belongs to that packet alone.
  if (begin_ == end_ && capacity_ > block_bytes()) release();
  return frame;
}

std::size_t Framer::block_bytes() const { return pool_ ? BlockPool::block_bytes : initial_block; }

void Framer::release() {
  if (pool_ && capacity_ == BlockPool::block_bytes) pool_->give(std::move(block_));
  block_.reset();
  capacity_ = begin_ = end_ = 0;
}

// Bytes that are buffered move to the front of the block if no slice shares it and its size fits,
// or else to a new block. Twice what has arrived is enough for growth to be geometric; a block that
// is four times too large was grown for packets that are gone.
void Framer::make_room() {
  const std::size_t live = buffered();
  const std::size_t wanted = std::max(block_bytes(), 2 * live);
  if (block_.use_count() == 1 && capacity_ >= wanted && capacity_ <= 4 * wanted) {
    std::memmove(block_.get(), block_.get() + begin_, live);
  } else {
    auto block = pool_ && wanted == BlockPool::block_bytes
                     ? pool_->take()
                     : std::make_shared_for_overwrite<std::uint8_t[]>(wanted);
    if (live > 0) std::memcpy(block.get(), block_.get() + begin_, live);
    block_ = std::move(block);
    capacity_ = wanted;
  }
  begin_ = 0;
  end_ = live;
}

}  // namespace mqttlab
