// Message Expiry Interval of MQTT 5.0: what waits too long is not sent any more.
#include <gtest/gtest.h>

#include "tests/broker/scripted_peer.h"

namespace mqttlab::test {
namespace {

using Id = PropertyId;

const Connect sleeper = connect_5("s", false, Properties().add(Id::session_expiry_interval, 999));

void publish(ScriptedPeer& peer, std::string_view payload, std::uint32_t expiry_s, QoS qos,
             std::uint16_t id, bool retain = false) {
  peer.send(Publish{slice("t"), slice(payload), qos, retain, false, id,
                    Properties().add(Id::message_expiry_interval, expiry_s)});
}
std::string interval(std::uint32_t seconds) {
  return " {Message Expiry Interval " + std::to_string(seconds) + "}";
}

TEST(MessageExpiry, MQTT_3_3_2_6_IsPassedOnLessTheTimeOfWaiting) {
  const std::pair<Time, std::uint32_t> waits[] = {
      {0, 10}, {1, 10}, {second - 1, 10}, {second, 9}, {9 * second, 1}, {10 * second - 1, 1}};
  for (const auto& [waited, left] : waits) {
    TestBroker test;
    test.now = 5;
    ScriptedPeer& peer = test.connected(sleeper);
    peer.subscribe("t", qos1);
    ScriptedPeer& publisher = test.connected(connect_5("p"));
    publish(publisher, "live", 10, qos1, 1);
    EXPECT_EQ(peer.take(), Said{"PUBLISH t=live q1 id1" + interval(10)});
    peer.send(Puback{1});
    peer.lose();
    publish(publisher, "queued", 10, qos1, 2);
    test.until(test.now + waited);
    EXPECT_EQ(test.accept().connect(sleeper),
              (Said{"CONNACK 0 present", "PUBLISH t=queued q1 id2" + interval(left)}));
  }
}

TEST(MessageExpiry, MQTT_3_3_2_5_WhatHasExpiredInTheQueueIsDropped) {
  for (const QoS qos : {qos0, qos1, qos2}) {
    BrokerConfig config;
    config.queue_qos0 = true;
    TestBroker test(config);
    ScriptedPeer& peer = test.connected(sleeper);
    peer.subscribe("t", qos);
    peer.lose();
    ScriptedPeer& publisher = test.connected(connect_5("p"));
    const auto id = static_cast<std::uint16_t>(qos == qos0 ? 0 : 1);
    publish(publisher, "short", 10, qos, id);
    publish(publisher, "long", 20, qos, static_cast<std::uint16_t>(id * 2));
    publisher.publish("t", "for ever", qos, static_cast<std::uint16_t>(id * 3));
    test.until(10 * second);
    const std::string q = " q" + std::to_string(static_cast<int>(qos));
    EXPECT_EQ(test.accept().connect(sleeper),
              (Said{"CONNACK 0 present", "PUBLISH t=long" + q + (id ? " id1" : "") + interval(10),
                    "PUBLISH t=for ever" + q + (id ? " id2" : "")}));
    EXPECT_EQ(test.records(), Said{"dropped expired s" + q});
  }
}

TEST(MessageExpiry, BehindANarrowWindowItCountsToo) {
  BrokerConfig config;
  config.window = 1;
  TestBroker test(config);
  ScriptedPeer& peer = test.connected(sleeper);
  peer.subscribe("t", qos1);
  ScriptedPeer& publisher = test.connected(connect_5("p"));
  publish(publisher, "1", 10, qos1, 1);
  publish(publisher, "2", 10, qos1, 2);
  publish(publisher, "3", 11, qos1, 3);
  test.until(10 * second);
  EXPECT_EQ(peer.take(), Said{"PUBLISH t=1 q1 id1" + interval(10)});
  peer.send(Puback{1});
  EXPECT_EQ(peer.take(), Said{"PUBLISH t=3 q1 id2" + interval(1)});
}

TEST(MessageExpiry, MQTT_4_3_3_7_WhatHasBeenSentOnceIsSentAgain) {
  for (const QoS qos : {qos1, qos2}) {
    TestBroker test;
    ScriptedPeer& peer = test.connected(sleeper);
    peer.subscribe("t", qos);
    publish(test.connected(connect_5("p")), "x", 10, qos, 1);
    peer.take();
    peer.lose();
    test.until(60 * second);
    const std::string q = " q" + std::to_string(static_cast<int>(qos));
    EXPECT_EQ(test.accept().connect(sleeper),
              (Said{"CONNACK 0 present", "PUBLISH t=x" + q + " id1 dup" + interval(0)}));
  }
}

TEST(MessageExpiry, MQTT_4_3_3_13_TheHandshakeOfTheReceiverGoesOn) {
  TestBroker test;
  ScriptedPeer& peer = test.connected(connect_5("p"));
  publish(peer, "x", 1, qos2, 7);
  test.until(2 * second);
  peer.send(Pubrel{7});
  EXPECT_EQ(peer.take(), (Said{"PUBREC 7 0x10", "PUBCOMP 7"}));
}

TEST(MessageExpiry, AnIntervalOfZeroReachesThoseWhoNeedNotWait) {
  TestBroker test;
  ScriptedPeer& here = test.connected(connect_5("here"));
  here.subscribe("t", qos1);
  ScriptedPeer& away = test.connected(sleeper);
  away.subscribe("t", qos1);
  away.lose();
  publish(test.connected(connect_5("p")), "x", 0, qos1, 1, true);
  EXPECT_EQ(here.take(), Said{"PUBLISH t=x q1 id1" + interval(0)});
  EXPECT_EQ(test.records(), Said{"dropped expired s q1"});
  EXPECT_EQ(test.connected("late").subscribe("t", qos1), Said{"SUBACK 1 1"});
}

TEST(MessageExpiry, MQTT_3_3_2_5_RetainedMessagesExpire) {
  TestBroker test;
  ScriptedPeer& publisher = test.connected(connect_5("p"));
  publish(publisher, "x", 10, qos0, 0, true);
  test.until(4 * second);
  EXPECT_EQ(test.connected(connect_5("in time")).subscribe("t", qos0).back(),
            "PUBLISH t=x q0 retain" + interval(6));
  test.until(10 * second);
  EXPECT_EQ(test.connected(connect_5("late")).subscribe("t", qos0), Said{"SUBACK 1 0"});
  EXPECT_EQ(test.broker.gauges().retained, 0u);
}

TEST(MessageExpiry, AFullQueueLetsGoOfTheExpiredFirst) {
  BrokerConfig config;
  config.queue_messages = 3;
  TestBroker test(config);
  ScriptedPeer& peer = test.connected(sleeper);
  peer.subscribe("t", qos1);
  peer.lose();
  ScriptedPeer& publisher = test.connected(connect_5("p"));
  publish(publisher, "1", 5, qos1, 1);
  publish(publisher, "2", 500, qos1, 2);
  publish(publisher, "3", 5, qos1, 3);
  publish(publisher, "early", 500, qos1, 4);
  EXPECT_EQ(test.records(), Said{"dropped queue_full s q1"});
  test.until(5 * second);
  for (const char* payload : {"4", "5", "over"}) publisher.publish("t", payload, qos1, 9);
  EXPECT_EQ(test.records(),
            (Said{"dropped expired s q1", "dropped expired s q1", "dropped queue_full s q1"}));
  EXPECT_EQ(test.accept().connect(sleeper),
            (Said{"CONNACK 0 present", "PUBLISH t=2 q1 id1" + interval(495), "PUBLISH t=4 q1 id2",
                  "PUBLISH t=5 q1 id3"}));
}

}  // namespace
}  // namespace mqttlab::test
