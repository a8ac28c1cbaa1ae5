#include "protocol/broker/sys_topics.h"

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
  EXPECT_EQ(first.size(), SysTopics::topics);
  EXPECT_EQ(first.front().substr(0, 36), "PUBLISH $SYS/broker/version=mqttlab ");
  EXPECT_TRUE(contains(first, "PUBLISH $SYS/broker/uptime=10 q0"));
  EXPECT_TRUE(contains(first, "PUBLISH $SYS/broker/clients/connected=1 q0"));
  EXPECT_TRUE(contains(first, "PUBLISH $SYS/broker/subscriptions/count=1 q0"));
  EXPECT_TRUE(contains(first, "PUBLISH $SYS/broker/messages/received=2 q0"));
  EXPECT_TRUE(contains(first, "PUBLISH $SYS/broker/load/connections/1min=0.92 q0"))
      << "6 a minute for a sixth of one: 6 (1 - exp(-1/6))";
  test.until(20 * second);
  EXPECT_TRUE(contains(peer.take(), "PUBLISH $SYS/broker/uptime=20 q0"));
  EXPECT_EQ(test.connected("late").subscribe("$SYS/broker/uptime", QoS::exactly_once).back(),
            "PUBLISH $SYS/broker/uptime=20 q0 retain");
}

TEST(SysTopics, CountClientsThatAreHereAwayAndGone) {
  TestBroker test(every_10_s());
  test.connected("gone").lose();
  test.connected("away", false).lose();
  Properties expiry;
  expiry.add(PropertyId::session_expiry_interval, 5u);
  test.connected(connect_5("expires", true, expiry)).lose();
  ScriptedPeer& peer = test.connected("here");
  peer.subscribe("$SYS/broker/clients/+", QoS::at_most_once);
  const auto seen = [](int connected, int away, int maximum, int expired) {
    const std::string each = "PUBLISH $SYS/broker/clients/";
    return Said{each + "connected=" + std::to_string(connected) + " q0",
                each + "disconnected=" + std::to_string(away) + " q0",
                each + "total=" + std::to_string(connected + away) + " q0",
                each + "maximum=" + std::to_string(maximum) + " q0",
                each + "expired=" + std::to_string(expired) + " q0"};
  };
  ScriptedPeer& other = test.connected("other");
  other.send(Disconnect{});
  test.until(10 * second);
  EXPECT_EQ(peer.take(), seen(1, 1, 2, 1));
  test.until(20 * second);
  EXPECT_EQ(peer.take(), seen(1, 1, 2, 1));
}

TEST(SysTopics, CountWhoIsRefusedAndWhatIsDroppedForWhat) {
  BrokerConfig config;
  config.queue_messages = 1;
  TestBroker test(config);
  test.connected("sub", false).subscribe("a", QoS::at_least_once);
  test.connected("sub", false).lose();
  ScriptedPeer& peer = test.connected("pub");
  for (const std::uint16_t id : {1, 2, 3}) peer.publish("a", "x", QoS::at_least_once, id);
  test.accept().connect("", false);
  test.accept().send(Pingreq{});
  test.accept().lose();
  const BrokerGauges gauges = test.broker.gauges();
  EXPECT_EQ(gauges.connects_accepted, 3u);
  EXPECT_EQ(gauges.connects_refused, 2u) << "who leaves without a word is not refused";
  EXPECT_EQ(gauges.messages_dropped, 2u);
  EXPECT_EQ(gauges.dropped_for[static_cast<std::size_t>(trace::DropReason::queue_full)], 2u);
}

TEST(LoadAverages, ReachARateAndForgetIt) {
  LoadAverages load;
  std::uint64_t count = 0;
  for (int i = 0; i < 600; ++i) load.update(count += 10, 6 * second);
  for (const double per_minute : load.per_minute()) EXPECT_NEAR(per_minute, 100, 2);
  load.update(count, 60 * second);
  EXPECT_NEAR(load.per_minute()[0], 36.8, 0.5) << "a minute of nothing: 1/e is left";
  EXPECT_NEAR(load.per_minute()[1], 81.8, 2);
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
