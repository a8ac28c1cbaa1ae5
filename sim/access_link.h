// AccessLink: the two pipes between a device and its front node, up or down, metered and captured.
#pragma once

#include <ns3/packet.h>

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "protocol/link/link.h"
#include "protocol/link/pipe.h"
#include "sim/path.h"
#include "sim/pcap_writer.h"
#include "sim/port.h"
#include "sim/segment.h"
#include "sim/world.h"

namespace mqttlab::sim {

class AccessLink {
 public:
  AccessLink(std::uint64_t seed, const std::string& name, const LinkSpec& spec);
  AccessLink(const AccessLink&) = delete;
  AccessLink& operator=(const AccessLink&) = delete;

  /// Where packets of this way come out.
  void connect(Way way, ns3::Ptr<Port> port);
  /// What has passed the pipes is given to `radio`, which gives what comes out of it to land().
  using Radio = std::function<void(Way way, const ns3::Ptr<ns3::Packet>&, std::uint16_t protocol)>;
  void go_through(Radio radio) { radio_ = std::move(radio); }
  void land(Way way, const ns3::Ptr<ns3::Packet>& packet, std::uint16_t protocol) {
    arrive(way, packet, protocol);
  }
  /// `writer` must outlive the link's traffic; null: no capture.
  void capture(PcapWriter* writer, CaptureSide side);

  void offer(Way way, ns3::Ptr<ns3::Packet> packet, std::uint16_t protocol,
             const std::optional<Segment>& segment);
  /// A down link drops what is offered to it and what would arrive, in both ways: bytes in the air
  /// when a radio goes away do not come back with it. Its hosts are not told.
  void set_up(bool up) { up_ = up; }
  [[nodiscard]] bool is_up() const { return up_; }
  void lose_nothing();
  /// From now on, what the device's radio does is kept.
  void log_radio() { logs_radio_ = true; }
  [[nodiscard]] const std::vector<RadioPacket>& radio_log() const { return radio_log_; }
  /// From now on no segment of the connection that has this port at the device passes or arrives.
  void sever(std::uint16_t port) { severed_.insert(port); }
  void join(std::uint16_t port) { severed_.erase(port); }  ///< a new connection has it
  void disturb(Way way, const Disturbance& disturbance);
  /// What is done beside the link, from the first call on.
  [[nodiscard]] Path& path();
  /// The device's port of what comes from this port at the site's side.
  [[nodiscard]] std::uint16_t inside_port(std::uint16_t port) const {
    return path_ && path_->nat() != nullptr ? path_->nat()->inside_of(port) : port;
  }
  [[nodiscard]] const DirectionCounters& counters(Way way) const;
  /// A packet to an address that the device has left: nothing takes it there.
  void lose_moved(const Segment& segment, std::uint32_t bytes);

 private:
  struct Half {
    Pipe pipe;
    Meter meter;
    ns3::Ptr<Port> out;
  };
  /// False: it is lost already, and counted.
  [[nodiscard]] bool lets_in(Way way, ns3::Ptr<ns3::Packet>& packet, std::uint16_t protocol,
                             const std::optional<Segment>& segment);
  void forward(Way way, const ns3::Ptr<ns3::Packet>& packet, std::uint16_t protocol);
  void carry(Way way, const Offer& offer, ns3::Ptr<ns3::Packet> packet, std::uint16_t protocol);
  void radiate(Way way, ns3::Ptr<ns3::Packet> packet, std::uint16_t protocol);
  void arrive(Way way, ns3::Ptr<ns3::Packet> packet, std::uint16_t protocol);
  [[nodiscard]] bool is_severed(Way way, const std::optional<Segment>& segment) const;
  void arrive_corrupt(Way way, ns3::Ptr<ns3::Packet> packet, std::uint16_t protocol);
  void deliver(Way way, const ns3::Ptr<ns3::Packet>& packet, std::uint16_t protocol);
  [[nodiscard]] Half& half(Way way) { return halves_[static_cast<std::size_t>(way)]; }
  void add_to_radio_log(Way way, const ns3::Ptr<ns3::Packet>& packet);
  void record(const ns3::Ptr<ns3::Packet>& packet);
  /// Whether the capture has what is offered to this way, or else what comes out of it.
  [[nodiscard]] bool records_offers(Way way) const;

  std::array<Half, 2> halves_;
  bool up_ = true;
  std::set<std::uint16_t> severed_;
  std::unique_ptr<Path> path_;
  Radio radio_;
  bool logs_radio_ = false;
  std::vector<RadioPacket> radio_log_;
  PcapWriter* writer_ = nullptr;
  CaptureSide side_ = CaptureSide::receiver;
};

/// What its first bytes say; nullopt if it is not TCP.
[[nodiscard]] std::optional<Segment> segment_of(const ns3::Ptr<ns3::Packet>& packet);

}  // namespace mqttlab::sim
