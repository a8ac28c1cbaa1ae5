#include "protocol/world/fleet.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/sim/worlds.h"

namespace mqttlab::sim {
namespace {

TEST(Fleet, PublishesAtItsIntervalUntilItsEnd) {
  World world({});
  world.add_broker("broker", {});
  const auto clients = add_clients(world, 10, symmetric(10 * millisecond));
  FleetConfig config;
  config.interval = 10 * second;
  config.stop_after = 101 * second;
  config.start_within = second;
  config.interval_spread = 0;
  const Fleet fleet(world, "meters", clients, config);
  world.run(300 * second);
  EXPECT_EQ(fleet.published(), 100U) << "at 10, 20, ..., 100 s and a bit";
  EXPECT_EQ(fleet.refused(), 0U);
}

TEST(Fleet, TakesItsLevelsInTurnAndFillsInTheTopic) {
  World world({});
  world.add_broker("broker", {});
  const auto clients = add_clients(world, 1, symmetric(10 * millisecond));
  FleetConfig config;
  config.interval = second;
  config.qos = {QoS::at_least_once, QoS::exactly_once};
  config.topic = "site/{name}/{qos}/{name}";
  const Fleet fleet(world, "meters", clients, config);
  world.run(60 * second);
  std::set<std::string> topics;
  std::set<std::uint64_t> messages;
  for (const auto& event :
       events(world, trace::Kind::publish_called, trace::End::client, world.device_of(0))) {
    topics.insert(std::string(world.log().text(event.text)));
    messages.insert(event.message);
  }
  EXPECT_EQ(topics, (std::set<std::string>{"site/meter-0/1/meter-0", "site/meter-0/2/meter-0"}));
  EXPECT_EQ(messages.size(), fleet.published()) << "no two payloads are equal";
}

TEST(Fleet, CountsWhatAFullQueueRefusesAndSkipsTheDead) {
  World world({});
  world.add_broker("broker", {});
  const DeviceId device = world.add_device("meter", symmetric(10 * millisecond));
  ClientConfig small = client_config("meter");
  small.queue_messages = 3;
  const ClientId client = world.add_client(device, small);
  world.set_link(device, false);
  FleetConfig config;
  config.interval = second;
  const Fleet fleet(world, "meters", {client}, config);
  world.run(60 * second);
  EXPECT_EQ(fleet.published(), 3U);
  EXPECT_GT(fleet.refused(), 40U);
  world.die(device, trace::Death::silent);
  const auto refused = fleet.refused();
  world.run(120 * second);
  EXPECT_EQ(fleet.refused(), refused);
}

TEST(Fleet, NamesABadField) {
  World world({});
  world.add_broker("broker", {});
  const auto clients = add_clients(world, 1, symmetric(0));
  FleetConfig config;
  config.interval = 0;
  EXPECT_THROW(Fleet(world, "f", clients, config), std::invalid_argument);
  config = {};
  config.interval_spread = 1.0;
  EXPECT_THROW(Fleet(world, "f", clients, config), std::invalid_argument);
  config = {};
  config.qos.clear();
  EXPECT_THROW(Fleet(world, "f", clients, config), std::invalid_argument);
  config = {};
  config.start_within = -1;
  EXPECT_THROW(Fleet(world, "f", clients, config), std::invalid_argument);
}

TEST(Fleet, AStampIsPaddedAndNeverCut) {
  EXPECT_EQ(stamp("m", 7, 12, 10).text(), "m:7:12:...");
  EXPECT_EQ(stamp("meter", 7, 1'000'000, 4).text(), "meter:7:1000000:");
}

}  // namespace
}  // namespace mqttlab::sim
