// The clock of real sockets.
#pragma once

#include <chrono>

#include "protocol/peer.h"

namespace mqttlab::live {

/// Nanoseconds of the steady clock, which neither jumps nor stops while the machine runs.
[[nodiscard]] inline Time steady_now() {
  return std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count();
}
/// Unix time less steady_now(), at present.
[[nodiscard]] inline Time unix_offset() {
  return std::chrono::nanoseconds(std::chrono::system_clock::now().time_since_epoch()).count() -
         steady_now();
}
[[nodiscard]] inline std::chrono::steady_clock::time_point time_point(Time at) {
  return std::chrono::steady_clock::time_point(std::chrono::nanoseconds(at));
}

}  // namespace mqttlab::live
