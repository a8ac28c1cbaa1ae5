#include "sim/access_link.h"

#include <ns3/nstime.h>
#include <ns3/simulator.h>

#include <utility>
#include <vector>

namespace mqttlab::sim {

std::optional<Segment> segment_of(const ns3::Ptr<ns3::Packet>& packet) {
  std::array<std::uint8_t, longest_headers> head;
  const std::uint32_t size = packet->CopyData(head.data(), static_cast<std::uint32_t>(head.size()));
  return Segment::read({head.data(), size}, packet->GetSize());
}

AccessLink::AccessLink(std::uint64_t seed, const std::string& name, const LinkSpec& spec)
    : halves_{{{Pipe(spec, Way::up, seed, name), {}, nullptr},
               {Pipe(spec, Way::down, seed, name), {}, nullptr}}} {}

void AccessLink::connect(Way way, ns3::Ptr<Port> port) {
  halves_[static_cast<std::size_t>(way)].out = std::move(port);
}

void AccessLink::capture(PcapWriter* writer, CaptureSide side) {
  writer_ = writer;
  side_ = side;
}

void AccessLink::offer(Way way, ns3::Ptr<ns3::Packet> packet, std::uint16_t protocol,
                       const std::optional<Segment>& segment) {
  half(way).meter.offered(segment, packet->GetSize());
  if (writer_ != nullptr && records_offers(way)) record(packet);
  if (lets_in(way, packet, protocol, segment)) return forward(way, packet, protocol);
  if (way == Way::up) add_to_radio_log(way, packet);  // it does not know that nobody hears it
}

bool AccessLink::lets_in(Way way, ns3::Ptr<ns3::Packet>& packet, std::uint16_t protocol,
                         const std::optional<Segment>& segment) {
  if (!up_ || is_severed(way, segment)) {
    ++half(way).meter.counters.lost_down;
    return false;
  }
  return !path_ || path_->enters(way, packet, protocol, segment);
}

void AccessLink::forward(Way way, const ns3::Ptr<ns3::Packet>& packet, std::uint16_t protocol) {
  DirectionCounters& counters = half(way).meter.counters;
  const Time now = ns3::Simulator::Now().GetNanoSeconds();
  const Offer offer = half(way).pipe.offer(packet->GetSize(), now);
  if (way == Way::up && offer.fate != Fate::lost_queue) add_to_radio_log(way, packet);
  switch (offer.fate) {
    case Fate::carried:
      return carry(way, offer, packet, protocol);
    case Fate::lost_random:
      ++counters.lost_random;
      return;
    case Fate::lost_burst:
      ++counters.lost_burst;
      return;
    case Fate::lost_queue:
      ++counters.lost_queue;
      return;
  }
}

void AccessLink::carry(Way way, const Offer& offer, ns3::Ptr<ns3::Packet> packet,
                       std::uint16_t protocol) {
  const std::uint32_t node = half(way).out->GetNode()->GetId();
  const Time now = ns3::Simulator::Now().GetNanoSeconds();
  auto arrival = radio_ ? &AccessLink::radiate : &AccessLink::arrive;
  if (offer.flip && segment_of(packet)) {
    TcpPacket flipped = bytes_of(packet);
    flipped.flip(*offer.flip);
    packet = packet_of(flipped);
    arrival = &AccessLink::arrive_corrupt;
  }
  half(way).meter.counters.reordered += offer.is_late ? 1 : 0;
  ns3::Simulator::ScheduleWithContext(node, ns3::NanoSeconds(offer.arrival - now), arrival, this,
                                      way, packet, protocol);
  if (offer.copy == 0) return;
  ++half(way).meter.counters.duplicated;
  ns3::Simulator::ScheduleWithContext(node, ns3::NanoSeconds(offer.copy - now), arrival, this, way,
                                      packet->Copy(), protocol);
}

void AccessLink::radiate(Way way, ns3::Ptr<ns3::Packet> packet, std::uint16_t protocol) {
  if (up_) return radio_(way, packet, protocol);
  ++half(way).meter.counters.lost_down;
}

void AccessLink::arrive(Way way, ns3::Ptr<ns3::Packet> packet, std::uint16_t protocol) {
  DirectionCounters& counters = half(way).meter.counters;
  if (!up_ || (!severed_.empty() && is_severed(way, segment_of(packet)))) {
    ++counters.lost_down;
    return;
  }
  if (path_ && !path_->leaves(way, packet, protocol)) return;
  if (path_) return path_->hand_over(way, packet, protocol);
  ++counters.delivered;
  deliver(way, packet, protocol);
}

// Nothing on the way reads it; the host that gets it throws it away.
void AccessLink::arrive_corrupt(Way way, ns3::Ptr<ns3::Packet> packet, std::uint16_t protocol) {
  DirectionCounters& counters = half(way).meter.counters;
  if (!up_) {
    ++counters.lost_down;
    return;
  }
  if (path_ && !path_->is_open_to(way, segment_of(packet))) return;
  ++counters.lost_corrupt;
  deliver(way, packet, protocol);
}

void AccessLink::deliver(Way way, const ns3::Ptr<ns3::Packet>& packet, std::uint16_t protocol) {
  if (way == Way::down) add_to_radio_log(way, packet);
  if (writer_ != nullptr && !records_offers(way)) record(packet);
  half(way).out->arrived(packet, protocol);
}

void AccessLink::add_to_radio_log(Way way, const ns3::Ptr<ns3::Packet>& packet) {
  if (logs_radio_)
    radio_log_.push_back({ns3::Simulator::Now().GetNanoSeconds(), packet->GetSize(), way});
}

void AccessLink::disturb(Way way, const Disturbance& disturbance) {
  half(way).pipe.disturb(disturbance);
  path().disturb(way, disturbance);
}

Path& AccessLink::path() {
  using Packet = ns3::Ptr<ns3::Packet>;
  if (!path_)
    path_ = std::make_unique<Path>(
        Path::Exits{[this](Way way, const Packet& packet, std::uint16_t protocol) {
                      deliver(way, packet, protocol);
                    },
                    [this](Way way, const Packet& packet, std::uint16_t protocol) {
                      half(way).meter.offered(segment_of(packet), packet->GetSize());
                      forward(way, packet, protocol);
                    },
                    [this](Way way) -> DirectionCounters& { return half(way).meter.counters; },
                    [this](std::uint16_t port) { return up_ && !severed_.contains(port); },
                    [this](Way way) { return half(way).out->GetNode()->GetId(); }});
  return *path_;
}

bool AccessLink::is_severed(Way way, const std::optional<Segment>& segment) const {
  if (severed_.empty() || !segment) return false;
  return severed_.contains(way == Way::up ? segment->source_port : segment->destination_port);
}

bool AccessLink::records_offers(Way way) const {
  return side_ == CaptureSide::sender ||
         side_ == (way == Way::up ? CaptureSide::device : CaptureSide::broker);
}

void AccessLink::record(const ns3::Ptr<ns3::Packet>& packet) {
  std::vector<std::uint8_t> bytes(packet->GetSize());
  packet->CopyData(bytes.data(), packet->GetSize());
  writer_->packet(bytes, ns3::Simulator::Now().GetNanoSeconds());
}

void AccessLink::lose_nothing() {
  for (Half& half : halves_) half.pipe.lose_nothing();
  if (path_ && path_->nat() != nullptr) path_->nat()->remember_all();
}

void AccessLink::lose_moved(const Segment& segment, std::uint32_t bytes) {
  Meter& meter = half(Way::down).meter;
  meter.offered(segment, bytes);
  ++meter.counters.lost_moved;
}

const DirectionCounters& AccessLink::counters(Way way) const {
  return halves_[static_cast<std::size_t>(way)].meter.counters;
}

}  // namespace mqttlab::sim
