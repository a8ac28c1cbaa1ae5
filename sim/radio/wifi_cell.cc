#include "sim/radio/wifi_cell.h"

#include <ns3/net-device-container.h>
#include <ns3/node-container.h>
#include <ns3/nstime.h>
#include <ns3/ssid.h>
#include <ns3/string.h>
#include <ns3/uinteger.h>
#include <ns3/wifi-helper.h>
#include <ns3/wifi-mac-helper.h>
#include <ns3/yans-wifi-channel.h>
#include <ns3/yans-wifi-helper.h>

namespace mqttlab::sim {
namespace {

constexpr std::size_t most_wifi_stations = 2'007;  // as many as an access point can associate

}  // namespace

WifiCell::WifiCell(const RadioCell& spec, std::uint64_t seed, std::uint32_t number)
    : HubCell(spec, seed, number, most_wifi_stations) {
  auto helper = ns3::YansWifiChannelHelper::Default();
  const auto channel = helper.Create();
  assign_streams([&](std::int64_t first) { return helper.AssignStreams(channel, first); });
  channel_ = channel;
  set_hub(install({}, 0, "ns3::ApWifiMac"));
}

ns3::Ptr<ns3::NetDevice> WifiCell::install(const Place& place, double speed_mps,
                                           const std::string& kind) {
  ns3::YansWifiPhyHelper phy;
  phy.SetChannel(ns3::DynamicCast<ns3::YansWifiChannel>(channel_));
  phy.Set("ChannelSettings", ns3::StringValue("{6, 20, BAND_2_4GHZ, 0}"));
  ns3::WifiMacHelper mac;
  // Of ns-3.37's block acknowledgements, some never come to terms among many stations.
  const ns3::UintegerValue no_ampdu(0);
  const ns3::SsidValue name(ns3::Ssid("cell"));
  if (kind == "ns3::ApWifiMac") {
    mac.SetType(kind, "Ssid", name, "BE_MaxAmpduSize", no_ampdu);
  } else {
    // Trap: ns-3.37 ends the process when a station that has asked to be associated misses its
    // beacons before it is answered, as in a crowd. So it asks often, and misses none.
    mac.SetType(kind, "Ssid", name, "BE_MaxAmpduSize", no_ampdu, "AssocRequestTimeout",
                ns3::TimeValue(ns3::MilliSeconds(100)), "MaxMissedBeacons",
                ns3::UintegerValue(1'000'000'000));
  }
  ns3::WifiHelper wifi;
  wifi.SetStandard(ns3::WIFI_STANDARD_80211n);
  wifi.SetRemoteStationManager("ns3::MinstrelHtWifiManager");
  const auto radio = wifi.Install(phy, mac, ns3::NodeContainer(node_at(place, speed_mps)));
  assign_streams([&](std::int64_t first) { return wifi.AssignStreams(radio, first); });
  return radio.Get(0);
}

}  // namespace mqttlab::sim
