// HubCell: a cell whose stations all talk to one radio in the middle, which is a device of the same
// kind as theirs.
#pragma once

#include <ns3/address.h>
#include <ns3/net-device.h>

#include <map>
#include <vector>

#include "sim/radio/cell.h"

namespace mqttlab::sim {

class HubCell : public Cell {
 public:
  std::uint32_t add_station(const std::string& device, Arrived arrived) final;
  void send(Way way, std::uint32_t station, const ns3::Ptr<ns3::Packet>& packet,
            std::uint16_t protocol) final;

 protected:
  using Cell::Cell;
  void set_hub(const ns3::Ptr<ns3::NetDevice>& hub);
  [[nodiscard]] virtual ns3::Ptr<ns3::NetDevice> install_station(const Place& place) = 0;

 private:
  struct Station {
    ns3::Ptr<ns3::NetDevice> radio;
    Arrived arrived;
  };
  [[nodiscard]] std::size_t stations() const final { return stations_.size(); }
  bool up(ns3::Ptr<ns3::NetDevice> at, ns3::Ptr<const ns3::Packet> packet, std::uint16_t protocol,
          const ns3::Address& from);

  ns3::Ptr<ns3::NetDevice> hub_;
  std::vector<Station> stations_;
  std::map<ns3::Address, std::uint32_t> by_address_;
};

}  // namespace mqttlab::sim
