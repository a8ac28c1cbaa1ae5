#include "sim/access_link.h"

#include <ns3/nstime.h>
#include <ns3/simulator.h>

#include <utility>
#include <vector>

namespace mqttlab::sim {
namespace {

std::optional<Segment> segment_of(const ns3::Ptr<ns3::Packet>& packet) {
  const Head head(packet);
  return Segment::read(head.bytes(), packet->GetSize());
}

}  // namespace

Head::Head(const ns3::Ptr<ns3::Packet>& packet)
    : size(packet->CopyData(data.data(), static_cast<std::uint32_t>(data.size()))) {}

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
  Half& half = halves_[static_cast<std::size_t>(way)];
  const std::uint32_t bytes = packet->GetSize();
  half.meter.offered(segment, bytes);
  if (writer_ != nullptr && side_ == CaptureSide::sender) record(packet);
  DirectionCounters& counters = half.meter.counters;
  if (!up_ || is_severed(way, segment)) {
    ++counters.lost_down;
    return;
  }
  const Time now = ns3::Simulator::Now().GetNanoSeconds();
  const Offer offer = half.pipe.offer(bytes, now);
  switch (offer.fate) {
    case Fate::carried:
      ns3::Simulator::ScheduleWithContext(half.out->GetNode()->GetId(),
                                          ns3::NanoSeconds(offer.arrival - now),
                                          &AccessLink::arrive, this, way, packet, protocol);
      return;
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

void AccessLink::arrive(Way way, ns3::Ptr<ns3::Packet> packet, std::uint16_t protocol) {
  Half& half = halves_[static_cast<std::size_t>(way)];
  if (!up_ || (!severed_.empty() && is_severed(way, segment_of(packet)))) {
    ++half.meter.counters.lost_down;
    return;
  }
  ++half.meter.counters.delivered;
  if (writer_ != nullptr && side_ == CaptureSide::receiver) record(packet);
  half.out->arrived(packet, protocol);
}

bool AccessLink::is_severed(Way way, const std::optional<Segment>& segment) const {
  if (severed_.empty() || !segment) return false;
  return severed_.contains(way == Way::up ? segment->source_port : segment->destination_port);
}

void AccessLink::record(const ns3::Ptr<ns3::Packet>& packet) {
  std::vector<std::uint8_t> bytes(packet->GetSize());
  packet->CopyData(bytes.data(), packet->GetSize());
  writer_->packet(bytes, ns3::Simulator::Now().GetNanoSeconds());
}

void AccessLink::lose_nothing() {
  for (Half& half : halves_) half.pipe.lose_nothing();
}

const DirectionCounters& AccessLink::counters(Way way) const {
  return halves_[static_cast<std::size_t>(way)].meter.counters;
}

}  // namespace mqttlab::sim
