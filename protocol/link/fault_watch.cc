#include "protocol/link/fault_watch.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "protocol/wire/framer.h"

namespace mqttlab {
namespace {

constexpr std::uint8_t first_byte_qos = 0x06, first_byte_qos_2 = 0x04, first_byte_dup = 0x08;

PacketType type_of(std::uint8_t first_byte) { return static_cast<PacketType>(first_byte >> 4); }

}  // namespace

FaultWatch::FaultWatch(const FaultPlan& plan, Way way, std::uint32_t connection) {
  for (std::size_t i = 0; i < plan.faults().size(); ++i) {
    const Trigger& when = plan.faults()[i].when;
    if (when.kind == Trigger::Kind::at || when.way != way) continue;
    if (when.connection && *when.connection != connection) continue;
    if (!plan.has_happened(i) || when.each) arm(i, when);
  }
}

void FaultWatch::arm(std::size_t fault, const Trigger& when) {
  Armed armed{.fault = fault, .when = when};
  if (when.kind == Trigger::Kind::bytes) return add(position_ + when.bytes, armed);
  // A packet that others wait before has not begun.
  const bool is_early = when.kind != Trigger::Kind::before && when.kind != Trigger::Kind::written;
  armed.seen = !(begun_ && is_early);
  armed_.push_back(armed);
}

void FaultWatch::disarm(std::size_t fault) {
  std::erase_if(armed_, [fault](const Armed& armed) { return armed.fault == fault; });
  std::erase_if(places_, [fault](const Place& place) { return place.fault == fault; });
}

std::optional<FaultWatch::Place> FaultWatch::next() const {
  return places_.empty() ? std::nullopt : std::optional(places_.front());
}

void FaultWatch::pass() { places_.erase(places_.begin()); }

void FaultWatch::add(std::uint64_t position, const Armed& armed) {
  const auto behind = std::ranges::upper_bound(places_, position, {}, &Place::position);
  places_.insert(behind, Place{position, armed.fault, armed.when.kind, begin_});
}

void FaultWatch::feed(Bytes bytes, bool is_mqtt) {
  if (is_mqtt && !lost_track_)
    walk(bytes, false);
  else
    position_ += bytes.size();
}

std::size_t FaultWatch::feed_to_place(Bytes bytes) { return walk(bytes, true); }

std::size_t FaultWatch::walk(Bytes bytes, bool stops) {
  const std::size_t size = bytes.size();
  const auto room = [&] {
    if (!stops || places_.empty()) return bytes.size();
    return static_cast<std::size_t>(
        std::min<std::uint64_t>(places_.front().position - position_, bytes.size()));
  };
  while (room() > 0) {
    if (!lost_track_ && is_at_begin()) begin(bytes);
    const std::size_t most = room();
    if (most == 0) break;
    std::size_t n = most;
    if (lost_track_) {
      // Only counts.
    } else if (left_ > 0) {
      n = static_cast<std::size_t>(std::min<std::uint64_t>(left_, most));
      take_body(bytes.first(n));
    } else {
      n = 1;
      begun_ = false;
      position_ += n;
      lost_track_ = !take_header(bytes.front());
      bytes = bytes.subspan(n);
      continue;
    }
    position_ += n;
    bytes = bytes.subspan(n);
  }
  return size - bytes.size();
}

// Looks at the packet that comes next; again, if it had to wait and more has been armed meanwhile.
void FaultWatch::begin(Bytes bytes) {
  if (!begun_) {
    begun_ = true;
    begin_ = position_;
    first_byte_ = bytes.front();
    for (Armed& armed : armed_) armed.seen = armed.is_due = false;
  }
  const bool again = is_resent(bytes);
  for (Armed& armed : armed_)
    if (!std::exchange(armed.seen, true)) look(armed, again);
}

void FaultWatch::look(Armed& armed, bool is_resent) {
  const Trigger& when = armed.when;
  if (when.kind == Trigger::Kind::resent) {
    if (!is_resent) return;
    if (when.count == 0 && armed.count == 0) add(begin_, armed);
    armed.is_due = ++armed.count == when.count;
    return;
  }
  if (type_of(first_byte_) != when.packet || ++armed.count != when.count) return;
  if (when.kind == Trigger::Kind::before || when.kind == Trigger::Kind::written)
    add(begin_, armed);
  else if (when.kind == Trigger::Kind::inside)
    add(begin_ + when.bytes, armed);
  else
    armed.is_due = true;
}

bool FaultWatch::take_header(std::uint8_t byte) {
  header_.at(header_size_++) = byte;
  const auto header = read_fixed_header(Bytes(header_).first(header_size_));
  if (!header) return false;
  if (!*header) return true;
  known((*header)->frame_size());
  left_ = (*header)->remaining_length;
  header_size_ = body_at_ = topic_bytes_ = packet_id_ = 0;
  return true;
}

// A packet that is too short has no such place inside.
void FaultWatch::known(std::size_t frame_size) {
  for (const Armed& armed : armed_)
    if (armed.is_due) add(begin_ + frame_size, armed);
  std::erase_if(places_, [&](const Place& place) {
    return place.kind == Trigger::Kind::inside && place.begin == begin_ &&
           place.position >= begin_ + frame_size;
  });
}

// Remembers which PUBLISH of QoS 2 this connection has seen.
void FaultWatch::take_body(Bytes bytes) {
  const bool is_publish = type_of(first_byte_) == PacketType::publish &&
                          (first_byte_ & first_byte_qos) == first_byte_qos_2;
  const bool is_pubrel = type_of(first_byte_) == PacketType::pubrel;
  for (std::size_t i = 0; (is_publish || is_pubrel) && i < bytes.size(); ++i) {
    const std::uint64_t at = body_at_ + i;
    const std::uint64_t id_at = is_publish ? std::uint64_t{2} + topic_bytes_ : 0;
    if (is_publish && at < 2) {
      topic_bytes_ = topic_bytes_ << 8 | bytes[i];
    } else if (at == id_at) {
      packet_id_ = bytes[i];
    } else if (at == id_at + 1) {
      packet_id_ = packet_id_ << 8 | bytes[i];
      if (is_publish)
        published_.insert(packet_id_);
      else
        published_.erase(packet_id_);
    } else if (at > id_at) {
      break;
    }
  }
  body_at_ += bytes.size();
  left_ -= bytes.size();
}

bool FaultWatch::is_resent(Bytes packet) const {
  constexpr std::size_t pubrel_with_id = 4;
  const PacketType type = type_of(packet.front());
  if (type == PacketType::publish) return (packet.front() & first_byte_dup) != 0;
  if (type != PacketType::pubrel || packet.size() < pubrel_with_id) return false;
  return !published_.contains(static_cast<std::uint32_t>(packet[2] << 8 | packet[3]));
}

std::optional<bool> begins_like_mqtt(Bytes front) {
  constexpr std::uint8_t connect = 0x10;
  if (front.empty()) return std::nullopt;
  if (front.front() != connect) return false;
  const auto header = read_fixed_header(front);
  if (!header) return false;
  if (!*header) return std::nullopt;
  const Bytes body = front.subspan((*header)->size);
  bool open = false;
  for (const std::string_view name : {std::string_view("\0\4MQTT", 6), {"\0\6MQIsdp", 8}}) {
    const std::size_t size = std::min(body.size(), name.size());
    if (!std::equal(body.begin(), body.begin() + static_cast<std::ptrdiff_t>(size), name.begin()))
      continue;
    if (size == name.size()) return true;
    open = true;
  }
  return open ? std::nullopt : std::optional(false);
}

}  // namespace mqttlab
