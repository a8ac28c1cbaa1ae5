// WifiCell: ns-3's 802.11n as the last hop of several access links: an access point and stations
// that share one channel. It carries IP packets between them; addresses and routes are not its
// business.
#pragma once

#include <ns3/net-device.h>
#include <ns3/packet.h>

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "protocol/link/link.h"

namespace mqttlab::sim {

class WifiCell {
 public:
  /// Where the packets of one station come out: up at the access point, down at the station.
  using Arrived =
      std::function<void(Way way, const ns3::Ptr<ns3::Packet>& packet, std::uint16_t protocol)>;

  /// `number` sets it apart from the other cells of its world: draws depend on it and on the seed.
  WifiCell(const RadioCell& spec, std::uint64_t seed, std::uint32_t number);
  WifiCell(const WifiCell&) = delete;
  WifiCell& operator=(const WifiCell&) = delete;

  /// A station at a place that seed and device decide; stations are numbered from 0.
  std::uint32_t add_station(const std::string& device, Arrived arrived);
  void send(Way way, std::uint32_t station, const ns3::Ptr<ns3::Packet>& packet,
            std::uint16_t protocol);

 private:
  struct Station {
    ns3::Ptr<ns3::NetDevice> radio;
    Arrived arrived;
  };
  [[nodiscard]] ns3::Ptr<ns3::NetDevice> install(double x, double y);
  bool up(ns3::Ptr<ns3::NetDevice> at, ns3::Ptr<const ns3::Packet> packet, std::uint16_t protocol,
          const ns3::Address& from);
  bool down(ns3::Ptr<ns3::NetDevice> at, ns3::Ptr<const ns3::Packet> packet, std::uint16_t protocol,
            const ns3::Address& from);

  RadioCell spec_;
  std::uint64_t seed_;
  std::int64_t next_stream_;
  ns3::Ptr<ns3::Object> channel_;
  ns3::Ptr<ns3::NetDevice> access_point_;
  std::vector<Station> stations_;
  std::map<ns3::Address, std::uint32_t> by_address_;
};

}  // namespace mqttlab::sim
