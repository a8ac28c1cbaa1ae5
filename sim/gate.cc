#include "sim/gate.h"

#include <algorithm>
#include <array>
#include <utility>

#include "protocol/wire/framer.h"
#include "sim/stream.h"

namespace mqttlab::sim {
namespace {

constexpr std::size_t most_pieces = 16, room_bytes = 16 << 10;
constexpr std::size_t most_held = 128 << 10;  // as much as a socket's send buffer

/// In place of a Peer that has closed.
class Nobody final : public Peer {
 public:
  std::span<std::uint8_t> space() override { return room_; }
  void received(std::size_t, Time) override {}
  std::size_t pending(std::span<Bytes>) const override { return 0; }
  void sent(std::size_t, Time) override {}
  void closed(CloseCause, Time) override {}
  void advance(Time) override {}
  Time deadline() const override { return never; }
  bool finished() const override { return true; }

 private:
  std::array<std::uint8_t, 4096> room_{};  // of everybody who is gone: nothing reads it
};

constexpr Way way_from(trace::End end) { return end == trace::End::client ? Way::up : Way::down; }
constexpr Way other(Way way) { return way == Way::up ? Way::down : Way::up; }

}  // namespace

Gate::Gate(Peer& inner, Wire& wire, trace::End end, Stream& stream)
    : inner_(&inner),
      wire_(wire),
      end_(end),
      out_(way_from(end)),
      in_(other(out_)),
      stream_(stream),
      absorb_([this] { absorb(); }),
      look_([this] {
        settle();
        wire_.go_on(end_);
      }) {}

// Nothing passes any more, or not now: what has happened at a place may have ended its end, too.
bool Gate::is_over() const { return wire_.is_cut() || stream_.is_still(); }

// What leaves.

std::size_t Gate::gather(std::span<Bytes> pieces) const {
  if (held_.empty()) return inner_->pending(pieces);
  pieces[0] = held_;
  return 1 + (pieces.size() > 1 ? inner_->pending(pieces.subspan(1)) : 0);
}

std::size_t Gate::pending(std::span<Bytes> pieces) const {
  if (stream_.is_still()) return 0;  // a filter asks by itself
  if (acting_) {
    if (inner_->finished() && wants_more()) absorb_.set(virtual_now());
    return 0;
  }
  if (is_open() && let_go_ == 0) return inner_->pending(pieces);
  std::array<Bytes, most_pieces> all;
  const std::size_t count = gather(all);
  std::size_t known = let_go_;
  std::size_t offered = 0;
  for (const Bytes& piece : std::span(all).first(count)) {
    const std::size_t scanned = std::min(known, piece.size());
    known -= scanned;
    const std::size_t fresh = wire_.is_cut()
                                  ? piece.size() - scanned
                                  : wire_.watch(out_).feed_to_place(piece.subspan(scanned));
    let_go_ += fresh;
    const std::size_t free = scanned + fresh;
    if (free > 0 && offered < pieces.size()) pieces[offered++] = piece.first(free);
    if (free == piece.size()) continue;
    if (wants_more() || has_written()) absorb_.set(virtual_now());
    tell_receiver();
    break;
  }
  return offered;
}

// It may have all before the place already; told once, since it may be waiting, too.
void Gate::tell_receiver() const {
  const auto place = wire_.watch(out_).next();
  if (!place || std::exchange(told_, place->fault) == place->fault) return;
  wire_.go_on(end_ == trace::End::client ? trace::End::broker : trace::End::client);
}

void Gate::sent(std::size_t n, Time now) {
  std::size_t fresh = n - std::min(n, let_go_);
  let_go_ -= n - fresh;
  if (fresh > 0) {  // the way is open
    std::array<Bytes, trace::TappedPeer::most_pieces> pieces;
    const std::size_t count = inner_->pending(pieces);
    std::size_t skipped = n - fresh;
    for (const Bytes& piece : std::span(pieces).first(count)) {
      const Bytes rest = piece.subspan(std::min(skipped, piece.size()));
      skipped -= piece.size() - rest.size();
      const Bytes part = rest.first(std::min(fresh, rest.size()));
      wire_.watch(out_).feed(part, true);
      fresh -= part.size();
    }
  }
  const std::size_t held = std::min(n, held_.size());
  held_.erase(held_.begin(), held_.begin() + static_cast<std::ptrdiff_t>(held));
  if (n > held) inner_->sent(n - held, now);
}

bool Gate::wants_more() const {
  std::array<Bytes, 1> piece;
  return held_.size() < std::max(most_held, let_go_ + frame_size()) && inner_->pending(piece) > 0;
}

// The transport takes what its peer has to say, whether it may leave or not.
void Gate::absorb() {
  if (is_over()) return;
  const Time now = virtual_now();
  std::array<Bytes, most_pieces> pieces;
  const std::size_t before = held_.size();
  if (wants_more()) stream_.about_to_write();
  while (wants_more()) {
    const std::size_t count = inner_->pending(pieces);
    std::size_t size = 0;
    for (const Bytes& piece : std::span(pieces).first(count)) {
      held_.insert(held_.end(), piece.begin(), piece.end());
      size += piece.size();
    }
    inner_->sent(size, now);
  }
  if (held_.size() > before) wire_.go_on(end_);  // there is room for more
  while (has_written()) wire_.fire(out_);
}

std::size_t Gate::frame_size() const {
  const auto header = read_fixed_header(Bytes(held_).subspan(std::min(let_go_, held_.size())));
  return header && *header ? (*header)->frame_size() : 0;
}

// It is at a place where somebody waits for a packet that is written, and has all of that.
bool Gate::has_written() const {
  if (is_over()) return false;
  const auto place = wire_.watch(out_).next();
  const bool is_here = place && place->kind == Trigger::Kind::written &&
                       place->position == wire_.watch(out_).position();
  const std::size_t whole = is_here ? frame_size() : 0;
  return whole > 0 && held_.size() >= let_go_ + whole;
}

bool Gate::finished() const {
  if (!inner_->finished() || !held_.empty() || acting_) return false;
  std::array<Bytes, 1> piece;
  return wire_.watch(out_).is_idle() || inner_->pending(piece) == 0;
}

// What it has not acted on at a place there it will never act on.
bool Gate::is_deserted() const {
  if (!inner_->finished() || stream_.is_still() || (acting_ ? stream_.has_acted() : held_.empty()))
    return false;
  std::array<Bytes, 1> piece;
  return inner_->pending(piece) == 0;
}

void Gate::desert(Time now) {
  static Nobody nobody;
  look_.cancel();
  acting_ = false;
  inbox_.clear();
  std::exchange(inner_, &nobody)->closed(CloseCause::local, now);
  wire_.ends(in_);
}

// What arrives.

std::span<std::uint8_t> Gate::space() {
  if (!inbox_.empty()) drain(virtual_now());
  if (acting_ || !inbox_.empty() || stream_.is_still()) return {};
  const auto room = inner_->space();
  direct_ = !wire_.is_watched(in_);
  if (direct_ || room.empty()) return room;
  room_.resize(room_bytes);
  return std::span(room_).first(std::min(room.size(), room_bytes));
}

void Gate::received(std::size_t n, Time now) {
  if (wire_.is_cut()) return;
  if (direct_) {
    given_ += n;
    return inner_->received(n, now);
  }
  inbox_.insert(inbox_.end(), room_.begin(), room_.begin() + static_cast<std::ptrdiff_t>(n));
  drain(now);
}

void Gate::drain(Time now) {
  while (!acting_ && !is_over()) {
    const auto place = wire_.watch(in_).next();
    std::size_t most = inbox_.size();
    bool is_reached = false;
    if (place) {
      const bool unread = place->kind == Trigger::Kind::unread;
      is_reached = unread && given_ + inbox_.size() >= place->position;
      const std::uint64_t limit = is_reached ? place->begin : place->position;
      most = std::min<std::uint64_t>(most, limit > given_ ? limit - given_ : 0);
    }
    if (give(most, now) < most || !place) return;
    is_reached = is_reached || given_ == place->position;
    if (!is_reached || place->kind == Trigger::Kind::written) return;
    if (place->kind == Trigger::Kind::after && !stream_.has_acted()) {
      acting_ = true;
      look_.set(now);  // behind what its owner does at this instant
      return;
    }
    wire_.fire(in_);
  }
  if (wire_.is_cut()) inbox_.clear();
}

std::size_t Gate::give(std::size_t most, Time now) {
  std::size_t given = 0;
  while (given < most) {
    const auto room = inner_->space();
    const std::size_t n = std::min(room.size(), most - given);
    if (n == 0) break;
    std::copy_n(inbox_.begin() + static_cast<std::ptrdiff_t>(given), n, room.begin());
    given += n;
    given_ += n;
    inner_->received(n, now);
  }
  inbox_.erase(inbox_.begin(), inbox_.begin() + static_cast<std::ptrdiff_t>(given));
  return given;
}

void Gate::settle() {
  if (is_over() || (acting_ && !stream_.has_acted())) return;
  acting_ = false;
  if (wire_.is_watched(in_) || !inbox_.empty()) drain(virtual_now());
}

void Gate::closed(CloseCause cause, Time now) {
  absorb_.cancel();
  look_.cancel();
  inner_->closed(cause, now);
}

}  // namespace mqttlab::sim
