// Port: where a node meets an access link. A point-to-point ns-3 device without frames, ARP or a
// queue of its own: all of that is in the link's pipes.
#pragma once

#include <ns3/channel.h>
#include <ns3/mac48-address.h>
#include <ns3/net-device.h>
#include <ns3/node.h>
#include <ns3/packet.h>

#include <cstdint>
#include <functional>

namespace mqttlab::sim {

class Port : public ns3::NetDevice {
 public:
  /// Takes what the node sends. `way_out` must not call back into the node.
  using WayOut = std::function<void(ns3::Ptr<ns3::Packet>, std::uint16_t protocol)>;
  [[nodiscard]] static ns3::TypeId GetTypeId();

  /// `number` makes the hardware address: ns-3's own allocator goes on counting from world to
  /// world.
  Port(std::uint32_t number, WayOut way_out);
  /// A packet comes out of the link.
  void arrived(const ns3::Ptr<ns3::Packet>& packet, std::uint16_t protocol);

  // ns3::NetDevice
  void SetIfIndex(std::uint32_t index) override { index_ = index; }
  std::uint32_t GetIfIndex() const override { return index_; }
  ns3::Ptr<ns3::Channel> GetChannel() const override { return nullptr; }
  void SetAddress(ns3::Address address) override;
  ns3::Address GetAddress() const override { return address_; }
  bool SetMtu(std::uint16_t mtu) override { return mtu == link_mtu; }
  std::uint16_t GetMtu() const override { return link_mtu; }
  bool IsLinkUp() const override { return true; }  // radios do not tell their hosts
  void AddLinkChangeCallback(ns3::Callback<void>) override {}
  bool IsBroadcast() const override { return true; }
  ns3::Address GetBroadcast() const override;
  bool IsMulticast() const override { return true; }
  ns3::Address GetMulticast(ns3::Ipv4Address) const override { return GetBroadcast(); }
  ns3::Address GetMulticast(ns3::Ipv6Address) const override { return GetBroadcast(); }
  bool IsBridge() const override { return false; }
  bool IsPointToPoint() const override { return true; }
  bool Send(ns3::Ptr<ns3::Packet> packet, const ns3::Address& to, std::uint16_t protocol) override;
  bool SendFrom(ns3::Ptr<ns3::Packet> packet, const ns3::Address& from, const ns3::Address& to,
                std::uint16_t protocol) override;
  ns3::Ptr<ns3::Node> GetNode() const override { return node_; }
  void SetNode(ns3::Ptr<ns3::Node> node) override { node_ = node; }
  bool NeedsArp() const override { return false; }
  void SetReceiveCallback(ReceiveCallback callback) override { receive_ = callback; }
  void SetPromiscReceiveCallback(PromiscReceiveCallback) override {}
  bool SupportsSendFrom() const override { return false; }

 private:
  void DoDispose() override;
  static constexpr std::uint16_t link_mtu = 1'500;

  WayOut way_out_;
  ns3::Mac48Address address_;
  ns3::Ptr<ns3::Node> node_;
  ReceiveCallback receive_;
  std::uint32_t index_ = 0;
};

}  // namespace mqttlab::sim
