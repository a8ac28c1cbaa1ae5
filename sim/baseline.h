// Baseline: the bytes of a fleet of QoS 1 publishers with one subscriber, moved by bare ns-3
// sockets: same topology, TCP profile and loss, but no MQTT, no Peer and no trace.
#pragma once

#include <cstdint>

#include "protocol/link/link.h"

namespace mqttlab::sim {

struct BaselineConfig {
  std::uint64_t seed = 1;
  std::uint32_t devices = 100;  ///< senders; one more device receives
  LinkSpec link;
  Time interval = 30 * second;      ///< between messages of one sender
  Time warm_up = 30 * second;       ///< for connecting; not measured
  Time span = 60 * second;          ///< measured
  std::uint32_t publish_bytes = 0;  ///< of each message, to the site and on to the receiver
  std::uint32_t answer_bytes = 4;   ///< of the acknowledgement that each of the two hops gets
};

struct BaselineResult {
  std::uint64_t messages = 0;  ///< that reached the receiver within the span
  double wall_s = 0;           ///< of the span
};

[[nodiscard]] BaselineResult run_baseline(const BaselineConfig& config);

}  // namespace mqttlab::sim
