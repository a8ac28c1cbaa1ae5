// Process: what a process has used so far.
#pragma once

#include <cstdint>

#include "protocol/peer.h"

namespace mqttlab::bench {

class Process {
 public:
  /// `pid` 0: this one. Throws std::runtime_error if there is none.
  explicit Process(int pid);
  [[nodiscard]] Time cpu_time() const;                 ///< of all its threads, in user and kernel
  [[nodiscard]] std::uint64_t resident_bytes() const;  ///< 0 if it has ended

 private:
  int pid_;
  int clock_ = 0;
};

}  // namespace mqttlab::bench
