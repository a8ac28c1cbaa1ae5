// Gate: what of a link's bytes waits for the journal.
#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "protocol/peer.h"
#include "protocol/wire/packet_type.h"

namespace mqttlab {

/// Whether an answer is believed for ever. CONNACK speaks of a session, or refuses one.
[[nodiscard]] constexpr bool promises(PacketType answer) {
  switch (answer) {
    case PacketType::connack:
    case PacketType::puback:
    case PacketType::pubrec:
    case PacketType::pubcomp:
    case PacketType::suback:
    case PacketType::unsuback:
      return true;
    default:
      return false;
  }
}

/// Bytes leave in order, so whatever follows a promise waits with it.
class Gate {
 public:
  static constexpr std::uint64_t nowhere = std::numeric_limits<std::uint64_t>::max();

  /// From this byte of the stream on everything waits for `position`. Both rise.
  void close(std::uint64_t from, JournalPosition position) { bars_.push_back({from, position}); }
  /// What waits for `committed` or less may leave.
  void open(JournalPosition committed) {
    std::erase_if(bars_, [&](const Bar& bar) { return bar.position <= committed; });
  }
  void clear() { bars_ = {}; }
  [[nodiscard]] bool is_open() const { return bars_.empty(); }
  /// The first byte of the stream that may not leave.
  [[nodiscard]] std::uint64_t limit() const { return bars_.empty() ? nowhere : bars_.front().from; }

 private:
  struct Bar {
    std::uint64_t from;
    JournalPosition position;
  };
  std::vector<Bar> bars_;
};

}  // namespace mqttlab
