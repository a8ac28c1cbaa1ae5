#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "tests/sim/worlds.h"

namespace mqttlab::sim {
namespace {

class Counters : public testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(Ip, Counters, testing::Bool(),
                         [](const auto& version) { return version.param ? "v6" : "v4"; });

TEST_P(Counters, AddUpToTheBytesOfMqtt) {
  WorldConfig config;
  config.ipv6 = GetParam();
  World world(config);
  world.add_broker("broker", {});
  const auto clients = add_clients(world, 5, symmetric(25 * millisecond, 0.1));
  FleetConfig fleet_config;
  fleet_config.interval = second;
  fleet_config.stop_after = 60 * second;
  const Fleet fleet(world, "meters", clients, fleet_config);
  world.run(90 * second);
  for (const ClientId client : clients) {
    const DeviceId device = world.device_of(client);
    for (const bool up : {true, false}) {
      std::uint64_t mqtt = 0;
      for (const auto& event :
           events(world, trace::Kind::written, up ? trace::End::client : trace::End::broker,
                  up ? device : 0)) {
        const bool on_this_link = up || events(world, [&](const trace::Event& other) {
                                          return other.kind == trace::Kind::opened &&
                                                 other.actor == device &&
                                                 other.connection == event.connection;
                                        }).size() == 1;
        if (on_this_link) mqtt += event.bytes;
      }
      const auto counters = world.counters(device, up);
      EXPECT_EQ(counters.payload_bytes - counters.retransmitted_bytes, mqtt) << device << up;
      EXPECT_EQ(counters.bytes, counters.header_bytes + counters.payload_bytes);
      EXPECT_EQ(counters.packets, counters.delivered + counters.lost_random);
      EXPECT_GT(counters.lost_random, 0U);
    }
    EXPECT_GT(world.counters(device, true).retransmitted_bytes, 0U);
  }
}

TEST(Counters, ASlowLinkThrottlesAndItsQueueDrops) {
  World world({});
  world.add_broker("broker", {});
  LinkSpec link = symmetric(25 * millisecond, 0, 100e3);
  link.up.queue_packets = 5;
  const ClientId client = add_client(world, "meter", link);
  world.start(client);
  world.run(second);
  (void)world.publish(client, text("t"), text(std::string(100'000, '.')), QoS::at_least_once,
                      false);
  world.run(9 * second);
  const auto counters = world.counters(world.device_of(client), true);
  EXPECT_GT(counters.lost_queue, 0U);
  EXPECT_EQ(world.broker_gauges().messages_received, 0U) << "100 kB take over 8 s";
  world.run(30 * second);
  EXPECT_EQ(world.broker_gauges().messages_received, 1U);
}

TEST(RadioLog, HasWhatADeviceSendsWhereNobodyHearsIt) {
  WorldConfig config;
  config.radio_log = true;
  World world(config);
  world.add_broker("broker", {});
  const ClientId client = add_client(world, "meter", symmetric(25 * millisecond));
  const DeviceId device = world.device_of(client);
  world.start(client);
  world.run(second);
  const auto sent = [&] {
    std::size_t packets = 0;
    for (const auto& one : world.radio_log(device)) packets += one.way == Way::up ? 1 : 0;
    return packets;
  };
  EXPECT_EQ(sent(), world.counters(device, true).packets);
  world.set_link(device, false);
  (void)world.publish(client, text("t"), text("x"), QoS::at_least_once, false);
  world.run(5 * second);
  const auto counters = world.counters(device, true);
  EXPECT_GT(counters.lost_down, 1U);
  EXPECT_EQ(sent(), counters.packets);
  world.set_link(device, true);
  world.disturb(device, Way::up, {.blackhole = true});
  world.run(30 * second);
  EXPECT_GT(world.counters(device, true).lost_blackhole, 1U);
  EXPECT_EQ(sent(), world.counters(device, true).packets);
}

TEST(RecordedLink, MovesWhatTheRecordingCould) {
  // 1,500 bytes each 20 ms: 600 kbit/s of IP.
  std::string recording;
  for (int ms = 20; ms <= 2'000; ms += 20) recording += std::to_string(ms) + "\n";
  World world({});
  world.add_broker("broker", {});
  LinkSpec link = symmetric(25 * millisecond);
  link.up.capacity = CapacityTrace::parse("even", recording);
  link.up.queue_packets = 1'000;
  const ClientId client = add_client(world, "meter", link);
  world.start(client);
  world.run(second);
  for (int i = 0; i < 20; ++i)
    (void)world.publish(client, text("t"), text(std::string(100'000, '.')), QoS::at_least_once,
                        false);
  world.run(6 * second);
  const auto before = world.broker_gauges().bytes_received;
  world.run(16 * second);
  const auto bytes = static_cast<double>(world.broker_gauges().bytes_received - before);
  EXPECT_NEAR(bytes, 500.0 * 1'460, 5'000.0) << "one full segment each 20 ms";
}

}  // namespace
}  // namespace mqttlab::sim
