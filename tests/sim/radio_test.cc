#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "tests/sim/worlds.h"

namespace mqttlab::sim {
namespace {

LinkSpec cell(double radius_m = 20) {
  LinkSpec link = symmetric(millisecond);
  link.radio = RadioCell{"80211n", radius_m};
  return link;
}

struct Outcome {
  std::string fingerprint;
  std::size_t published = 0, delivered = 0;
  Time median_latency = 0;
  std::uint64_t offered = 0, arrived = 0;
};

/// Devices of one cell publish at QoS 1, one every `interval`, for three seconds.
Outcome crowd(std::uint64_t seed, std::size_t devices, const LinkSpec& link, Time interval,
              bool ipv6 = false) {
  WorldConfig world_config;
  world_config.seed = seed;
  world_config.ipv6 = ipv6;
  World world(world_config);
  world.add_broker("broker", {});
  const auto clients = add_clients(world, devices, link);
  FleetConfig config;
  config.topic = "t/{name}";
  config.interval = interval;
  config.start_within = 100 * millisecond;
  config.stop_after = 3 * second;
  config.payload_bytes = 1'000;
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

constexpr Time rarely = 100 * millisecond, always = 2 * millisecond;

TEST(Radio, OneSeedIsOneRun) {
  const Outcome first = crowd(7, 4, cell(), rarely), again = crowd(7, 4, cell(), rarely),
                other = crowd(8, 4, cell(), rarely);
  EXPECT_EQ(first.fingerprint, again.fingerprint);
  EXPECT_NE(first.fingerprint, other.fingerprint);
  EXPECT_GT(first.published, 100U);
  EXPECT_EQ(first.delivered, first.published);
}

TEST(Radio, CarriesIpv6AsWell) {
  const Outcome outcome = crowd(7, 2, cell(), rarely, true);
  EXPECT_GT(outcome.published, 50U);
  EXPECT_EQ(outcome.delivered, outcome.published);
}

TEST(Radio, DevicesOfACellWaitForEachOther) {
  const Outcome alone = crowd(7, 1, cell(), always), crowded = crowd(7, 3, cell(), always);
  // Twice a millisecond of the link, and the air's time.
  EXPECT_GT(alone.median_latency, 2 * millisecond);
  EXPECT_LT(alone.median_latency, 4 * millisecond);
  EXPECT_GT(crowded.median_latency, 2 * alone.median_latency);
  EXPECT_EQ(crowded.delivered, crowded.published) << "TCP sends again what the air has lost";
}

TEST(Radio, WhoStandsFarAwayIsLost) {
  const Outcome near = crowd(7, 6, cell(20), rarely), far = crowd(7, 6, cell(400), rarely);
  EXPECT_EQ(near.offered, near.arrived);
  EXPECT_GT(far.offered, far.arrived);
  EXPECT_LT(far.delivered, near.delivered);
}

TEST(Radio, ALinkThatIsDownTakesWhatComesOutOfIt) {
  WorldConfig config;
  config.seed = 7;
  World world(config);
  world.add_broker("broker", {});
  const ClientId client = add_client(world, "meter", cell());
  world.start(client);
  static_cast<void>(world.run(5 * second));
  ASSERT_TRUE(world.client(client).connected());
  world.set_link(world.device_of(client), false);
  const auto before = world.counters(world.device_of(client), true);
  static_cast<void>(world.publish(client, text("t"), text("1"), QoS::at_least_once, false));
  static_cast<void>(world.run(10 * second));
  const auto after = world.counters(world.device_of(client), true);
  EXPECT_GT(after.lost_down, before.lost_down);
  EXPECT_EQ(after.delivered, before.delivered);
  world.set_link(world.device_of(client), true);
  static_cast<void>(world.run(30 * second));
  EXPECT_GT(world.counters(world.device_of(client), true).delivered, before.delivered);
}

}  // namespace
}  // namespace mqttlab::sim
