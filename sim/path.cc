#include "sim/path.h"

#include <ns3/nstime.h>
#include <ns3/simulator.h>

#include <algorithm>
#include <utility>

#include "sim/access_link.h"

namespace mqttlab::sim {
TcpPacket bytes_of(const ns3::Ptr<ns3::Packet>& packet) {
  std::vector<std::uint8_t> bytes(packet->GetSize());
  packet->CopyData(bytes.data(), packet->GetSize());
  return TcpPacket(std::move(bytes));
}

ns3::Ptr<ns3::Packet> packet_of(const TcpPacket& packet) {
  const auto& bytes = packet.bytes();
  return ns3::Create<ns3::Packet>(bytes.data(), static_cast<std::uint32_t>(bytes.size()));
}

void Path::disturb(Way way, const Disturbance& disturbance) {
  Side& here = side(way);
  here.now = disturbance;
  const bool frees_payload = disturbance.coalesce == 0 && !here.held.empty();
  const bool frees_fins = !disturbance.holds_fin && !here.fins.empty();
  if (frees_payload || frees_fins) release_later(way, 0);
}

// The device's own address is the one that packets come from on their way up.
std::uint64_t* Path::obstacle(Way way, const std::optional<Segment>& segment) {
  DirectionCounters& counters = exits_.counters(way);
  if (side(way).now.blackhole) return &counters.lost_blackhole;
  const auto device_end = [&] { return way == Way::up ? segment->source : segment->destination; };
  if (address_ && segment && device_end() != *address_) return &counters.lost_moved;
  return nullptr;
}

bool Path::is_open_to(Way way, const std::optional<Segment>& segment) {
  std::uint64_t* const lost = obstacle(way, segment);
  if (lost != nullptr) ++*lost;
  return lost == nullptr;
}

// The NAT stands between link and site: on its way down a packet comes to it first.
bool Path::enters(Way way, Packet& packet, std::uint16_t protocol,
                  const std::optional<Segment>& segment) {
  if (!is_open_to(way, segment)) return false;
  return way == Way::up || !nat_ || !segment || translate(way, packet, protocol);
}

bool Path::leaves(Way way, Packet& packet, std::uint16_t protocol) {
  const auto segment = segment_of(packet);
  if (!is_open_to(way, segment)) return false;
  if (!segment) return true;
  if (fills_checksums_) {
    TcpPacket whole = bytes_of(packet);
    whole.fill_checksums();
    packet = packet_of(whole);
  }
  return way == Way::down || !nat_ || translate(way, packet, protocol);
}

bool Path::translate(Way way, Packet& packet, std::uint16_t protocol) {
  TcpPacket whole = bytes_of(packet);
  const bool ends = whole.has(TcpPacket::fin) || whole.has(TcpPacket::rst);
  const bool opens = whole.has(TcpPacket::syn) && !whole.has(TcpPacket::ack);
  const std::uint16_t port = way == Way::up ? whole.source_port() : whole.destination_port();
  const auto other = way == Way::up ? nat_->up(port, opens, ends) : nat_->down(port, ends);
  if (!other) {
    ++exits_.counters(way).lost_nat;
    if (nat_->nat().on_expiry != Nat::Expiry::reset || whole.has(TcpPacket::rst)) return false;
    const Packet refusal = packet_of(whole.refusal());
    if (way == Way::up) {
      exits_.send(Way::down, refusal, protocol);
    } else {  // on the site's side of the link: nothing to cross
      ns3::Simulator::ScheduleWithContext(
          exits_.node(Way::up), ns3::Time(0),
          [this, refusal, protocol] { exits_.deliver(Way::up, refusal, protocol); });
    }
    return false;
  }
  if (*other == port) return true;
  way == Way::up ? whole.set_source_port(*other) : whole.set_destination_port(*other);
  packet = packet_of(whole);
  return true;
}

void Path::hand_over(Way way, const Packet& packet, std::uint16_t protocol) {
  Side& here = side(way);
  const Disturbance& now = here.now;
  const bool is_held_up = now.coalesce > 0 || now.holds_fin || now.segment_bytes > 0;
  std::uint64_t& delivered = exits_.counters(way).delivered;
  if (!is_held_up || !segment_of(packet)) {
    ++delivered;
    return exits_.deliver(way, packet, protocol);
  }
  here.protocol = protocol;
  Held one{bytes_of(packet)};
  one.port = way == Way::down ? one.packet.destination_port() : one.packet.source_port();
  if (way == Way::up && nat_) one.port = nat_->inside_of(one.port);
  if (now.holds_fin && one.packet.has(TcpPacket::fin)) {
    hold_fin(way, one);
    if (one.packet.payload().empty()) return;
    one.packet.drop_flag(TcpPacket::fin);
  }
  if (one.packet.has(TcpPacket::rst))  // nobody would read it any more
    delivered += std::erase_if(here.held, [&](const Held& it) { return it.port == one.port; });
  const bool waits = !one.packet.payload().empty() || one.packet.has(TcpPacket::fin);
  if (now.coalesce == 0 || !waits) {
    ++delivered;
    return give(way, one.packet);
  }
  here.held.push_back(std::move(one));
  if (!here.due) release_later(way, now.coalesce);
}

// One of each connection waits; repeats are counted with it.
void Path::hold_fin(Way way, const Held& one) {
  std::vector<Held>& fins = side(way).fins;
  auto fin = std::ranges::find(fins, one.port, &Held::port);
  if (fin == fins.end())
    fin = fins.insert(fin, {one.packet.part(one.packet.payload().size(), 0), one.port, 0});
  fin->packets += one.packet.payload().empty() ? 1 : 0;
}

bool Path::comes_through(Way way, const Held& one) {
  DirectionCounters& counters = exits_.counters(way);
  const auto& bytes = one.packet.bytes();
  std::uint64_t* lost = &counters.lost_down;
  if (exits_.carries(one.port))
    lost = obstacle(way, Segment::read(bytes, static_cast<std::uint32_t>(bytes.size())));
  (lost != nullptr ? *lost : counters.delivered) += one.packets;
  return lost == nullptr;
}

void Path::give(Way way, const TcpPacket& packet) {
  const std::uint16_t protocol = side(way).protocol;
  const std::size_t size = packet.payload().size(), most = side(way).now.segment_bytes;
  if (most == 0 || size <= most) return exits_.deliver(way, packet_of(packet), protocol);
  for (std::size_t first = 0; first < size; first += most)
    exits_.deliver(way, packet_of(packet.part(first, std::min(most, size - first))), protocol);
}

void Path::release_later(Way way, Time wait) {
  const Time due = ns3::Simulator::Now().GetNanoSeconds() + wait;
  side(way).due = due;
  ns3::Simulator::ScheduleWithContext(exits_.node(way), ns3::NanoSeconds(wait), [this, way, due] {
    if (side(way).due == due) release(way);  // or else another was called for since
  });
}

void Path::release(Way way) {
  constexpr std::size_t most_bytes = 60'000;  // IP has room for 65,535
  Side& here = side(way);
  here.due.reset();
  const auto held = std::exchange(here.held, {});
  for (std::size_t i = 0; i < held.size();) {
    if (!comes_through(way, held[i])) {
      ++i;
      continue;
    }
    TcpPacket one = held[i].packet;
    const auto follows = [&](const TcpPacket& next) {
      const auto end = one.sequence() + static_cast<std::uint32_t>(one.payload().size());
      return next.source_port() == one.source_port() &&
             next.destination_port() == one.destination_port() && next.sequence() == end &&
             !one.has(TcpPacket::fin) && one.bytes().size() < most_bytes;
    };
    for (++i; i < held.size() && follows(held[i].packet) && comes_through(way, held[i]); ++i)
      one.append(held[i].packet);
    give(way, one);
  }
  if (here.now.holds_fin) return;
  for (const Held& fin : std::exchange(here.fins, {}))
    if (comes_through(way, fin)) give(way, fin.packet);
}

}  // namespace mqttlab::sim
