// Path: what is done on purpose to the packets between a device and the site, where their link
// alone would not: blackholes, a NAT, an address that the device has left, pieces, bursts, ends of
// streams held back. A link without any of this has none.
#pragma once

#include <ns3/packet.h>

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "protocol/link/link.h"
#include "sim/nat.h"
#include "sim/segment.h"
#include "sim/tcp_packet.h"

namespace mqttlab::sim {

class Path {
 public:
  using Packet = ns3::Ptr<ns3::Packet>;
  /// Where packets go that the path lets go of.
  struct Exits {
    /// A host gets it; inside an event of its node.
    std::function<void(Way, const Packet&, std::uint16_t protocol)> deliver;
    /// Into the link, as if sent now.
    std::function<void(Way, const Packet&, std::uint16_t protocol)> send;
    std::function<DirectionCounters&(Way)> counters;
    /// Whether the link carries the connection that has this port at the device.
    std::function<bool(std::uint16_t port)> carries;
    std::function<std::uint32_t(Way)> node;  ///< of whom `deliver` gives to
  };

  explicit Path(Exits exits) : exits_(std::move(exits)) {}

  /// From now on, in place of what was said before. What this lets go of arrives now, unless the
  /// way there is no longer open to it.
  void disturb(Way way, const Disturbance& disturbance);
  void set_nat(std::unique_ptr<NatBox> nat) { nat_ = std::move(nat); }
  [[nodiscard]] NatBox* nat() const { return nat_.get(); }
  /// Packets from or to another address are lost; as Segment has it.
  void set_address(std::uint32_t address) { address_ = address; }
  /// Senders compute checksums from now on; packets that left before get theirs here.
  void fill_checksums() { fills_checksums_ = true; }

  /// False: it goes no further, and is counted as lost. Of the next two, too.
  [[nodiscard]] bool is_open_to(Way way, const std::optional<Segment>& segment);
  /// A packet comes to the link, or has crossed it. It may have been changed.
  [[nodiscard]] bool enters(Way way, Packet& packet, std::uint16_t protocol,
                            const std::optional<Segment>& segment);
  [[nodiscard]] bool leaves(Way way, Packet& packet, std::uint16_t protocol);
  /// The last step: gives it to the host, whole or not, now or later, and counts it then.
  void hand_over(Way way, const Packet& packet, std::uint16_t protocol);

 private:
  struct Held {
    TcpPacket packet;
    std::uint16_t port = 0;     // of its connection, at the device
    std::uint64_t packets = 1;  // that count as delivered or lost when this is
  };
  struct Side {
    Disturbance now;
    std::vector<Held> held;      // payloads that wait to become one
    std::vector<Held> fins;      // the ends of streams that wait
    std::uint16_t protocol = 0;  // of what is held
    std::optional<Time> due;     // when an event releases it
  };
  [[nodiscard]] Side& side(Way way) { return sides_[static_cast<std::size_t>(way)]; }
  /// What counts it as lost here and now; null: nothing is in its way.
  [[nodiscard]] std::uint64_t* obstacle(Way way, const std::optional<Segment>& segment);
  [[nodiscard]] bool translate(Way way, Packet& packet, std::uint16_t protocol);
  void hold_fin(Way way, const Held& one);
  /// The same for what has waited; counts it.
  [[nodiscard]] bool comes_through(Way way, const Held& one);
  void give(Way way, const TcpPacket& packet);
  void release_later(Way way, Time wait);
  void release(Way way);

  Exits exits_;
  std::array<Side, 2> sides_;
  std::unique_ptr<NatBox> nat_;
  std::optional<std::uint32_t> address_;
  bool fills_checksums_ = false;
};

[[nodiscard]] TcpPacket bytes_of(const ns3::Ptr<ns3::Packet>& packet);
[[nodiscard]] ns3::Ptr<ns3::Packet> packet_of(const TcpPacket& packet);

}  // namespace mqttlab::sim
