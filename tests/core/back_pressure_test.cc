// Both ends full at once: back-pressure must slow them down, not stop them for ever.
#include <gtest/gtest.h>

#include "tests/support/memory_world.h"

namespace mqttlab::testing {
namespace {

TEST(BackPressure, LargeMessagesBothWaysDoNotBlockEachOther) {
  for (const QoS qos : {QoS::at_least_once, QoS::exactly_once}) {
    MemoryWorld world;
    // No keep alive that would end a link on which nothing moves.
    const auto echo = world.add({.client_id = "echo", .clean_session = false, .keep_alive_s = 0},
                                [](int) { return Wire{.latency = 10 * millisecond}; });
    world.start(echo);
    world.subscribe(echo, "t", qos);
    world.run(1 * second);
    // Each is more than twice what either end lets wait in an outbox.
    for (const char fill : {'a', 'b'}) world.publish(echo, "t", std::string(900'000, fill), qos);
    world.run(60 * second);
    EXPECT_EQ(world.received(echo).size(), 2U);
    EXPECT_EQ(world.client(echo).queued() + world.client(echo).in_flight(), 0U);
    EXPECT_EQ(world.findings(), "");
  }
}

}  // namespace
}  // namespace mqttlab::testing
