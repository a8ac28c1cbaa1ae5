#include "sim/segment.h"

#include <algorithm>

namespace mqttlab::sim {
namespace {

constexpr std::uint8_t protocol_tcp = 6;
constexpr std::size_t shortest_tcp_header = 20;

std::uint32_t big_endian32(Bytes bytes, std::size_t at) {
  return static_cast<std::uint32_t>(bytes[at]) << 24 |
         static_cast<std::uint32_t>(bytes[at + 1]) << 16 |
         static_cast<std::uint32_t>(bytes[at + 2]) << 8 | bytes[at + 3];
}

}  // namespace

std::optional<Segment> Segment::read(Bytes head, std::uint32_t size) {
  if (head.size() < 40) return std::nullopt;
  const bool ipv6 = head[0] >> 4 == 6;
  const std::size_t ip_bytes = ipv6 ? 40 : std::size_t{4} * (head[0] & 0x0F);
  if (head[ipv6 ? 6 : 9] != protocol_tcp) return std::nullopt;
  if (head.size() < ip_bytes + shortest_tcp_header) return std::nullopt;
  const Bytes tcp = head.subspan(ip_bytes);
  Segment segment;
  segment.source = big_endian32(head, ipv6 ? 20 : 12);
  segment.destination = big_endian32(head, ipv6 ? 36 : 16);
  segment.source_port = static_cast<std::uint16_t>(tcp[0] << 8 | tcp[1]);
  segment.destination_port = static_cast<std::uint16_t>(tcp[2] << 8 | tcp[3]);
  segment.sequence = big_endian32(tcp, 4);
  segment.syn = (tcp[13] & 0x02) != 0;
  segment.header_bytes = static_cast<std::uint32_t>(ip_bytes) + 4U * (tcp[12] >> 4);
  segment.payload_bytes = size - std::min(size, segment.header_bytes);
  return segment;
}

void Meter::offered(const std::optional<Segment>& segment, std::uint32_t bytes) {
  ++counters.packets;
  counters.bytes += bytes;
  if (!segment) return;
  counters.header_bytes += segment->header_bytes;
  counters.payload_bytes += segment->payload_bytes;
  if (!segment->syn && segment->payload_bytes == 0) return;

  const auto same = [&](const Flow& flow) { return flow.port == segment->source_port; };
  auto flow = std::find_if(flows_.begin(), flows_.end(), same);
  const std::uint32_t end = segment->sequence + (segment->syn ? 1 : 0) + segment->payload_bytes;
  if (flow == flows_.end() || segment->syn) {
    if (flow == flows_.end()) flow = flows_.begin() + (oldest_++ % flows_.size());
    *flow = {segment->source_port, end};
    return;
  }
  const auto fresh = static_cast<std::int32_t>(end - flow->next_sequence);
  if (fresh > 0) flow->next_sequence = end;
  const auto fresh_bytes = static_cast<std::uint32_t>(std::max(fresh, 0));
  counters.retransmitted_bytes +=
      segment->payload_bytes - std::min(segment->payload_bytes, fresh_bytes);
}

}  // namespace mqttlab::sim
