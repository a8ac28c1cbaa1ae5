// Durability: what survives, when something has been acknowledged and then its process or the
// machine ends.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

#include "protocol/peer.h"

namespace mqttlab {

enum class Durability : std::uint8_t {
  none,   ///< all but the last batch_window if the process does, anything if the machine does
  batch,  ///< all but the last batch_window
  sync,   ///< all: acknowledged means on disk
};
/// Throws std::invalid_argument naming them.
[[nodiscard]] inline Durability durability_of(std::string_view name) {
  if (name == "none") return Durability::none;
  if (name == "batch") return Durability::batch;
  if (name == "sync") return Durability::sync;
  throw std::invalid_argument("unknown durability '" + std::string(name) +
                              "'; there are none, batch and sync");
}

/// What Durability::batch may lose. A commit begins after half of it, which leaves the other half
/// for the disk.
inline constexpr Time batch_window = 200 * millisecond;

}  // namespace mqttlab
