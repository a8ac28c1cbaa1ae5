#include <algorithm>

#include "tests/sim/crowd.h"

namespace mqttlab::sim {
namespace {

LinkSpec riders(double speed_mps, const std::vector<double>& base_stations_m = {0}) {
  LinkSpec link = cell_of("lte", 50);
  link.radio->speed_mps = speed_mps;
  link.radio->base_stations_m = base_stations_m;
  return link;
}

TEST(Lte, OneSeedIsOneRun) { expect_one_run_of_one_seed({.link = riders(0)}, 30); }

TEST(Lte, CarriesIpv6AsWell) {
  const Outcome outcome = crowd({.link = riders(0), .ipv6 = true});
  EXPECT_GT(outcome.published, 30U);
  EXPECT_EQ(outcome.delivered, outcome.published);
}

/// The longest time without a PUBACK of a rider who publishes four times a second, from the second
/// second on; or the time from the last one to the end.
Time longest_silence(const LinkSpec& link, Time lasting) {
  WorldConfig world_config;
  world_config.seed = 7;
  World world(world_config);
  world.add_broker("broker", {});
  const auto clients = add_clients(world, 1, link);
  FleetConfig config;
  config.topic = "t/{name}";
  config.interval = second / 4;
  config.start_within = second;
  Fleet fleet(world, "fleet", clients, config);
  static_cast<void>(world.run(lasting));
  Time last = 2 * second, longest = 0;
  for (const auto& event : world.log().events()) {
    if (event.kind != trace::Kind::arrived || event.packet != PacketType::puback) continue;
    longest = std::max(longest, event.at - last);
    last = event.at;
  }
  return std::max(longest, lasting - last);
}

// Between two PUBACKs; and on the far edge of a cell what waits to be sent is dropped on the move.
TEST(Lte, AHandoverCostsTwoTimeoutsOfTcpAtMost) {
  constexpr Time interval = second / 4, timeouts = 900 * millisecond;
  EXPECT_LT(longest_silence(riders(100, {0, 1'000}), 15 * second), interval + timeouts);
  EXPECT_GT(longest_silence(riders(100), 15 * second), 3 * second) << "nobody else to go to";
}

TEST(Lte, AHoleInTheCoverageIsSilence) {
  const Time silence = longest_silence(riders(100, {0, 3'000}), 30 * second);
  EXPECT_GT(silence, 8 * second);
  EXPECT_LT(silence, 20 * second) << "it is over on the other side";
}

TEST(Lte, WhoComesLaterIsServedAsWell) {
  World world(WorldConfig{});
  world.add_broker("broker", {});
  for (const char* name : {"first", "second"}) {
    const ClientId client = add_client(world, name, riders(0));
    world.start(client);
    static_cast<void>(world.run(world.now() + 3 * second));
    EXPECT_TRUE(world.client(client).connected()) << name;
  }
}

TEST(Lte, WhoComesLaterIsWhereTheOthersAreByNow) {
  World world(WorldConfig{});
  world.add_broker("broker", {});
  static_cast<void>(world.add_device("first", riders(100)));
  static_cast<void>(world.run(20 * second));
  const ClientId client = add_client(world, "second", riders(100));
  world.start(client);
  static_cast<void>(world.run(25 * second));
  EXPECT_FALSE(world.client(client).connected()) << "2 km away from the base station";
}

TEST(Lte, WhatNs3WouldEndTheProcessForIsRefused) {
  World world(WorldConfig{});
  world.add_broker("broker", {});
  static_cast<void>(world.add_device("first", riders(0)));
  LinkSpec other = riders(0);
  other.name = "other";
  EXPECT_THROW(world.add_device("second", other), std::invalid_argument) << "one LTE at a time";
}

TEST(Lte, BaseStationsThatComeLateAreRefused) {
  World world(WorldConfig{});
  world.add_broker("broker", {});
  static_cast<void>(world.run(second));
  EXPECT_THROW(world.add_device("late", riders(0)), std::invalid_argument);
}

TEST(Lte, ACellIsFullAtSomeTime) {
  World world(WorldConfig{});
  world.add_broker("broker", {});
  const auto clients = add_clients(world, 32, riders(0));
  EXPECT_THROW(world.add_device("meter", riders(0)), std::length_error);
  const ClientId other = add_client(world, "other", symmetric(millisecond), over::tls);
  world.start(other);
  for (const ClientId client : clients) world.start(client);
  static_cast<void>(world.run(3 * second));
  for (const ClientId client : clients) EXPECT_TRUE(world.client(client).connected());
  EXPECT_TRUE(world.client(other).connected()) << "nothing is left of who was refused";
}

TEST(Lte, AWorldMayEndBeforeItBegins) {
  World world(WorldConfig{});
  world.add_broker("broker", {});
  EXPECT_NO_THROW(static_cast<void>(world.add_device("meter", riders(0))));
}

}  // namespace
}  // namespace mqttlab::sim
