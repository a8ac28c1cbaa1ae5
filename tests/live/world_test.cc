// Scenarios on real sockets: a broker, links, clients and fleets in one thread.
#include "protocol/live/world/world.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "protocol/live/clock.h"
#include "protocol/world/fleet.h"
#include "tests/live/broker_process.h"

namespace mqttlab::live {
namespace {

constexpr Time patience = 10 * second;

LinkSpec lan() {
  LinkSpec link;
  link.up.delay = link.down.delay = millisecond;
  return link;
}

class LiveWorld : public ::testing::Test {
 protected:
  LiveWorld() { world.add_broker("broker", {}); }

  ClientId add(const std::string& name) {
    ClientConfig config;
    config.client_id = name;
    config.will = Will{Slice::copy_of("will/" + name), Slice::copy_of("gone")};
    return world.add_client(world.add_device(name, lan()), config);
  }
  /// Takes what the watched client gets until something has happened; false if it never does.
  bool until(ClientId watched, const std::function<bool()>& happened) {
    while (!happened()) {
      if (world.now() >= patience) return false;
      world.run(world.now() + 10 * millisecond);
      while (const auto event = world.poll(watched))
        if (const auto* received = std::get_if<Received>(&*event))
          topics.emplace_back(received->topic.text());
    }
    return true;
  }
  ClientId subscriber(const std::string& filter) {
    const ClientId client = add("subscriber");
    world.watch(client, true);
    world.start(client);
    (void)world.subscribe(client, {{Slice::copy_of(filter), QoS::exactly_once}});
    return client;
  }
  World world{{.seed = 1}};
  std::vector<std::string> topics;  // of what the watched client has got
};

TEST_F(LiveWorld, FleetsPublishThroughLinks) {
  const ClientId desk = subscriber("fleet/#");
  FleetConfig config;
  config.interval = 20 * millisecond;
  config.start_within = 0;
  const Fleet fleet(world, "fleet", {add("one"), add("two")}, config);
  ASSERT_TRUE(until(desk, [&] {
    return std::count(topics.begin(), topics.end(), "fleet/one") > 2 &&
           std::count(topics.begin(), topics.end(), "fleet/two") > 2;
  }));
  EXPECT_GE(fleet.published(), topics.size());
  EXPECT_GT(world.counters(world.device_of(desk), false).payload_bytes, 0U);
}

TEST_F(LiveWorld, WhoDiesLeavesAWill) {
  const ClientId desk = subscriber("will/#");
  for (const auto how : {trace::Death::fin, trace::Death::reset}) {
    const std::string name(trace::name(how));
    const ClientId client = add(name);
    world.start(client);
    ASSERT_TRUE(until(desk, [&] { return world.client(client).connected(); }));
    world.die(world.device_of(client), how);
    ASSERT_TRUE(until(desk, [&] { return !topics.empty() && topics.back() == "will/" + name; }));
    EXPECT_TRUE(std::holds_alternative<Misuse>(
        world.publish(client, Slice::copy_of("t"), {}, QoS::at_least_once, false)));
  }
}

TEST_F(LiveWorld, PlansAreKeptInOrderAndTheirErrorsLeaveTheRun) {
  std::vector<int> done;
  const Time soon = world.now() + 20 * millisecond;
  world.at(soon + 1, [&] { done.push_back(2); });
  world.at(soon, [&] {
    done.push_back(1);
    world.at(soon, [&] { done.push_back(3); });
  });
  world.run(soon + 20 * millisecond);
  EXPECT_EQ(done, (std::vector{1, 3, 2}));
  world.at(0, [] { throw std::runtime_error("a plan's"); });
  EXPECT_THROW(world.run(patience), std::runtime_error);
}

TEST_F(LiveWorld, ARunEndsInTimeOrWhenItIsToldTo) {
  const Time until = world.now() + 50 * millisecond;
  EXPECT_GE(world.run(until), until);
  int asked = 0;
  EXPECT_LT(world.run(patience, [&] { return ++asked < 2; }), patience);
  EXPECT_EQ(asked, 2);
}

TEST_F(LiveWorld, AnotherOneWouldBeginTimeAnew) {
  const Time before = world.now();
  EXPECT_THROW(World({}), std::logic_error);
  EXPECT_GE(world.now(), before);
}

TEST(LiveTarget, NobodyThereIsToldInOneLine) {
  WorldConfig config;
  config.target = DialConfig{.endpoint = Endpoint::parse("tcp://127.0.0.1:1")};
  try {
    const World world(std::move(config));
    FAIL() << "somebody was there";
  } catch (const std::runtime_error& error) {
    EXPECT_EQ(std::string(error.what()),
              "target tcp://127.0.0.1:1: cannot connect to 127.0.0.1:1: Connection refused");
  }
}

class LiveGuests : public ::testing::Test {
 protected:
  LiveGuests() {
    broker.start();
    begin();
  }
  /// A run, after the one before has ended.
  void begin() {
    world.reset();
    world =
        std::make_unique<World>(WorldConfig{.seed = 1, .target = testing::dial_of(broker.port())});
    world->add_broker("broker", {});
  }
  DeviceId device(const std::string& name) { return world->add_device(name, lan()); }
  ClientId started(DeviceId on, ClientConfig config) {
    const ClientId client = world->add_client(on, std::move(config));
    world->watch(client, true);
    world->start(client);
    return client;
  }
  /// The next event of its kind at a client, what comes before it is lost; nullopt if there is
  /// none.
  template <typename Event>
  std::optional<Event> next(ClientId client) {
    const Time end = world->now() + patience;
    while (world->now() < end) {
      while (const auto event = world->poll(client))
        if (const auto* wanted = std::get_if<Event>(&*event)) return *wanted;
      world->run(world->now() + 10 * millisecond);
    }
    return std::nullopt;
  }
  /// False if it is not acknowledged.
  bool publish(ClientId client, const std::string& topic, bool retain) {
    (void)world->publish(client, Slice::copy_of(topic), Slice::copy_of(std::string("x")),
                         QoS::at_least_once, retain);
    return next<Completed>(client).has_value();
  }
  bool subscribe(ClientId client) {
    (void)world->subscribe(client, {{Slice::copy_of(std::string("#")), QoS::at_least_once}});
    return next<Completed>(client).has_value();
  }
  /// Of the first message that a new run gets: one of its own, if nothing is retained.
  std::string first_topic() {
    begin();
    const ClientId desk = started(device("desk"), {.client_id = "desk"});
    if (!subscribe(desk)) return "no answer";
    (void)world->publish(desk, Slice::copy_of(std::string("marker")), {}, QoS::at_least_once,
                         false);
    const auto received = next<Received>(desk);
    return received ? std::string(received->topic.text()) : "nothing";
  }
  testing::BrokerProcess broker;
  std::unique_ptr<World> world;
};

TEST_F(LiveGuests, WhoHasLeftAlreadyIsLetGo) {
  const ClientId one = started(device("one"), {.client_id = "one"});
  ASSERT_TRUE(publish(one, "kept", true));
  EXPECT_FALSE(world->stop(one));
  ASSERT_TRUE(next<Disconnected>(one));
  (void)world->add_client(device("two"), {.client_id = "never started"});
  EXPECT_EQ(first_topic(), "marker");
}

TEST_F(LiveGuests, ATargetThatHasGoneIsNotWaitedFor) {
  const ClientId one = started(device("one"), {.client_id = "one"});
  ASSERT_TRUE(publish(one, "kept", true));
  broker.end(SIGKILL);
  const Time before = world->now();
  world.reset();
  EXPECT_LT(steady_now() - before, patience);
}

TEST_F(LiveGuests, ASessionOfThisRunOutlivesItsClient) {
  const DeviceId home = device("home");
  const ClientConfig lasting{.client_id = "home", .clean_session = false};
  const ClientId first = started(home, lasting);
  ASSERT_TRUE(subscribe(first));
  EXPECT_FALSE(world->stop(first));
  ASSERT_TRUE(next<Disconnected>(first));
  ASSERT_TRUE(publish(started(device("other"), {.client_id = "other"}), "missed", false));
  const ClientId second = started(home, lasting);
  const auto connected = next<Connected>(second);
  ASSERT_TRUE(connected);
  EXPECT_TRUE(connected->session_present);
  const auto received = next<Received>(second);
  ASSERT_TRUE(received);
  EXPECT_EQ(received->topic.text(), "missed");
}

TEST_F(LiveGuests, WhatClientsWithoutAnIdRetainIsTakenAway) {
  ASSERT_TRUE(publish(started(device("one"), {}), "kept", true));
  EXPECT_EQ(first_topic(), "marker");
}

}  // namespace
}  // namespace mqttlab::live
