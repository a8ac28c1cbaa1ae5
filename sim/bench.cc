#include "sim/bench.h"

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <string>

#include "protocol/session/random.h"
#include "protocol/world/fleet.h"
#include "sim/baseline.h"
#include "sim/world.h"

namespace mqttlab::sim {
namespace {

constexpr Time warm_up = 30 * second;
constexpr std::uint32_t puback_bytes = 4;

struct Round {
  std::uint64_t messages = 0;
  double wall_s = 0;
  std::uint32_t publish_bytes = 0;
};

void check(const BenchConfig& config) {
  const auto reject = [](const std::string& field, const std::string& range) {
    throw std::invalid_argument("bench: " + field + " must be " + range);
  };
  if (config.devices == 0) reject("devices", "1 or more");
  if (config.messages == 0) reject("messages", "1 or more");
  if (config.interval <= 0) reject("interval", "over 0 ns");
}

LinkSpec link(const BenchConfig& config) {
  LinkSpec spec;
  spec.name = "bench";
  spec.up.delay = spec.down.delay = config.delay;
  spec.up.loss = spec.down.loss = config.loss;
  return spec;
}

Time span(const BenchConfig& config) {
  const std::uint64_t each = std::max<std::uint64_t>(1, config.messages / config.devices);
  return static_cast<Time>(each) * config.interval;
}

/// Messages that have reached the subscriber, and how long their PUBLISH is.
void count_deliveries(const trace::Log& log, DeviceId subscriber, Round& round) {
  for (const trace::Event& event : log.events()) {
    if (event.kind != trace::Kind::arrived || event.end != trace::End::client ||
        event.actor != subscriber || event.packet != PacketType::publish)
      continue;
    ++round.messages;
    round.publish_bytes = event.bytes;
  }
}

Round run_mqtt(const BenchConfig& config) {
  WorldConfig world_config;
  world_config.seed = config.seed;
  World world(world_config);
  world.add_broker("broker", {});
  const LinkSpec spec = link(config);
  const auto add = [&](const std::string& name) {
    const DeviceId device = world.add_device(name, spec);
    ClientConfig client;
    client.client_id = name;
    return world.add_client(device, client, config.transport);
  };
  const ClientId subscriber = add("subscriber");
  std::vector<ClientId> publishers;
  for (std::uint32_t i = 0; i < config.devices; ++i)
    publishers.push_back(add("device-" + std::to_string(1'000'000 + i)));

  world.start(subscriber);
  (void)world.subscribe(subscriber, {{Slice::copy_of("fleet/#"), QoS::at_least_once}});
  Random random(config.seed, "bench");
  for (const ClientId client : publishers) {
    const double within = random.uniform() * static_cast<double>(warm_up / 2);
    world.at(static_cast<Time>(within), [&world, client] { world.start(client); });
  }
  world.run(warm_up);

  FleetConfig fleet_config;
  fleet_config.interval = config.interval;
  fleet_config.interval_spread = 0;
  fleet_config.start_within = config.interval;
  fleet_config.payload_bytes = config.payload_bytes;
  const Fleet fleet(world, "bench", publishers, fleet_config);
  const auto start = std::chrono::steady_clock::now();
  world.run(warm_up + span(config));
  const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - start;

  Round round;
  round.wall_s = wall.count();
  count_deliveries(world.log(), world.device_of(subscriber), round);
  return round;
}

Round run_raw(const BenchConfig& config, std::uint32_t publish_bytes) {
  BaselineConfig baseline;
  baseline.seed = config.seed;
  baseline.devices = config.devices;
  baseline.link = link(config);
  baseline.interval = config.interval;
  baseline.warm_up = warm_up;
  baseline.span = span(config);
  baseline.publish_bytes = publish_bytes;
  baseline.answer_bytes = puback_bytes;
  const BaselineResult result = run_baseline(baseline);
  return {result.messages, result.wall_s, publish_bytes};
}

double us_per_message(const Round& round) {
  return round.wall_s * 1e6 / static_cast<double>(std::max<std::uint64_t>(1, round.messages));
}

}  // namespace

BenchResult run_bench(const BenchConfig& config) {
  check(config);
  const Round mqtt = run_mqtt(config);
  const Round raw = run_raw(config, mqtt.publish_bytes);
  return {config.devices, mqtt.messages, raw.messages, us_per_message(mqtt), us_per_message(raw)};
}

}  // namespace mqttlab::sim
