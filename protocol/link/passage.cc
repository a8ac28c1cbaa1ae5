#include "protocol/link/passage.h"

#include <algorithm>
#include <utility>

namespace mqttlab {
namespace {

constexpr std::size_t space_bytes = 16 << 10;
constexpr std::size_t most_pieces = 64;  // of one write

// How the end itself sees what its host has seen of it.
CloseCause as_seen_by_the_end(CloseCause cause, bool aborted) {
  switch (cause) {
    case CloseCause::fin:
    case CloseCause::reset:
      return CloseCause::local;
    case CloseCause::timeout:
      return CloseCause::timeout;
    case CloseCause::local:
      break;
  }
  return aborted ? CloseCause::reset : CloseCause::fin;
}

}  // namespace

Passage::Passage(Medium& medium, FaultPlan& plan, std::uint32_t number, Owner& owner,
                 Watcher* watcher, Time now)
    : medium_(medium),
      plan_(plan),
      number_(number),
      owner_(owner),
      watcher_(watcher),
      lanes_{Lane(medium, Way::up), Lane(medium, Way::down)},
      watches_{FaultWatch(plan, Way::up, number), FaultWatch(plan, Way::down, number)},
      ends_{End(*this, LinkEnd::device), End(*this, LinkEnd::broker)},
      space_(space_bytes) {
  lane(Way::up).greet(now);
}

bool Passage::wants_dial() const {
  return lane(Way::up).is_greeted() && !dialing_ && !dialed_ && !refused_ &&
         !closed_[index(LinkEnd::device)] && !cut_;
}

void Passage::dialed(Time now) {
  dialing_ = false;
  dialed_ = true;
  if (is_mqtt_ == true) opened(LinkEnd::broker, now);
  if (closed_[index(LinkEnd::device)] || cut_) {
    aborted_[index(LinkEnd::broker)] = true;
    return;
  }
  lane(Way::down).greet(now);
  lane(Way::down).open(now);
  advance(now);
}

void Passage::not_dialed(Time) {
  dialing_ = false;
  refused_ = true;
  aborted_[index(LinkEnd::device)] = true;
}

bool Passage::is_aborted(LinkEnd end) const {
  return aborted_[index(end)] || lane(way_to(end)).ended() == Lane::Ending::reset;
}

bool Passage::is_over() const {
  return closed_[index(LinkEnd::device)] && (dialed_ ? closed_[index(LinkEnd::broker)] : !dialing_);
}

void Passage::cut(Cut how, Time) {
  if (cut_) return;
  cut_ = how;
  for (Lane& one : lanes_) one.swallow();
  if (how == Cut::reset || how == Cut::half_open) aborted_[index(LinkEnd::device)] = true;
  if (how == Cut::reset) aborted_[index(LinkEnd::broker)] = true;
}

Time Passage::deadline() const {
  return std::min(lane(Way::up).deadline(), lane(Way::down).deadline());
}

void Passage::advance(Time now) {
  for (Lane& one : lanes_)
    if (one.deadline() <= now) one.advance(now);
  if (answered_ || !lane(Way::down).is_greeted()) return;
  answered_ = true;
  lane(Way::up).open(now);
}

void Passage::first_bytes(Bytes bytes, Time now) {
  front_.insert(front_.end(), bytes.begin(), bytes.end());
  if (const auto is_mqtt = begins_like_mqtt(front_)) decide(*is_mqtt, now);
}

void Passage::decide(bool is_mqtt, Time now) {
  is_mqtt_ = is_mqtt;
  if (is_mqtt) {
    opened(LinkEnd::device, now);
    if (dialed_) opened(LinkEnd::broker, now);
  }
  send(LinkEnd::device, front_, now);
  front_ = {};
}

void Passage::send(LinkEnd from, Bytes bytes, Time now) {
  const Way way = way_from(from);
  if (watcher_ && watched_[index(from)]) watcher_->written(from, bytes, now);
  watch(way).feed(bytes, is_mqtt_ == true);
  faults(way, now);
  lane(way).write(bytes, now);
}

// Lets happen what belongs to the place at which the receiver is, and keeps it from going beyond
// the next.
void Passage::faults(Way way, Time now) {
  Lane& through = lane(way);
  for (auto place = watch(way).next(); place && !cut_; place = watch(way).next()) {
    through.set_limit(place->position);
    if (place->position > through.delivered()) return;
    watch(way).pass();
    if (!plan_.take(place->fault)) continue;
    const Fault& fault = plan_.faults()[place->fault];
    owner_.happened(fault, *this, now);
    if (fault.kind == Fault::Kind::cut)
      cut(fault.how, now);
    else if (!medium_.is_open(way))
      through.take_back(now);
  }
  through.set_limit(Lane::no_limit);
}

void Passage::opened(LinkEnd end, Time now) {
  if (!watcher_ || closed_[index(end)]) return;
  watched_[index(end)] = true;
  watcher_->opened(end, now);
}

void Passage::closed(LinkEnd end, CloseCause cause, Time now) {
  if (end == LinkEnd::device && !is_mqtt_) decide(false, now);
  if (watcher_ && watched_[index(end)])
    watcher_->closed(end, as_seen_by_the_end(cause, is_aborted(end)), now);
  closed_[index(end)] = true;
  lane(way_to(end)).swallow();
  Lane& out = lane(way_from(end));
  if (end == LinkEnd::device && !answered_) {
    out.swallow();  // who leaves before the handshake is over has sent nothing
    aborted_[index(LinkEnd::broker)] = true;
  } else if (cause == CloseCause::fin) {
    out.finish(Lane::Ending::fin, now);
  } else if (cause == CloseCause::reset) {
    out.finish(Lane::Ending::reset, now);
  }
}

std::span<std::uint8_t> Passage::End::space() {
  Passage& of = passage_;
  const std::size_t room = of.lane(way_from(which_)).room();
  return std::span(of.space_).first(std::min(room, of.space_.size()));
}

void Passage::End::received(std::size_t n, Time now) {
  const Bytes bytes = Bytes(passage_.space_).first(n);
  if (which_ == LinkEnd::device && !passage_.is_mqtt_)
    passage_.first_bytes(bytes, now);
  else
    passage_.send(which_, bytes, now);
}

std::size_t Passage::End::pending(std::span<Bytes> pieces) const {
  return passage_.lane(way_to(which_)).pending(pieces);
}

void Passage::End::sent(std::size_t n, Time now) {
  const Way way = way_to(which_);
  if (passage_.watcher_ && passage_.watched_[index(which_)]) {
    std::array<Bytes, most_pieces> pieces;
    const std::size_t count = passage_.lane(way).pending(pieces);
    std::size_t left = n;
    for (std::size_t i = 0; i < count && left > 0; ++i) {
      const Bytes piece = pieces[i].first(std::min(left, pieces[i].size()));
      passage_.watcher_->arrived(which_, piece, now);
      left -= piece.size();
    }
  }
  passage_.lane(way).taken(n, now);
  passage_.faults(way, now);
}

void Passage::End::closed(CloseCause cause, Time now) { passage_.closed(which_, cause, now); }

bool Passage::End::finished() const {
  return passage_.cut_ == Cut::fin || passage_.lane(way_to(which_)).ended() == Lane::Ending::fin;
}

}  // namespace mqttlab
