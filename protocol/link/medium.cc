#include "protocol/link/medium.h"

#include <algorithm>
#include <string>

namespace mqttlab {
namespace {

constexpr Time least_patience = 200 * millisecond;  // Linux's TCP_RTO_MIN

// TCP hides from those who use it that packets were reordered, repeated or corrupted.
LinkSpec checked(LinkSpec link) {
  link.check();
  for (Direction* way : {&link.up, &link.down}) way->reorder = way->duplicate = way->corrupt = 0;
  return link;
}

}  // namespace

Medium::Medium(const LinkSpec& link, std::uint64_t seed, std::string_view device, Time now)
    : halves_{{{Pipe(checked(link), Way::up, seed, device), link.up.longest_delay()},
               {Pipe(checked(link), Way::down, seed, device), link.down.longest_delay()}}},
      patience_(halves_[0].crossing + halves_[1].crossing + least_patience),
      cycle_(link.cycle),
      random_(seed, std::string(device) + "/cycle") {
  if (cycle_) turn_at_ = now + cycle_->period(true, random_.uniform());
}

std::optional<Time> Medium::offer(Way way, std::uint32_t payload_bytes, bool is_repeat, Time now) {
  Half& half = halves_[index(way)];
  DirectionCounters& counted = half.counters.packets;
  const std::uint32_t bytes = packet_header_bytes + payload_bytes;
  ++counted.packets;
  counted.bytes += bytes;
  counted.header_bytes += packet_header_bytes;
  counted.payload_bytes += payload_bytes;
  if (is_repeat) counted.retransmitted_bytes += payload_bytes;
  if (!is_open(way)) {
    ++counted.lost_down;
    return std::nullopt;
  }
  const Offer offer = half.pipe.offer(bytes, now);
  switch (offer.fate) {
    case Fate::carried:
      return offer.arrival;
    case Fate::lost_random:
      ++counted.lost_random;
      break;
    case Fate::lost_burst:
      ++counted.lost_burst;
      break;
    case Fate::lost_queue:
      ++counted.lost_queue;
      break;
  }
  return std::nullopt;
}

bool Medium::has_room(Way way, Time now) { return halves_[index(way)].pipe.has_room(now); }

bool Medium::is_turn_of(Way way, const void* who, Time now) {
  auto& line = halves_[index(way)].line;
  const bool first = line.empty() || line.front() == who;
  if (first && has_room(way, now)) {
    if (!line.empty()) line.pop_front();
    return true;
  }
  if (std::ranges::find(line, who) == line.end()) line.push_back(who);
  return false;
}

void Medium::leave(Way way, const void* who) { std::erase(halves_[index(way)].line, who); }

Time Medium::room_at(Way way) const { return halves_[index(way)].pipe.room_at(); }

bool Medium::arrives(Way way) {
  DirectionCounters& counted = halves_[index(way)].counters.packets;
  ++(is_open(way) ? counted.delivered : counted.lost_down);
  return is_open(way);
}

void Medium::stop_cycle() {
  cycle_.reset();
  held_by_cycle_ = false;
  turn_at_ = never;
}

void Medium::lose_nothing() {
  for (Half& half : halves_) half.pipe.lose_nothing();
}

void Medium::advance(Time now) {
  while (turn_at_ <= now) {
    held_by_cycle_ = !held_by_cycle_;
    turn_at_ += cycle_->period(!held_by_cycle_, random_.uniform());
  }
}

}  // namespace mqttlab
