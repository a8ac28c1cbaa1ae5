#include "protocol/wire/outbox.h"

#include <algorithm>
#include <cassert>

namespace mqttlab {
namespace {

// A running buffer is closed at this size, so that a slow reader's taken bytes are given back while
// the rest waits.
constexpr std::size_t own_piece_bytes = 4'096;
constexpr std::size_t own_piece_initial_bytes = 128;

}  // namespace

void Outbox::append(Bytes bytes) {
  if (bytes.empty()) return;
  const bool fits = first_ < pieces_.size() && pieces_.back().shared.empty() &&
                    pieces_.back().own.size() + bytes.size() <= own_piece_bytes;
  if (!fits) {
    pieces_.emplace_back();
    pieces_.back().own.reserve(own_piece_initial_bytes);
  }
  auto& own = pieces_.back().own;
  own.insert(own.end(), bytes.begin(), bytes.end());
  size_ += bytes.size();
}

void Outbox::append(const Slice& slice) {
  if (slice.size() < share_from) return append(slice.bytes());
  pieces_.push_back({{}, slice});
  size_ += slice.size();
}

std::size_t Outbox::pending(std::span<Bytes> pieces) const {
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

void Outbox::clear() {
  pieces_.clear();
  first_ = taken_ = size_ = publish_left_ = 0;
}

}  // namespace mqttlab
