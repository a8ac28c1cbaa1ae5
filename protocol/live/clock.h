// The clock of real sockets.
#pragma once

#include <chrono>

#include "protocol/peer.h"

namespace mqttlab::live {

/// The clock's Time 0; a run of a world begins there.
inline std::chrono::steady_clock::time_point clock_origin{};

/// Nanoseconds of the steady clock, which neither jumps nor stops while the machine runs.
[[nodiscard]] inline Time steady_now() {
  return std::chrono::nanoseconds(std::chrono::steady_clock::now() - clock_origin).count();
}
/// Unix time less steady_now(), at present.
[[nodiscard]] inline Time unix_offset() {
  return std::chrono::nanoseconds(std::chrono::system_clock::now().time_since_epoch()).count() -
         steady_now();
}
[[nodiscard]] inline std::chrono::steady_clock::time_point time_point(Time at) {
  return clock_origin + std::chrono::nanoseconds(at);
}

}  // namespace mqttlab::live
