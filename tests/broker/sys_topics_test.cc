#include <gtest/gtest.h>

#include <algorithm>

#include "tests/broker/scripted_peer.h"

namespace mqttlab::test {
namespace {

BrokerConfig every_10_s() {
  BrokerConfig config;
  config.sys_interval = 10 * second;
  return config;
}

bool contains(const Said& said, const std::string& text) {
  return std::find(said.begin(), said.end(), text) != said.end();
}

TEST(SysTopics, ArePublishedEachIntervalAndRetained) {
  TestBroker test(every_10_s());
  ScriptedPeer& peer = test.connected("c", false);
  peer.subscribe("$SYS/#", QoS::at_most_once);
  test.until(10 * second - 1);
  EXPECT_EQ(peer.take(), Said{});
  test.until(10 * second);
  const Said first = peer.take();
  EXPECT_EQ(first.size(), 14u);
  EXPECT_TRUE(contains(first, "PUBLISH $SYS/broker/uptime=10 q0"));
  EXPECT_TRUE(contains(first, "PUBLISH $SYS/broker/clients/connected=1 q0"));
  EXPECT_TRUE(contains(first, "PUBLISH $SYS/broker/subscriptions/count=1 q0"));
  EXPECT_TRUE(contains(first, "PUBLISH $SYS/broker/messages/received=2 q0"));
  test.until(20 * second);
  EXPECT_TRUE(contains(peer.take(), "PUBLISH $SYS/broker/uptime=20 q0"));
  EXPECT_EQ(test.connected("late").subscribe("$SYS/broker/uptime", QoS::exactly_once).back(),
            "PUBLISH $SYS/broker/uptime=20 q0 retain");
}

TEST(SysTopics, MQTT_4_7_2_1_AreNotSeenThroughLeadingWildcards) {
  TestBroker test(every_10_s());
  ScriptedPeer& peer = test.connected("c");
  peer.subscribe("#", QoS::at_most_once);
  peer.subscribe("+/broker/uptime", QoS::at_most_once);
  test.until(10 * second);
  EXPECT_EQ(peer.take(), Said{});
  EXPECT_EQ(peer.subscribe("#", QoS::at_most_once), Said{"SUBACK 1 0"}) << "nor retained";
}

TEST(SysTopics, CannotBePublishedByAClient) {
  TestBroker test;
  ScriptedPeer& peer = test.connected("c");
  peer.subscribe("$SYS/#", QoS::at_least_once);
  peer.publish("$SYS/broker/uptime", "lie", QoS::at_least_once, 1, true);
  EXPECT_EQ(peer.take(), Said{"PUBACK 1"});
  EXPECT_EQ(test.broker.gauges().retained, 0u);
}

TEST(SysTopics, NoIntervalNoTimer) {
  TestBroker test;
  test.connected("c");
  test.until(100 * second);
  EXPECT_EQ(test.broker.deadline(), never);
}

}  // namespace
}  // namespace mqttlab::test
