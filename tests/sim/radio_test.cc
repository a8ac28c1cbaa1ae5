#include <gtest/gtest.h>

#include "tests/sim/crowd.h"

namespace mqttlab::sim {
namespace {

constexpr Time always = 2 * millisecond;

LinkSpec wifi(double radius_m = 20) { return cell_of("80211n", radius_m); }

// Their first SYN comes before they are associated, their second one 1 s later: there are 2 s left
// of 10 messages each.
TEST(Radio, OneSeedIsOneRun) { expect_one_run_of_one_seed({.devices = 4, .link = wifi()}, 70); }

TEST(Radio, CarriesIpv6AsWell) {
  const Outcome outcome = crowd({.link = wifi(), .ipv6 = true});
  EXPECT_GT(outcome.published, 30U);
  EXPECT_EQ(outcome.delivered, outcome.published);
}

TEST(Radio, DevicesOfACellWaitForEachOther) {
  const Outcome alone = crowd({.devices = 1, .link = wifi(), .interval = always}),
                crowded = crowd({.devices = 3, .link = wifi(), .interval = always});
  // Twice a millisecond of the link, and the air's time.
  EXPECT_GT(alone.median_latency, 2 * millisecond);
  EXPECT_LT(alone.median_latency, 4 * millisecond);
  EXPECT_GT(crowded.median_latency, 2 * alone.median_latency);
  EXPECT_EQ(crowded.delivered, crowded.published) << "TCP sends again what the air has lost";
}

TEST(Radio, WhoStandsFarAwayIsLost) {
  const Outcome near = crowd({.devices = 6, .link = wifi(20)}),
                far = crowd({.devices = 6, .link = wifi(400)});
  EXPECT_EQ(near.delivered, near.published);
  EXPECT_LE(near.offered, near.arrived + 6) << "but for SYNs of who was not yet associated";
  EXPECT_GT(far.offered, far.arrived);
  EXPECT_LT(far.delivered, near.delivered);
}

TEST(Radio, ALinkThatIsDownTakesWhatComesOutOfIt) {
  WorldConfig config;
  config.seed = 7;
  World world(config);
  world.add_broker("broker", {});
  const ClientId client = add_client(world, "meter", wifi());
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
