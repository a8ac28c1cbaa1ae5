#include "sim/addresses.h"

#include <ns3/inet-socket-address.h>
#include <ns3/inet6-socket-address.h>

#include <array>

namespace mqttlab::sim {
namespace {

constexpr std::uint32_t network_v4 = 10U << 24;

}  // namespace

std::uint32_t address_of(bool v6, std::uint32_t host) { return v6 ? host : network_v4 | host; }

ns3::Ipv4Address ipv4(std::uint32_t host) { return ns3::Ipv4Address(address_of(false, host)); }

ns3::Ipv6Address ipv6(std::uint32_t host) {
  std::array<std::uint8_t, 16> bytes{0xFD};
  for (std::size_t i = 0; i < 3; ++i) bytes[15 - i] = static_cast<std::uint8_t>(host >> (8 * i));
  return ns3::Ipv6Address(bytes.data());
}

ns3::Address endpoint(bool v6, std::uint32_t host, std::uint16_t port) {
  if (v6) return ns3::Inet6SocketAddress(ipv6(host), port);
  return ns3::InetSocketAddress(ipv4(host), port);
}

std::uint32_t host_of(const ns3::Address& endpoint) {
  if (ns3::InetSocketAddress::IsMatchingType(endpoint))
    return ns3::InetSocketAddress::ConvertFrom(endpoint).GetIpv4().Get() & host_mask;
  std::array<std::uint8_t, 16> bytes{};
  ns3::Inet6SocketAddress::ConvertFrom(endpoint).GetIpv6().GetBytes(bytes.data());
  return static_cast<std::uint32_t>(bytes[13]) << 16 | static_cast<std::uint32_t>(bytes[14]) << 8 |
         bytes[15];
}

std::uint16_t port_of(const ns3::Address& endpoint) {
  if (ns3::InetSocketAddress::IsMatchingType(endpoint))
    return ns3::InetSocketAddress::ConvertFrom(endpoint).GetPort();
  return ns3::Inet6SocketAddress::ConvertFrom(endpoint).GetPort();
}

}  // namespace mqttlab::sim
