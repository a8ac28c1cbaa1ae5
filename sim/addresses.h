// Addresses of a simulated network: a host's number in it, as IPv4 or IPv6.
#pragma once

#include <ns3/address.h>
#include <ns3/ipv4-address.h>
#include <ns3/ipv6-address.h>

#include <cstdint>

namespace mqttlab::sim {

inline constexpr std::uint32_t broker_host = 1;               // 10.0.0.1, fd00::1
inline constexpr std::uint32_t first_device_host = 0x1'0001;  // 10.1.0.1, fd00::1:1
inline constexpr std::uint32_t host_mask = 0xFF'FFFF;

[[nodiscard]] ns3::Ipv4Address ipv4(std::uint32_t host);
[[nodiscard]] ns3::Ipv6Address ipv6(std::uint32_t host);
/// The last four bytes of its address, as Segment has them.
[[nodiscard]] std::uint32_t address_of(bool v6, std::uint32_t host);

[[nodiscard]] ns3::Address endpoint(bool v6, std::uint32_t host, std::uint16_t port);
[[nodiscard]] std::uint32_t host_of(const ns3::Address& endpoint);
[[nodiscard]] std::uint16_t port_of(const ns3::Address& endpoint);

}  // namespace mqttlab::sim
