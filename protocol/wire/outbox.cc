#include "protocol/wire/outbox.h"

#include <algorithm>
#include <cassert>

namespace mqttlab {
namespace {

// A running buffer is closed at this size, so that a slow reader's taken bytes are given back while
// the rest waits.
constexpr std::size_t own_piece_bytes = 4'096;
constexpr std::size_t own_piece_initial_bytes = 32;
// What an idle link may keep.
constexpr std::size_t kept_piece_bytes = 256;

}  // namespace

void Outbox::add_room(std::size_t n) {
  const bool extends = first_ < pieces_.size() && pieces_.back().shared.empty() &&
                       (empty() || pieces_.back().size + n <= own_piece_bytes);
  if (!extends) pieces_.emplace_back();
  Piece& last = pieces_.back();
  last.capacity = std::max(
      {own_piece_initial_bytes, last.size + n, std::min(2 * last.capacity, own_piece_bytes)});
  auto own = std::make_unique_for_overwrite<std::uint8_t[]>(last.capacity);
  std::copy_n(last.own.get(), last.size, own.get());
  last.own = std::move(own);
}

void Outbox::append(const Slice& slice) {
  if (slice.size() < share_from) return append(slice.bytes());
  if (empty()) pieces_.clear();
  pieces_.emplace_back().shared = slice;
  size_ += slice.size();
}

std::size_t Outbox::pending(std::span<Bytes> pieces) const {
  if (empty()) return 0;
  std::size_t filled = 0;
  for (std::size_t i = first_; i < pieces_.size() && filled < pieces.size(); ++i) {
    const Bytes bytes = pieces_[i].bytes();
    pieces[filled++] = i == first_ ? bytes.subspan(taken_) : bytes;
  }
  return filled;
}

void Outbox::sent(std::size_t n) {
  assert(n <= size_);
  size_ -= n;
  publish_left_ -= std::min(n, publish_left_);
  if (size_ == 0) return clear();
  taken_ += n;
  while (taken_ >= pieces_[first_].bytes().size()) {
    taken_ -= pieces_[first_].bytes().size();
    pieces_[first_++] = {};
  }
  // Moving the rest to the front only when it is the smaller part keeps the cost per piece
  // constant.
  if (first_ * 2 > pieces_.size()) {
    pieces_.erase(pieces_.begin(), pieces_.begin() + static_cast<std::ptrdiff_t>(first_));
    first_ = 0;
  }
}

// A link that writes a packet at a time, as most do, goes on using the same few bytes.
void Outbox::clear() {
  const bool keeps =
      !pieces_.empty() && pieces_.front().own && pieces_.front().capacity <= kept_piece_bytes;
  pieces_.resize(keeps ? 1 : 0);
  if (keeps) pieces_.front().size = 0;
  first_ = taken_ = size_ = publish_left_ = 0;
}

}  // namespace mqttlab
