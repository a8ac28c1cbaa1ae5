#include "sim/port.h"

#include <array>
#include <utility>

namespace mqttlab::sim {
namespace {

ns3::Mac48Address hardware_address(std::uint32_t number) {
  constexpr std::uint8_t locally_administered = 0x02;
  const std::array<std::uint8_t, 6> bytes{locally_administered,
                                          0,
                                          static_cast<std::uint8_t>(number >> 24),
                                          static_cast<std::uint8_t>(number >> 16),
                                          static_cast<std::uint8_t>(number >> 8),
                                          static_cast<std::uint8_t>(number)};
  ns3::Mac48Address address;
  address.CopyFrom(bytes.data());
  return address;
}

}  // namespace

ns3::TypeId Port::GetTypeId() {
  static const ns3::TypeId id =
      ns3::TypeId("mqttlab::Port").SetParent<ns3::NetDevice>().SetGroupName("mqttlab");
  return id;
}

Port::Port(std::uint32_t number, WayOut way_out)
    : way_out_(std::move(way_out)), address_(hardware_address(number)) {}

void Port::arrived(const ns3::Ptr<ns3::Packet>& packet, std::uint16_t protocol) {
  if (!receive_.IsNull()) receive_(this, packet, protocol, address_);
}

void Port::SetAddress(ns3::Address address) { address_ = ns3::Mac48Address::ConvertFrom(address); }

ns3::Address Port::GetBroadcast() const { return ns3::Mac48Address::GetBroadcast(); }

bool Port::Send(ns3::Ptr<ns3::Packet> packet, const ns3::Address&, std::uint16_t protocol) {
  way_out_(std::move(packet), protocol);
  return true;
}

bool Port::SendFrom(ns3::Ptr<ns3::Packet>, const ns3::Address&, const ns3::Address&,
                    std::uint16_t) {
  return false;
}

void Port::DoDispose() {
  node_ = nullptr;
  receive_ = ReceiveCallback();
  NetDevice::DoDispose();
}

}  // namespace mqttlab::sim
