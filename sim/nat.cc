#include "sim/nat.h"

#include <utility>

#include "sim/stream.h"

namespace mqttlab::sim {

NatBox::NatBox(const Nat& nat, std::uint64_t seed, const std::string& device, Forgotten forgotten)
    : nat_(nat), random_(seed, device + "/nat"), forgotten_(std::move(forgotten)) {}

std::optional<std::uint16_t> NatBox::up(std::uint16_t inside, bool opens, bool ends) {
  look(inside);
  auto known = mappings_.find(inside);
  if (known == mappings_.end()) {
    if (!opens && !nat_.rebind) return std::nullopt;
    // A new connection keeps its port if it can (RFC 4787, 4.2.1: port preservation).
    open(inside, opens && !inside_of_.contains(inside) ? inside : any_port());
    known = mappings_.find(inside);
  }
  known->second.refreshed = virtual_now();
  known->second.is_ending |= ends;
  return known->second.outside;
}

std::optional<std::uint16_t> NatBox::down(std::uint16_t outside, bool ends) {
  const auto inside = inside_of_.find(outside);
  if (inside == inside_of_.end()) return std::nullopt;
  const std::uint16_t port = inside->second;
  look(port);
  const auto known = mappings_.find(port);
  if (known == mappings_.end()) return std::nullopt;
  if (nat_.refreshed_by_down) known->second.refreshed = virtual_now();
  known->second.is_ending |= ends;
  return port;
}

std::uint16_t NatBox::inside_of(std::uint16_t outside) const {
  const auto inside = inside_of_.find(outside);
  return inside == inside_of_.end() ? outside : inside->second;
}

void NatBox::forget_all() {
  mappings_.clear();
  inside_of_.clear();
}

void NatBox::open(std::uint16_t inside, std::uint16_t outside) {
  Mapping& mapping = mappings_[inside];
  mapping.outside = outside;
  inside_of_[outside] = inside;
  given_.insert(outside);
  if (nat_.idle == never) return;
  mapping.refreshed = virtual_now();
  mapping.alarm = std::make_unique<Alarm>([this, inside] { look(inside); });
  mapping.alarm->set(mapping.refreshed + nat_.idle);
}

// A packet at the very instant of the timeout is too late, whichever comes first.
void NatBox::look(std::uint16_t inside) {
  const auto known = mappings_.find(inside);
  if (known == mappings_.end() || !known->second.alarm || keeps_) return;
  const Time due = known->second.refreshed + nat_.idle;
  if (virtual_now() < due) return known->second.alarm->set(due);
  const Mapping gone = std::move(known->second);  // its alarm may be ringing
  inside_of_.erase(gone.outside);
  mappings_.erase(known);
  if (!gone.is_ending) forgotten_(inside);
}

// One that no older connection has had: its peer may still send there, and ns-3's TCP, which begins
// each connection at the same sequence number, would take those bytes for the new one's.
std::uint16_t NatBox::any_port() {
  constexpr std::uint32_t first_port = 1'024, ports = 65'536 - first_port;
  if (given_.size() > ports / 2) given_.clear();
  for (;;) {
    const auto port = static_cast<std::uint16_t>(first_port + random_.below(ports));
    if (!inside_of_.contains(port) && !given_.contains(port)) return port;
  }
}

}  // namespace mqttlab::sim
