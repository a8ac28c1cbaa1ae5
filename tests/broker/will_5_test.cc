// Wills of MQTT 5.0: their delay against the session's end, and which DISCONNECT keeps them.
#include <gtest/gtest.h>

#include "tests/broker/scripted_peer.h"

namespace mqttlab::test {
namespace {

using Id = PropertyId;

Connect willing(std::string_view client_id, std::uint32_t delay_s, std::uint32_t expiry_s,
                bool clean_start = false) {
  Connect connect =
      connect_5(client_id, clean_start, Properties().add(Id::session_expiry_interval, expiry_s));
  connect.will = Will{slice("will"), slice(client_id), QoS::at_most_once, false,
                      Properties().add(Id::will_delay_interval, delay_s)};
  return connect;
}

ScriptedPeer& watcher_of_5(TestBroker& test) {
  ScriptedPeer& peer = test.connected("watcher");
  peer.subscribe("will", QoS::at_most_once);
  return peer;
}

// MQTT-3.1.2-7: the session keeps it.
TEST(Will5, MQTT_3_1_2_8_AfterItsDelayOrAtTheEndOfTheSessionWhicheverIsEarlier) {
  struct Case {
    std::uint32_t delay_s, expiry_s;
    Time due_s;
  };
  for (const auto& [delay_s, expiry_s, due_s] :
       {Case{0, 0, 0}, Case{0, 100, 0}, Case{10, 0, 0}, Case{10, 100, 10}, Case{100, 10, 10},
        Case{10, 10, 10}, Case{10, 0xFFFF'FFFF, 10}, Case{604'800, 0xFFFF'FFFF, 604'800},
        Case{0xFFFF'FFFF, 0xFFFF'FFFF, 0xFFFF'FFFF}}) {
    TestBroker test;
    ScriptedPeer& watch = watcher_of_5(test);
    test.until(77);
    test.connected(willing("c", delay_s, expiry_s)).lose();
    const Time due = test.now + due_s * second;
    if (due_s > 0) test.until(due - 1);
    EXPECT_EQ(watch.take(), due_s > 0 ? Said{} : Said{"PUBLISH will=c q0"}) << delay_s;
    test.until(due);
    EXPECT_EQ(watch.take(), due_s > 0 ? Said{"PUBLISH will=c q0"} : Said{}) << delay_s;
    while (test.broker.deadline() != never) test.until(test.broker.deadline());
    EXPECT_EQ(watch.take(), Said{}) << "MQTT-3.1.2-10: once";
  }
}

TEST(Will5, WillsOfDifferentDelaysComeAtTheirOwnTimes) {
  TestBroker test;
  ScriptedPeer& watch = watcher_of_5(test);
  // The longer delay begins earlier and ends earlier.
  test.connected(willing("a", 10, 1'000)).lose();
  test.until(8 * second);
  test.connected(willing("b", 3, 1'000)).lose();
  test.until(9 * second);
  test.connected(willing("d", 1, 1'000)).lose();
  EXPECT_EQ(test.broker.gauges().pending_wills, 3u);
  test.until(10 * second);
  EXPECT_EQ(test.broker.gauges().pending_wills, 1u);
  EXPECT_EQ(watch.take(), (Said{"PUBLISH will=a q0", "PUBLISH will=d q0"}));
  test.until(11 * second);
  EXPECT_EQ(watch.take(), Said{"PUBLISH will=b q0"});
}

TEST(Will5, MQTT_3_1_3_9_AReturnInTimeCancelsIt) {
  for (const bool in_time : {true, false}) {
    TestBroker test;
    ScriptedPeer& watch = watcher_of_5(test);
    test.connected(willing("c", 10, 1'000)).lose();
    test.now = 10 * second - (in_time ? 1 : 0);
    EXPECT_EQ(test.accept().connect(connect_5("c", false)), Said{"CONNACK 0 present"});
    EXPECT_EQ(watch.take(), in_time ? Said{} : Said{"PUBLISH will=c q0"});
    test.until(2'000 * second);
    EXPECT_EQ(watch.take(), Said{});
  }
}

TEST(Will5, ACleanStartEndsTheSessionAndSoSendsIt) {
  TestBroker test;
  ScriptedPeer& watch = watcher_of_5(test);
  test.connected(willing("c", 10, 1'000)).lose();
  EXPECT_EQ(test.accept().connect(willing("c", 10, 1'000, true)), Said{"CONNACK 0"});
  EXPECT_EQ(watch.take(), Said{"PUBLISH will=c q0"});
  test.until(2'000 * second);
  EXPECT_EQ(watch.take(), Said{}) << "that of the present link is not owed";
}

TEST(Will5, ATakeoverIsAReturnInTimeIfTheWillIsDelayed) {
  for (const std::uint32_t delay_s : {0u, 10u}) {
    for (const bool clean_start : {false, true}) {
      TestBroker test;
      ScriptedPeer& watch = watcher_of_5(test);
      ScriptedPeer& old = test.connected(willing("c", delay_s, 1'000));
      test.connected(connect_5("c", clean_start));
      EXPECT_TRUE(old.closed());
      const bool sent = delay_s == 0 || clean_start;
      EXPECT_EQ(watch.take(), sent ? Said{"PUBLISH will=c q0"} : Said{});
      test.until(2'000 * second);
      EXPECT_EQ(watch.take(), Said{});
    }
  }
}

TEST(Will5, EveryConnectionOfASessionHasItsOwn) {
  TestBroker test;
  ScriptedPeer& watch = watcher_of_5(test);
  for (int i = 0; i < 3; ++i) {
    test.connected(willing("c", 10, 1'000)).lose();
    test.until(test.now + 20 * second);
    EXPECT_EQ(watch.take(), Said{"PUBLISH will=c q0"}) << i;
  }
}

TEST(Will5, MQTT_3_14_4_3_OnlyANormalDisconnectionThrowsItAway) {
  for (const ReasonRule& rule : reason_rules()) {
    if (!may_send(rule, PacketType::disconnect, Sender::client)) continue;
    TestBroker test;
    ScriptedPeer& watch = watcher_of_5(test);
    ScriptedPeer& peer = test.connected(willing("c", 0, 0));
    peer.send(Disconnect{rule.code});
    EXPECT_TRUE(peer.closed());
    const bool normal = rule.code == ReasonCode::normal_disconnection;
    EXPECT_EQ(watch.take(), normal ? Said{} : Said{"PUBLISH will=c q0"}) << rule.name;
  }
}

TEST(Will5, DisconnectWithWillMessageWaitsForTheDelayToo) {
  TestBroker test;
  ScriptedPeer& watch = watcher_of_5(test);
  test.connected(willing("c", 10, 1'000))
      .send(Disconnect{ReasonCode::disconnect_with_will_message});
  EXPECT_EQ(watch.take(), Said{});
  test.until(10 * second);
  EXPECT_EQ(watch.take(), Said{"PUBLISH will=c q0"});
}

TEST(Will5, MQTT_3_14_1_1_ADisconnectWithReservedFlagsIsAnswered) {
  TestBroker test;
  ScriptedPeer& watch = watcher_of_5(test);
  ScriptedPeer& peer = test.connected(willing("c", 0, 0));
  const std::uint8_t bytes[] = {0xE1, 0};
  peer.send_bytes(bytes);
  EXPECT_EQ(peer.take(), Said{"DISCONNECT 0x81 {Reason String breaks U-2.1.3-1}"});
  EXPECT_EQ(watch.take(), Said{"PUBLISH will=c q0"});
}

TEST(Will5, MQTT_3_1_3_10_ItsPropertiesArePublishedInOrderButTheDelayAndMayExpireLater) {
  TestBroker test;
  ScriptedPeer& watch = test.connected(connect_5("watcher"));
  watch.subscribe("will", QoS::at_most_once);
  Connect connect = willing("c", 5, 1'000);
  connect.will->properties.add(Id::content_type, "text")
      .add(Id::message_expiry_interval, 3u)
      .add_user("b", "1")
      .add_user("a", "2")
      .add_user("b", "0");
  test.connected(connect).lose();
  test.until(5 * second);
  EXPECT_EQ(watch.take(),
            Said{"PUBLISH will=c q0 {Message Expiry Interval 3, Content Type text, User Property "
                 "b=1, User Property a=2, User Property b=0}"})
      << "expiry counts from the publication";
}

TEST(Will5, AKeptSessionGetsItsOwnWillWhenItComesBack) {
  TestBroker test;
  Connect connect = willing("c", 5, 1'000);
  connect.will->qos = QoS::at_least_once;
  test.connected(connect).subscribe("will", QoS::at_least_once);
  test.until(1 * second);
  ScriptedPeer& back = test.accept();
  EXPECT_EQ(back.connect(connect), Said{"CONNACK 0 present"}) << "in time";
  back.lose();
  test.until(10 * second);
  EXPECT_EQ(test.accept().connect(connect), (Said{"CONNACK 0 present", "PUBLISH will=c q1 id1"}));
}

}  // namespace
}  // namespace mqttlab::test
