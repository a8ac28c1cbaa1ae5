// What is done on purpose between devices and the site.
#include <ns3/boolean.h>
#include <ns3/global-value.h>
#include <ns3/ipv4.h>
#include <ns3/ipv6.h>
#include <ns3/object-vector.h>
#include <ns3/tcp-l4-protocol.h>

#include <stdexcept>
#include <utility>
#include <vector>

#include "sim/addresses.h"
#include "sim/network.h"

namespace mqttlab::sim {
namespace {

template <typename Call>
void for_each_socket(const ns3::Ptr<ns3::Node>& node, const Call& call) {
  ns3::ObjectVectorValue sockets;
  node->GetObject<ns3::TcpL4Protocol>()->GetAttribute("SocketList", sockets);
  for (std::size_t i = 0; i < sockets.GetN(); ++i)
    if (const auto socket = ns3::DynamicCast<TcpSocket>(sockets.Get(i))) call(socket);
}

}  // namespace

void Network::add_nat(DeviceIndex device, const Nat& nat) {
  const auto forgotten = [this, device, idle = nat.idle](std::uint16_t port) {
    const auto known = connections_.find({device, port});
    if (forgotten_ && known != connections_.end())
      forgotten_(device, known->second.connection, idle);
  };
  Front& front = front_of(device);
  front.refuses_strangers = true;
  for (const auto& [port, listener] : front.listeners)
    if (listener) listener->refuse_strangers();
  devices_[device].link->path().set_nat(
      std::make_unique<NatBox>(nat, config_.seed, devices_[device].name, forgotten));
}

void Network::use_checksums() {
  if (std::exchange(computes_checksums_, true)) return;
  ns3::GlobalValue::Bind("ChecksumEnabled", ns3::BooleanValue(true));
  for (const Device& device : devices_) device.link->path().fill_checksums();
}

void Network::disturb(DeviceIndex device, Way way, const Disturbance& disturbance) {
  if (disturbance.corrupt > 0 && devices_[device].has_radio)
    throw std::invalid_argument("corrupt: device '" + devices_[device].name +
                                "' has a radio whose frames have checksums of their own: nothing "
                                "arrives corrupt; take loss instead");
  if (disturbance.corrupt > 0) use_checksums();
  devices_[device].link->disturb(way, disturbance);
}

void Network::rebind(DeviceIndex device) {
  NatBox* const nat = devices_[device].link->path().nat();
  if (nat != nullptr) return nat->forget_all();
  add_nat(device, Nat{.idle = never});
}

void Network::change_address(const Device& device, std::uint32_t from) const {
  if (config_.ipv6) {
    const auto ip = device.node->GetObject<ns3::Ipv6>();
    const auto interface = static_cast<std::uint32_t>(ip->GetInterfaceForDevice(device.port));
    ip->RemoveAddress(interface, ipv6(from));
    ip->AddAddress(interface, ns3::Ipv6InterfaceAddress(ipv6(device.host), ns3::Ipv6Prefix(64)));
    return;
  }
  const auto ip = device.node->GetObject<ns3::Ipv4>();
  const auto interface = static_cast<std::uint32_t>(ip->GetInterfaceForDevice(device.port));
  ip->RemoveAddress(interface, ipv4(from));
  ip->AddAddress(interface, ns3::Ipv4InterfaceAddress(ipv4(device.host), ns3::Ipv4Mask("/8")));
}

// Addresses of those who move are taken from the network's end; none is used twice.
void Network::roam(DeviceIndex device, bool knows) {
  Device& roamer = devices_[device];
  const auto host = static_cast<std::uint32_t>(host_mask - 1 - moved_.size());
  if (host < first_device_host + devices_.size())
    throw std::length_error("device '" + roamer.name + "' moves, and no address is left");
  const std::uint32_t old = std::exchange(roamer.host, host);
  moved_[host] = device;
  change_address(roamer, old);
  Path& path = roamer.link->path();
  path.set_address(address_of(config_.ipv6, host));
  if (path.nat() != nullptr) path.nat()->forget_all();
  if (!knows) return;
  std::vector<ns3::Ptr<TcpSocket>> stranded;
  for_each_socket(roamer.node, [&](const ns3::Ptr<TcpSocket>& socket) {
    ns3::Address local;
    if (socket->GetSockName(local) == 0 && host_of(local) == old) stranded.push_back(socket);
  });
  for (const auto& socket : stranded) socket->abort();
}

void Network::limit_writes(DeviceIndex device, trace::End end, std::uint32_t bytes) {
  const bool at_device = end == trace::End::client;
  devices_[device].most_per_write[at_device ? 0 : 1] = bytes;
  for_each_socket(at_device ? devices_[device].node : front_of(device).node,
                  [&](const ns3::Ptr<TcpSocket>& socket) {
                    ns3::Address peer;
                    const bool is_its = at_device || (socket->GetPeerName(peer) == 0 &&
                                                      device_at(host_of(peer)) == device);
                    if (is_its) socket->limit_writes(bytes);
                  });
}

}  // namespace mqttlab::sim
