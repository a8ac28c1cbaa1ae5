// Segment: what a link can read in an IP packet, and the meter that counts it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "protocol/link/link.h"

namespace mqttlab::sim {

/// The longest IPv6 and TCP headers that ns-3 writes.
inline constexpr std::size_t longest_headers = 40 + 60;

/// The IP and TCP headers of one packet.
struct Segment {
  std::uint32_t source = 0, destination = 0;  ///< the last four bytes of the addresses
  std::uint16_t source_port = 0, destination_port = 0;
  std::uint32_t sequence = 0;
  std::uint32_t header_bytes = 0;   ///< IP and TCP
  std::uint32_t payload_bytes = 0;  ///< of TCP
  bool syn = false;
  /// Reads the first bytes of an IPv4 or IPv6 packet of `size` bytes; nullopt if it is not TCP.
  [[nodiscard]] static std::optional<Segment> read(Bytes head, std::uint32_t size);
};

/// A packet that a device's radio has sent (at the instant it was offered to the link, whether or
/// not it was lost on the way) or received.
struct RadioPacket {
  Time at = 0;
  std::uint32_t bytes = 0;  ///< of IP
  Way way = Way::up;
  std::array<std::uint8_t, 3> reserved{};  // so that no byte is left to chance
};

/// Counts one direction of a link as its sender offers it.
class Meter {
 public:
  void offered(const std::optional<Segment>& segment, std::uint32_t bytes);
  DirectionCounters counters;

 private:
  // What a connection has sent so far. Old connections of a device stop before new ones start, so
  // few are remembered.
  struct Flow {
    std::uint16_t port = 0;
    std::uint32_t next_sequence = 0;
  };
  std::array<Flow, 8> flows_{};
  std::size_t oldest_ = 0;
};

}  // namespace mqttlab::sim
