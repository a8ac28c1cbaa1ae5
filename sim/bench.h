// Bench: what MQTT, hosts and trace cost beside the simulator itself, in wall time per message.
#pragma once

#include <cstdint>

#include "protocol/peer.h"
#include "protocol/transport/transport.h"

namespace mqttlab::sim {

struct BenchConfig {
  std::uint32_t devices = 100;  ///< publishers at QoS 1; one more device subscribes at QoS 1
  std::uint64_t seed = 1;
  std::uint64_t messages = 20'000;  ///< about so many are measured, after the connecting
  std::uint32_t payload_bytes = 64;
  Time interval = 30 * second;      ///< between publishes of one device
  Time delay = 25 * millisecond;    ///< one way
  double loss = 0.02;               ///< independent, each way
  Transport transport = over::tcp;  ///< of MQTT; bare ns-3 moves its bytes over TCP
};

struct BenchResult {
  std::uint32_t devices = 0;
  std::uint64_t messages = 0;      ///< delivered to the subscriber
  std::uint64_t raw_messages = 0;  ///< the same for bare ns-3
  double us_per_message = 0;       ///< wall time, trace on
  double raw_us_per_message = 0;   ///< wall time of bare ns-3 moving the same bytes
};

/// One measurement of each side, one after the other. Builds worlds of its own: no other may exist.
/// Throws std::invalid_argument naming the field.
[[nodiscard]] BenchResult run_bench(const BenchConfig& config);

}  // namespace mqttlab::sim
