#include "sim/radio/hub_cell.h"

#include <utility>

namespace mqttlab::sim {

void HubCell::set_hub(const ns3::Ptr<ns3::NetDevice>& hub) {
  hub_ = hub;
  hub_->SetReceiveCallback(ns3::MakeCallback(&HubCell::up, this));
}

std::uint32_t HubCell::add_station(const std::string& device, Arrived arrived) {
  const auto radio = install_station(place_of(device));
  const auto number = static_cast<std::uint32_t>(stations_.size());
  radio->SetReceiveCallback(ns3::NetDevice::ReceiveCallback(
      [this, number](ns3::Ptr<ns3::NetDevice>, ns3::Ptr<const ns3::Packet> packet,
                     std::uint16_t protocol, const ns3::Address&) {
        stations_[number].arrived(Way::down, packet->Copy(), protocol);
        return true;
      }));
  by_address_[radio->GetAddress()] = number;
  stations_.push_back({radio, std::move(arrived)});
  return number;
}

// A copy, for 6LoWPAN takes headers off the packet that it is given.
void HubCell::send(Way way, std::uint32_t station, const ns3::Ptr<ns3::Packet>& packet,
                   std::uint16_t protocol) {
  const auto& radio = stations_[station].radio;
  if (way == Way::up)
    radio->Send(packet->Copy(), hub_->GetAddress(), protocol);
  else
    hub_->Send(packet->Copy(), radio->GetAddress(), protocol);
}

bool HubCell::up(ns3::Ptr<ns3::NetDevice>, ns3::Ptr<const ns3::Packet> packet,
                 std::uint16_t protocol, const ns3::Address& from) {
  const auto found = by_address_.find(from);
  if (found != by_address_.end())
    stations_[found->second].arrived(Way::up, packet->Copy(), protocol);
  return true;
}

}  // namespace mqttlab::sim
