#include "protocol/link/fault_watch.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "protocol/wire/framer.h"

namespace mqttlab {

FaultWatch::FaultWatch(const FaultPlan& plan, Way way, std::uint32_t connection) : plan_(plan) {
  for (std::size_t i = 0; i < plan.faults().size(); ++i) {
    const Trigger& when = plan.faults()[i].when;
    if (when.kind == Trigger::Kind::at || when.way != way) continue;
    if (when.connection && *when.connection != connection) continue;
    if (plan.has_happened(i) && !when.each) continue;
    faults_.push_back(i);
    if (when.kind == Trigger::Kind::bytes) add(when.bytes, i);
  }
}

std::optional<FaultWatch::Place> FaultWatch::next() const {
  return places_.empty() ? std::nullopt : std::optional(places_.front());
}

void FaultWatch::pass() { places_.erase(places_.begin()); }

void FaultWatch::add(std::uint64_t position, std::size_t fault) {
  const auto behind = std::ranges::upper_bound(places_, position, {}, &Place::position);
  places_.insert(behind, Place{position, fault});
}

void FaultWatch::feed(Bytes bytes, bool is_mqtt) {
  if (!is_mqtt || faults_.empty() || lost_track_) {
    position_ += bytes.size();
    return;
  }
  while (!bytes.empty()) {
    const auto skipped = static_cast<std::size_t>(std::min<std::uint64_t>(skip_, bytes.size()));
    skip_ -= skipped;
    position_ += skipped;
    bytes = bytes.subspan(skipped);
    if (bytes.empty()) return;
    if (header_.empty()) begun(bytes.front());
    header_.push_back(bytes.front());
    ++position_;
    bytes = bytes.subspan(1);
    const auto header = read_fixed_header(header_);
    if (!header) {
      lost_track_ = true;
      position_ += bytes.size();
      return;
    }
    if (!*header) continue;
    known((*header)->frame_size());
    skip_ = (*header)->remaining_length;
    header_.clear();
  }
}

void FaultWatch::begun(std::uint8_t first_byte) {
  begin_ = position_;
  type_ = static_cast<PacketType>(first_byte >> 4);
  const std::uint32_t count = ++counts_[first_byte >> 4];
  for (const std::size_t fault : faults_) {
    const Trigger& when = plan_.faults()[fault].when;
    if (when.packet != type_ || when.count != count) continue;
    if (when.kind == Trigger::Kind::before) add(begin_, fault);
    if (when.kind == Trigger::Kind::inside) add(begin_ + when.bytes, fault);
  }
}

// A packet that is too short has no such place inside.
void FaultWatch::known(std::size_t frame_size) {
  const std::uint32_t count = counts_[static_cast<std::size_t>(type_)];
  for (const std::size_t fault : faults_) {
    const Trigger& when = plan_.faults()[fault].when;
    if (when.packet != type_ || when.count != count) continue;
    if (when.kind == Trigger::Kind::after) add(begin_ + frame_size, fault);
    if (when.kind == Trigger::Kind::inside && when.bytes >= frame_size)
      std::erase_if(places_, [fault](const Place& place) { return place.fault == fault; });
  }
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
