#include "protocol/link/lane.h"

#include <algorithm>
#include <utility>

namespace mqttlab {
namespace {

constexpr std::size_t most_waiting_bytes = 64 << 10;  // a sender's buffer
constexpr std::size_t most_held_bytes = 1 << 20;      // a receiver's window
constexpr Time greeting_patience = 1 * second;        // TCP_TIMEOUT_INIT
constexpr Time most_patience = 120 * second;          // TCP_RTO_MAX
constexpr int hints_of_loss = 3;                      // duplicate acknowledgements (RFC 5681)

Way other(Way way) { return way == Way::up ? Way::down : Way::up; }

}  // namespace

Lane::Lane(Medium& medium, Way way) : medium_(medium), way_(way) {}

Lane::~Lane() { medium_.leave(way_, this); }

void Lane::greet(Time now) {
  open_ = false;
  push(Content::greeting, now);
}

void Lane::open(Time now) {
  open_ = true;
  advance(now);
}

std::size_t Lane::room() const {
  if (swallows_) return most_waiting_bytes;
  if (waiting_bytes_ >= most_waiting_bytes || held_bytes_ >= most_held_bytes) return 0;
  return std::min(most_waiting_bytes - waiting_bytes_, most_held_bytes - held_bytes_);
}

void Lane::write(Bytes bytes, Time now) {
  if (swallows_) return;
  waiting_bytes_ += bytes.size();
  held_bytes_ += bytes.size();
  while (!bytes.empty()) {
    const bool new_one = segments_.size() == offered_ ||
                         segments_.back().content != Content::bytes ||
                         segments_.back().bytes.size() == segment_bytes;
    if (new_one) segments_.emplace_back();
    auto& into = segments_.back().bytes;
    const auto part = bytes.first(std::min(bytes.size(), segment_bytes - into.size()));
    into.insert(into.end(), part.begin(), part.end());
    bytes = bytes.subspan(part.size());
  }
  advance(now);
}

void Lane::finish(Ending ending, Time now) {
  push(ending == Ending::fin ? Content::fin : Content::reset, now);
}

void Lane::push(Content content, Time now) {
  if (swallows_) return;
  segments_.emplace_back().content = content;
  advance(now);
}

std::size_t Lane::pending(std::span<Bytes> pieces) const {
  std::size_t count = 0, skip = front_taken_;
  std::uint64_t left = limit_ - delivered_;
  for (const Segment& segment : segments_) {
    if (segment.state != State::arrived || segment.content != Content::bytes) break;
    if (count == pieces.size() || left == 0) break;
    const Bytes piece = Bytes(segment.bytes).subspan(skip);
    pieces[count] =
        piece.first(static_cast<std::size_t>(std::min<std::uint64_t>(left, piece.size())));
    left -= pieces[count++].size();
    skip = 0;
  }
  return count;
}

void Lane::taken(std::size_t n, Time now) {
  delivered_ += n;
  held_bytes_ -= n;
  front_taken_ += n;
  while (front_taken_ > 0 && front_taken_ >= segments_.front().bytes.size()) {
    front_taken_ -= segments_.front().bytes.size();
    segments_.pop_front();
    --offered_;
  }
  advance(now);
}

std::optional<Lane::Ending> Lane::ended() const {
  if (segments_.empty() || segments_.front().state != State::arrived) return std::nullopt;
  if (segments_.front().content == Content::fin) return Ending::fin;
  if (segments_.front().content == Content::reset) return Ending::reset;
  return std::nullopt;
}

void Lane::take_back(Time now) {
  if (front_taken_ > 0) {
    auto& bytes = segments_.front().bytes;
    bytes.erase(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(front_taken_));
    front_taken_ = 0;
  }
  for (Segment& segment : segments_)
    if (segment.state == State::arrived) lose(segment, now);
  advance(now);
}

void Lane::swallow() {
  swallows_ = true;
  segments_.clear();
  offered_ = waiting_bytes_ = held_bytes_ = front_taken_ = 0;
  repeat_at_ = deadline_ = never;
  medium_.leave(way_, this);
}

void Lane::advance(Time now) {
  if (swallows_) return;
  arrive(now);
  repeat(now);
  send_waiting(now);
  account(now);
}

void Lane::arrive(Time now) {
  int behind_a_loss = 0;
  bool loss = false;
  for (std::size_t i = 0; i < offered_; ++i) {
    Segment& segment = segments_[i];
    if (segment.state == State::flying && segment.arrival <= now) {
      if (medium_.arrives(way_)) {
        segment.state = State::arrived;
      } else if (segment.content == Content::reset) {
        return drop_reset();
      } else {
        lose(segment, now);
      }
    }
    loss |= segment.state == State::lost;
    behind_a_loss += loss && segment.state == State::arrived;
  }
  if (behind_a_loss >= hints_of_loss && !std::exchange(hurried_, true))
    repeat_at_ = std::min(repeat_at_, now + medium_.crossing(other(way_)));
  if (!segments_.empty() && segments_.front().content == Content::greeting &&
      segments_.front().state == State::arrived) {
    greeted_ = true;
    segments_.pop_front();
    --offered_;
  }
}

void Lane::repeat(Time now) {
  if (repeat_at_ > now) return;
  auto lost = first_lost();
  if (lost == segments_.end()) {
    repeat_at_ = never;
    return;
  }
  if (!medium_.has_room(way_, now)) {
    repeat_at_ = medium_.room_at(way_);
    return;
  }
  const Time patience = lost->content == Content::greeting ? greeting_patience : medium_.patience();
  lost->repeated = true;
  if (!offer(*lost, now)) {
    ++in_vain_;
    hurried_ = true;
    medium_.leave(way_, this);
    repeat_at_ = now + std::min(patience << std::min(in_vain_, 10U), most_patience);
    return;
  }
  // Others that were lost with it follow at once.
  in_vain_ = 0;
  hurried_ = false;
  repeat_at_ = never;
  for (; (lost = first_lost()) != segments_.end();) {
    if (!medium_.has_room(way_, now)) {
      repeat_at_ = medium_.room_at(way_);
      return;
    }
    lost->repeated = true;
    if (offer(*lost, now)) continue;
    repeat_at_ = now + medium_.patience();
    return;
  }
}

void Lane::send_waiting(Time now) {
  while (offered_ < segments_.size() && may_send(segments_[offered_])) {
    if (!medium_.is_turn_of(way_, this, now)) return;
    Segment& segment = segments_[offered_++];
    waiting_bytes_ -= segment.bytes.size();
    if (offer(segment, now)) continue;
    if (segment.content == Content::reset) return drop_reset();
    lose(segment, now);
  }
}

// Nobody sends it again, and nothing is behind it.
void Lane::drop_reset() {
  segments_.pop_back();
  --offered_;
}

bool Lane::may_send(const Segment& segment) const {
  return in_vain_ == 0 && (open_ || segment.content == Content::greeting);
}

// True if the medium carries it.
bool Lane::offer(Segment& segment, Time now) {
  const auto arrival =
      medium_.offer(way_, static_cast<std::uint32_t>(segment.bytes.size()), segment.repeated, now);
  if (!arrival) return false;
  segment.state = State::flying;
  segment.arrival = *arrival;
  return true;
}

void Lane::lose(Segment& segment, Time now) {
  segment.state = State::lost;
  if (repeat_at_ != never) return;
  hurried_ = false;
  repeat_at_ =
      now + (segment.content == Content::greeting ? greeting_patience : medium_.patience());
}

std::deque<Lane::Segment>::iterator Lane::first_lost() {
  return std::ranges::find(segments_, State::lost, &Segment::state);
}

// A stall lasts from the loss of a segment until a repeat of it has arrived.
void Lane::account(Time now) {
  deadline_ = repeat_at_;
  bool stalled = false;
  for (std::size_t i = 0; i < offered_; ++i) {
    const Segment& segment = segments_[i];
    if (segment.state == State::flying) deadline_ = std::min(deadline_, segment.arrival);
    stalled |= segment.state == State::lost || (segment.repeated && segment.state == State::flying);
  }
  if (offered_ < segments_.size() && may_send(segments_[offered_]))
    deadline_ = std::min(deadline_, medium_.room_at(way_));
  if (stalled == stalled_) return;
  stalled_ = stalled;
  LinkCounters& counted = medium_.counters(way_);
  if (stalled) {
    ++counted.stalls;
    stalled_since_ = now;
  } else {
    counted.stalled += now - stalled_since_;
  }
}

}  // namespace mqttlab
