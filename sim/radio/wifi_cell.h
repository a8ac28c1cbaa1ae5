// WifiCell: ns-3's 802.11n, an access point and stations that share one channel.
#pragma once

#include <ns3/object.h>

#include <string>

#include "sim/radio/hub_cell.h"

namespace mqttlab::sim {

class WifiCell final : public HubCell {
 public:
  WifiCell(const RadioCell& spec, std::uint64_t seed, std::uint32_t number);

 private:
  [[nodiscard]] ns3::Ptr<ns3::NetDevice> install_station(const Place& place) override {
    return install(place, spec_.speed_mps, "ns3::StaWifiMac");
  }
  [[nodiscard]] ns3::Ptr<ns3::NetDevice> install(const Place& place, double speed_mps,
                                                 const std::string& kind);

  ns3::Ptr<ns3::Object> channel_;
};

}  // namespace mqttlab::sim
