// A crowd of devices in one cell of a radio's, and what became of what it published.
#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "tests/sim/worlds.h"

namespace mqttlab::sim {

inline LinkSpec cell_of(const std::string& model, double radius_m) {
  LinkSpec link = symmetric(millisecond);
  link.radio = RadioCell{model, radius_m};
  return link;
}

struct Crowd {
  std::uint64_t seed = 7;
  std::size_t devices = 2;
  LinkSpec link;
  Time interval = 100 * millisecond;
  std::uint32_t payload_bytes = 1'000;
  bool ipv6 = false;
};

struct Outcome {
  std::string fingerprint;
  std::size_t published = 0, delivered = 0;
  Time median_latency = 0;
  std::uint64_t offered = 0, arrived = 0;
};

/// Devices of one cell publish at QoS 1, one every `interval`, for three seconds.
inline Outcome crowd(const Crowd& of) {
  WorldConfig world_config;
  world_config.seed = of.seed;
  world_config.ipv6 = of.ipv6;
  World world(world_config);
  world.add_broker("broker", {});
  const auto clients = add_clients(world, of.devices, of.link);
  FleetConfig config;
  config.topic = "t/{name}";
  config.interval = of.interval;
  config.start_within = 100 * millisecond;
  config.stop_after = 3 * second;
  config.payload_bytes = of.payload_bytes;
  Fleet fleet(world, "fleet", clients, config);
  static_cast<void>(world.run(10 * second));
  Outcome outcome{.fingerprint = world.log().fingerprint(), .published = fleet.published()};
  std::vector<Time> latencies;
  std::map<std::pair<trace::Actor, std::uint32_t>, Time> sent;  // by device and packet id
  for (const auto& event : world.log().events()) {
    const std::pair key{event.actor, event.packet_id};
    if (event.end != trace::End::client) continue;
    if (event.kind == trace::Kind::written && event.packet == PacketType::publish)
      sent[key] = event.at;
    if (event.kind == trace::Kind::arrived && event.packet == PacketType::puback)
      latencies.push_back(event.at - sent[key]);
  }
  outcome.delivered = latencies.size();
  std::ranges::nth_element(latencies, latencies.begin() + latencies.size() / 2);
  outcome.median_latency = latencies.empty() ? 0 : latencies[latencies.size() / 2];
  for (const ClientId client : clients)
    for (const bool up : {true, false}) {
      const auto counted = world.counters(world.device_of(client), up);
      outcome.offered += counted.packets;
      outcome.arrived += counted.delivered;
    }
  return outcome;
}

/// And all that was published came, at least so much.
inline void expect_one_run_of_one_seed(const Crowd& of, std::size_t least_published) {
  Crowd other = of;
  other.seed = of.seed + 1;
  const Outcome first = crowd(of);
  EXPECT_EQ(first.fingerprint, crowd(of).fingerprint);
  EXPECT_NE(first.fingerprint, crowd(other).fingerprint);
  EXPECT_GE(first.published, least_published);
  EXPECT_EQ(first.delivered, first.published);
}

}  // namespace mqttlab::sim
