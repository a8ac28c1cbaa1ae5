#include "sim/world.h"

#include <gtest/gtest.h>

#include "tests/sim/worlds.h"

namespace mqttlab::sim {
namespace {

LinkSpec bad_link() {
  LinkSpec link = symmetric(30 * millisecond, 0.02, 200e3);
  link.up.jitter = link.down.jitter = 20 * millisecond;
  link.down.burst = GilbertElliott{0.01, 0.3, 0.0, 0.8};
  link.cycle = Cycle{20 * second, 4 * second, 0.5};
  return link;
}

std::string fingerprint(std::uint64_t seed, bool ipv6 = false, std::uint32_t per_front = 16,
                        Time step = 300 * second) {
  WorldConfig config;
  config.seed = seed;
  config.ipv6 = ipv6;
  config.devices_per_front = per_front;
  World world(config);
  world.add_broker("broker", {});
  const auto clients = add_clients(world, 40, bad_link());
  (void)world.subscribe(clients[0], {{text("fleet/#"), QoS::exactly_once}});
  FleetConfig fleet_config;
  fleet_config.qos = {QoS::at_most_once, QoS::at_least_once, QoS::exactly_once};
  const Fleet fleet(world, "meters", clients, fleet_config);
  for (Time until = step; until <= 300 * second; until += step) world.run(until);
  EXPECT_GT(world.broker_gauges().messages_sent, 100U);
  return world.log().fingerprint();
}

TEST(World, OneSeedGivesOneFingerprintAgainAndAgainInAProcess) {
  const auto first = fingerprint(1);
  EXPECT_NE(fingerprint(2), first);
  EXPECT_EQ(fingerprint(1), first);
  const auto v6 = fingerprint(1, true);
  EXPECT_EQ(fingerprint(1, true), v6);
  EXPECT_EQ(fingerprint(1), first) << "after a world of another kind";
}

TEST(World, TheFrontNodesAndTheStepsOfRunCannotBeSeen) {
  const auto first = fingerprint(1);
  EXPECT_EQ(fingerprint(1, false, 1), first);
  EXPECT_EQ(fingerprint(1, false, 1'000), first);
  EXPECT_EQ(fingerprint(1, false, 16, 100 * millisecond), first);
}

TEST(World, OnlyOneAtATime) {
  const World world({});
  EXPECT_THROW(World({}), std::logic_error);
}

TEST(World, RefusesWhatMakesNoSense) {
  World world({});
  EXPECT_THROW(world.add_device("early", {}), std::logic_error);
  world.add_broker("broker", {});
  EXPECT_THROW(world.add_broker("second", {}), std::logic_error);
  world.add_device("twin", {});
  EXPECT_THROW(world.add_device("twin", {}), std::invalid_argument);
  EXPECT_THROW(world.add_device("broker", {}), std::invalid_argument);
  EXPECT_THROW(world.add_client(99, client_config("x")), std::out_of_range);
  EXPECT_THROW(world.start(5), std::out_of_range);
  EXPECT_THROW(world.add_device("bad", symmetric(-1)), std::invalid_argument);
  world.run(second);
  EXPECT_THROW(world.at(0, [] {}), std::invalid_argument);
}

TEST(World, AMessageTravelsFromPublisherToSubscriber) {
  for (const bool ipv6 : {false, true}) {
    WorldConfig config;
    config.ipv6 = ipv6;
    World world(config);
    world.add_broker("broker", {});
    const ClientId desk = add_client(world, "desk", symmetric(10 * millisecond));
    const ClientId meter = add_client(world, "meter", symmetric(10 * millisecond));
    std::vector<std::string> received;
    world.handle(desk, [&](const ClientEvent& event) {
      if (const auto* message = std::get_if<Received>(&event))
        received.push_back(std::string(message->payload.text()));
    });
    world.start(desk);
    (void)world.subscribe(desk, {{text("kwh"), QoS::at_least_once}});
    world.run(second);
    world.start(meter);
    (void)world.publish(meter, text("kwh"), text("42"), QoS::at_least_once, false);
    world.run(2 * second);
    EXPECT_EQ(received, std::vector<std::string>{"42"}) << (ipv6 ? "v6" : "v4");
    EXPECT_EQ(events(world, trace::Kind::opened, trace::End::broker, 0).size(), 2U);
  }
}

TEST(World, MuchMoreThanTheSocketBuffersIsMovedWhole) {
  World world({});
  world.add_broker("broker", {});
  const ClientId desk = add_client(world, "desk", symmetric(10 * millisecond));
  const ClientId meter = add_client(world, "meter", symmetric(10 * millisecond, 0.01, 20e6));
  std::string big(900'000, '.');
  for (std::size_t i = 0; i < big.size(); ++i) big[i] = static_cast<char>('a' + i % 23);
  std::string received;
  world.handle(desk, [&](const ClientEvent& event) {
    if (const auto* message = std::get_if<Received>(&event)) received = message->payload.text();
  });
  world.start(desk);
  (void)world.subscribe(desk, {{text("big"), QoS::exactly_once}});
  world.start(meter);
  world.run(second);
  (void)world.publish(meter, text("big"), text(big), QoS::exactly_once, false);
  world.run(60 * second);
  EXPECT_TRUE(received == big) << received.size();
}

TEST(World, AWatchedClientStopsTheRunAndIsReady) {
  World world({});
  world.add_broker("broker", {});
  const ClientId first = add_client(world, "first", symmetric(10 * millisecond));
  const ClientId second_one = add_client(world, "second", symmetric(20 * millisecond));
  for (const ClientId client : {first, second_one}) {
    world.watch(client, true);
    world.start(client);
  }
  const Time connack = world.run(10 * second);  // ns-3 sends a nanosecond after it is told to
  EXPECT_NEAR(static_cast<double>(connack), 40.0 * millisecond, 5.0) << "SYN .. CONNACK";
  EXPECT_EQ(world.ready(), std::vector<ClientId>{first});
  EXPECT_EQ(world.run(10 * second), connack) << "its events have not been taken";
  EXPECT_TRUE(std::holds_alternative<Connected>(world.poll(first).value()));
  EXPECT_TRUE(world.ready().empty());
  EXPECT_NEAR(static_cast<double>(world.run(10 * second)), 80.0 * millisecond, 5.0);
  EXPECT_EQ(world.ready(), std::vector<ClientId>{second_one});
}

TEST(World, KeepGoingIsAskedEverySecondAndEndsTheRun) {
  World world({});
  world.add_broker("broker", {});
  int asked = 0;
  EXPECT_EQ(world.run(10 * second, [&] { return ++asked < 3; }), 3 * second);
  EXPECT_EQ(world.run(4 * second), 4 * second);
  EXPECT_EQ(asked, 3);
}

TEST(World, ExceptionsLeaveRunAndTheWorldGoesOn) {
  World world({});
  world.add_broker("broker", {});
  const ClientId client = add_client(world, "meter", symmetric(10 * millisecond));
  world.at(second, [] { throw std::runtime_error("from a callback"); });
  world.handle(client, [](const ClientEvent&) { throw std::runtime_error("from a handler"); });
  const auto thrown = [&] {
    try {
      world.run(10 * second);
    } catch (const std::runtime_error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_EQ(thrown(), "from a callback");
  EXPECT_EQ(world.now(), second);
  world.start(client);
  EXPECT_EQ(thrown(), "from a handler");
  EXPECT_EQ(thrown(), "");
  EXPECT_EQ(world.now(), 10 * second);
  EXPECT_TRUE(world.client(client).connected());
}

TEST(World, PhasesAndLinksAreRecorded) {
  World world({});
  world.add_broker("broker", {});
  const DeviceId device = world.add_device("meter", symmetric(10 * millisecond));
  world.at(second, [&] { world.set_link(device, false); });
  world.at(2 * second, [&] { world.set_link(device, false); });
  world.at(3 * second, [&] { world.set_link(device, true); });
  world.at(4 * second, [&] { world.phase("settle"); });
  world.run(5 * second);
  const auto all = world.log().events();
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all[0].kind, trace::Kind::link_down);
  EXPECT_EQ(all[0].at, second);
  EXPECT_EQ(all[0].actor, device);
  EXPECT_EQ(all[1].kind, trace::Kind::link_up);
  EXPECT_EQ(all[1].at, 3 * second);
  EXPECT_EQ(all[2].kind, trace::Kind::phase);
  EXPECT_EQ(world.log().text(all[2].text), "settle");
}

}  // namespace
}  // namespace mqttlab::sim
