#include <gtest/gtest.h>

#include "tests/support/memory_world.h"

namespace mqttlab::testing {
namespace {

using Payloads = std::vector<std::string>;

TEST(Story, EveryQosReachesASubscriberOnce) {
  MemoryWorld world;
  const auto desk = world.add({.client_id = "desk", .clean_session = false});
  const auto meter = world.add({.client_id = "meter"});
  world.start(desk);
  world.start(meter);
  world.subscribe(desk, "#", QoS::exactly_once);
  world.run(1 * second);
  for (const QoS qos : {QoS::at_most_once, QoS::at_least_once, QoS::exactly_once}) {
    world.publish(meter, "kwh", std::to_string(static_cast<int>(qos)), qos);
  }
  world.run(1 * second);
  EXPECT_EQ(world.received(desk), (Payloads{"0", "1", "2"}));
  for (const Completed& completed : world.completions(meter)) {
    EXPECT_EQ(completed.outcome, Outcome::done);
  }
  EXPECT_EQ(world.completions(meter).size(), 3U);
  world.run(300 * second);  // keep alive holds both links
  EXPECT_TRUE(world.client(desk).connected());
  EXPECT_EQ(world.findings(), "");
}

}  // namespace
}  // namespace mqttlab::testing
