// LrWpanCell: ns-3's IEEE 802.15.4 under 6LoWPAN: a border router, and things around it, one hop
// away. Carries IPv6 only.
#pragma once

#include <ns3/lr-wpan-mac.h>
#include <ns3/nstime.h>
#include <ns3/single-model-spectrum-channel.h>

#include "sim/radio/hub_cell.h"

namespace mqttlab::sim {

/// From a frame to its last repetition, at most (IEEE 802.15.4-2011, 5.1.1.4 and 5.1.6.4).
[[nodiscard]] ns3::Time longest_repetition(const ns3::LrWpanMac& mac);

class LrWpanCell final : public HubCell {
 public:
  LrWpanCell(const RadioCell& spec, std::uint64_t seed, std::uint32_t number);

  [[nodiscard]] std::uint32_t mtu() const override { return 1'280; }  // RFC 4944, section 4

 private:
  [[nodiscard]] ns3::Ptr<ns3::NetDevice> install_station(const Place& place) override {
    return install(place, spec_.speed_mps);
  }
  [[nodiscard]] ns3::Ptr<ns3::NetDevice> install(const Place& place, double speed_mps);

  ns3::Ptr<ns3::SingleModelSpectrumChannel> channel_;
  std::uint16_t radios_ = 0;
};

}  // namespace mqttlab::sim
