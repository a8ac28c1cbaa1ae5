// Wire: how one in-memory connection treats its bytes, and where it breaks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>

#include "protocol/peer.h"

namespace mqttlab::testing {

/// What one connection does to its bytes. Offsets count bytes of one direction that have arrived.
struct Wire {
  static constexpr std::uint64_t nowhere = std::numeric_limits<std::uint64_t>::max();
  Time latency = 1 * millisecond;
  std::size_t segment = 65'536;  ///< bytes per arrival; 1: one at a time
  std::size_t buffer = 65'536;   ///< bytes that a direction holds; then writes are not taken
  std::uint64_t cut_up =
      nowhere;  ///< both ends are reset once so many bytes have reached the broker
  std::uint64_t cut_down = nowhere;  ///< the same for bytes that have reached the client
  std::uint64_t stall_up = nowhere;  ///< from this byte on the direction swallows what is written
  std::uint64_t stall_down = nowhere;
  std::string behind_connect{};  ///< more that leaves with the client's first bytes
};

}  // namespace mqttlab::testing
