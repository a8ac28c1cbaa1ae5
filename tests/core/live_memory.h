// LiveMemory: how many bytes this program holds through operator new, and held at most.
#pragma once

#include <cstddef>

namespace mqttlab::testing {

struct LiveMemory {
  static std::size_t now();
  static std::size_t most();  ///< since reset()
  static void reset();
};

}  // namespace mqttlab::testing
