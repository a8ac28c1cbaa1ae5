// Fleet: many publishers in C++, so that a thousand devices cost no Python.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "protocol/world/world.h"

namespace mqttlab {

struct FleetConfig {
  Time interval = 15 * second;   ///< between publishes of one member
  double interval_spread = 0.1;  ///< each interval is stretched by a uniform factor in 1 +- spread
  Time start_within =
      10 * second;          ///< members start at instants uniform in [now, now + start_within)
  Time stop_after = never;  ///< no publish at or after this instant
  std::vector<QoS> qos{QoS::at_least_once};  ///< taken in turn by each member
  std::string topic = "fleet/{name}";  ///< {name}: the device's name, {qos}: the message's level
  std::uint32_t payload_bytes = 32;    ///< at least a stamp's length
  bool retain = false;
};

/// Makes a payload that no other of this run equals: ASCII "name:sequence:time_ns:", padded with
/// '.' to `bytes`.
[[nodiscard]] Slice stamp(std::string_view name, std::uint64_t sequence, Time now,
                          std::uint32_t bytes);

/// Publishes from clients that exist already; starts them, and gives those that were not connected
/// yet one interval before their first publish. Its schedule lives as long as the world,
/// whatever becomes of this object.
class Fleet {
 public:
  /// Throws std::invalid_argument naming the field.
  Fleet(World& world, std::string name, std::vector<ClientId> clients, FleetConfig config);
  [[nodiscard]] std::uint64_t published() const;
  [[nodiscard]] std::uint64_t refused() const;  ///< by a full offline queue

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace mqttlab
