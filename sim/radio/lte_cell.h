// LteCell: ns-3's LTE and its core network: base stations in a row, devices that are handed over
// between them, and a gateway (PGW) at whose far side the site is.
#pragma once

#include <ns3/epc-pgw-application.h>
#include <ns3/ipv6-address.h>
#include <ns3/lte-helper.h>
#include <ns3/net-device.h>
#include <ns3/point-to-point-epc-helper.h>
#include <ns3/virtual-net-device.h>

#include <map>
#include <vector>

#include "sim/radio/cell.h"

namespace mqttlab::sim {

class LteCell final : public Cell {
 public:
  LteCell(const RadioCell& spec, std::uint64_t seed, std::uint32_t number);

  std::uint32_t add_station(const std::string& device, Arrived arrived) override;
  void send(Way way, std::uint32_t station, const ns3::Ptr<ns3::Packet>& packet,
            std::uint16_t protocol) override;

 private:
  struct Equipment {  // a device's end, UE
    ns3::Ptr<ns3::NetDevice> radio;
    std::uint64_t subscriber = 0;  // IMSI
    Arrived arrived;
  };
  [[nodiscard]] std::size_t stations() const override { return equipment_.size(); }
  void add_base_stations();
  void find_gateway();
  void make_known(std::uint32_t station, const ns3::Ipv6Address& address);
  bool up(ns3::Ptr<ns3::NetDevice> at, ns3::Ptr<const ns3::Packet> packet, std::uint16_t protocol,
          const ns3::Address& from);

  ns3::Ptr<ns3::LteHelper> lte_;
  ns3::Ptr<ns3::PointToPointEpcHelper> core_;
  ns3::Ptr<ns3::EpcPgwApplication> gateway_;
  ns3::Ptr<ns3::VirtualNetDevice> tunnel_;  // of the gateway
  std::vector<Equipment> equipment_;
  std::map<ns3::Ipv6Address, std::uint32_t> by_address_;  // of IPv4, too
};

}  // namespace mqttlab::sim
