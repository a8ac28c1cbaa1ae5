// Faults of a link as data: what happens to it or to its connections, and when.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "protocol/link/link.h"
#include "protocol/wire/packet_type.h"

namespace mqttlab {

/// The instant of a fault: of the clock, or of the bytes that one way of a connection carries. All
/// counts are of one connection and begin at 1; positions are those of the bytes at the receiver,
/// so that exactly what is before them has arrived.
struct Trigger {
  enum class Kind : std::uint8_t {
    at,      ///< `at`, since the link began
    bytes,   ///< after `bytes` bytes of the connection
    before,  ///< before the first byte of the `count`th packet of type `packet`
    inside,  ///< after `bytes` bytes of that packet
    after,   ///< after its last byte; in a simulated network its receiver has acted on it, too,
             ///< and no answer has left
    // In simulated networks only; on real sockets the first is `before`, the others `after`.
    written,  ///< its sender's transport has all of it, and no byte of it has left
    unread,   ///< it has arrived, and its receiver has not acted on it
    resent,   ///< after `count` packets of an earlier connection, sent again, and before the next:
              ///< PUBLISH with DUP, and PUBREL for no PUBLISH of this connection
  };
  Kind kind = Kind::at;
  Way way = Way::up;        ///< whose bytes are counted
  bool either_way = false;  ///< of `resent`: whichever way gets there first
  Time at = 0;
  std::uint64_t bytes = 0;
  PacketType packet{};
  std::uint32_t count = 1;
  /// Which connection, by its number on this link, from 1; empty: the first that gets there.
  std::optional<std::uint32_t> connection = {};
  bool each = false;  ///< every connection that gets there, not only one
};

/// How a connection is cut: who hears of it. After each, nothing passes any more.
enum class Cut : std::uint8_t {
  reset,      ///< both ends get a reset
  fin,        ///< both ends see the other's orderly end
  half_open,  ///< the device's end is reset, the broker's hears nothing
  silent,     ///< neither end hears anything
};

[[nodiscard]] std::string_view name(Cut how);

struct Fault {
  enum class Kind : std::uint8_t {
    cut,        ///< of the connection that triggers it; of all of them with Trigger::Kind::at
    blackhole,  ///< of `ways`: what is sent is lost, whoever sends it, and nobody is told
    down,       ///< the link is down, both ways
  };
  Kind kind = Kind::cut;
  Trigger when;
  Cut how = Cut::reset;         ///< of a cut
  bool up = true, down = true;  ///< the ways of a blackhole
  Time lasts = never;           ///< of a blackhole, or a time down
};

}  // namespace mqttlab
