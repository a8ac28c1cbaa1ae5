// Stamp: what a message's payload begins with, so that its receiver can tell which one it is.
#pragma once

#include <cstdint>
#include <cstring>
#include <optional>

#include "protocol/peer.h"

namespace mqttlab::bench {

/// Written and read by one process, so in its own byte order.
struct Stamp {
  static constexpr std::size_t bytes = 20;
  std::uint32_t publisher = 0;
  std::uint64_t sequence = 0;  ///< from 0, of the publisher
  Time sent = 0;               ///< or was to be sent, if a rate is kept

  void write(std::uint8_t* at) const {
    std::memcpy(at, &publisher, 4);
    std::memcpy(at + 4, &sequence, 8);
    std::memcpy(at + 12, &sent, 8);
  }
  /// Nothing if the payload is too short to be one of ours.
  [[nodiscard]] static std::optional<Stamp> read(Bytes payload) {
    if (payload.size() < bytes) return std::nullopt;
    Stamp stamp;
    std::memcpy(&stamp.publisher, payload.data(), 4);
    std::memcpy(&stamp.sequence, payload.data() + 4, 8);
    std::memcpy(&stamp.sent, payload.data() + 12, 8);
    return stamp;
  }
};

}  // namespace mqttlab::bench
