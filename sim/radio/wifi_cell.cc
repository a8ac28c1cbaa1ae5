#include "sim/radio/wifi_cell.h"

#include <ns3/constant-position-mobility-model.h>
#include <ns3/net-device-container.h>
#include <ns3/node-container.h>
#include <ns3/node.h>
#include <ns3/string.h>
#include <ns3/uinteger.h>
#include <ns3/wifi-helper.h>
#include <ns3/wifi-mac-helper.h>
#include <ns3/yans-wifi-channel.h>
#include <ns3/yans-wifi-helper.h>

#include <cmath>
#include <numbers>
#include <stdexcept>
#include <utility>

#include "protocol/session/random.h"

namespace mqttlab::sim {
namespace {

// Beyond those of nodes (10 each); a radio draws from some 40.
constexpr std::int64_t first_stream = 1'000'000'000, streams_per_cell = 10'000'000,
                       streams_per_radio = 200;
constexpr double height_m = 1.5;

}  // namespace

WifiCell::WifiCell(const RadioCell& spec, std::uint64_t seed, std::uint32_t number)
    : spec_(spec), seed_(seed), next_stream_(first_stream + number * streams_per_cell) {
  auto helper = ns3::YansWifiChannelHelper::Default();
  const auto channel = helper.Create();
  next_stream_ += helper.AssignStreams(channel, next_stream_);
  channel_ = channel;
  access_point_ = install(0, 0);
  access_point_->SetReceiveCallback(ns3::MakeCallback(&WifiCell::up, this));
}

std::uint32_t WifiCell::add_station(const std::string& device, Arrived arrived) {
  if (next_stream_ % streams_per_cell + streams_per_radio > streams_per_cell)
    throw std::length_error("device '" + device + "' is one too many for its radio cell");
  // Uniform in the disc.
  Random random(seed_, device + "/position");
  const double distance = spec_.radius_m * std::sqrt(random.uniform());
  const double angle = 2 * std::numbers::pi * random.uniform();
  const auto radio = install(distance * std::cos(angle), distance * std::sin(angle));
  radio->SetReceiveCallback(ns3::MakeCallback(&WifiCell::down, this));
  const auto number = static_cast<std::uint32_t>(stations_.size());
  by_address_[radio->GetAddress()] = number;
  stations_.push_back({radio, std::move(arrived)});
  return number;
}

// Ad hoc instead of infrastructure: ns-3.37 aborts when an association is not answered in time, as
// in a crowded cell. Stations then behave as if they had been associated all along.
ns3::Ptr<ns3::NetDevice> WifiCell::install(double x, double y) {
  const auto node = ns3::CreateObject<ns3::Node>();
  const auto place = ns3::CreateObject<ns3::ConstantPositionMobilityModel>();
  place->SetPosition({x, y, height_m});
  node->AggregateObject(place);
  ns3::YansWifiPhyHelper phy;
  phy.SetChannel(ns3::DynamicCast<ns3::YansWifiChannel>(channel_));
  phy.Set("ChannelSettings", ns3::StringValue("{6, 20, BAND_2_4GHZ, 0}"));
  // Of ns-3.37's block acknowledgements, some never come to terms among many stations.
  ns3::WifiMacHelper mac;
  mac.SetType("ns3::AdhocWifiMac", "BE_MaxAmpduSize", ns3::UintegerValue(0));
  ns3::WifiHelper wifi;
  wifi.SetStandard(ns3::WIFI_STANDARD_80211n);
  wifi.SetRemoteStationManager("ns3::MinstrelHtWifiManager");
  const auto radio = wifi.Install(phy, mac, ns3::NodeContainer(node));
  // Trap: ns-3 numbers unassigned streams on and on through the process, so a second world differs.
  if (wifi.AssignStreams(radio, next_stream_) > streams_per_radio)
    throw std::logic_error("a radio draws from more streams than are set aside for it");
  next_stream_ += streams_per_radio;
  return radio.Get(0);
}

void WifiCell::send(Way way, std::uint32_t station, const ns3::Ptr<ns3::Packet>& packet,
                    std::uint16_t protocol) {
  const auto& radio = stations_[station].radio;
  if (way == Way::up)
    radio->Send(packet, access_point_->GetAddress(), protocol);
  else
    access_point_->Send(packet, radio->GetAddress(), protocol);
}

bool WifiCell::up(ns3::Ptr<ns3::NetDevice>, ns3::Ptr<const ns3::Packet> packet,
                  std::uint16_t protocol, const ns3::Address& from) {
  const auto found = by_address_.find(from);
  if (found != by_address_.end())
    stations_[found->second].arrived(Way::up, packet->Copy(), protocol);
  return true;
}

bool WifiCell::down(ns3::Ptr<ns3::NetDevice> at, ns3::Ptr<const ns3::Packet> packet,
                    std::uint16_t protocol, const ns3::Address& from) {
  const auto found = by_address_.find(at->GetAddress());
  if (found != by_address_.end() && from == access_point_->GetAddress())
    stations_[found->second].arrived(Way::down, packet->Copy(), protocol);
  return true;
}

}  // namespace mqttlab::sim
