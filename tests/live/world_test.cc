// Scenarios on real sockets: a broker, links, clients and fleets in one thread.
#include "protocol/live/world/world.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "protocol/world/fleet.h"

namespace mqttlab::live {
namespace {

constexpr Time patience = 10 * second;

class LiveWorld : public ::testing::Test {
 protected:
  LiveWorld() { world.add_broker("broker", {}); }

  ClientId add(const std::string& name) {
    LinkSpec link;
    link.up.delay = link.down.delay = millisecond;
    ClientConfig config;
    config.client_id = name;
    config.will = Will{Slice::copy_of("will/" + name), Slice::copy_of("gone")};
    return world.add_client(world.add_device(name, link), config);
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

}  // namespace
}  // namespace mqttlab::live
