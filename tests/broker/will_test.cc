// Wills: published on every end but DISCONNECT, once.
#include <gtest/gtest.h>

#include "tests/broker/scripted_peer.h"

namespace mqttlab::test {
namespace {

struct Willing {
  QoS qos = QoS::at_most_once;
  bool retain = false;
  bool clean = true;
  std::uint16_t keep_alive_s = 0;
};

ScriptedPeer& connect_with_will(TestBroker& test, std::string_view client_id,
                                Willing options = {}) {
  Connect connect;
  connect.client_id = slice(client_id);
  connect.clean_session = options.clean;
  connect.keep_alive_s = options.keep_alive_s;
  connect.will = Will{slice("will"), slice(client_id), options.qos, options.retain};
  ScriptedPeer& peer = test.accept();
  peer.send(connect);
  peer.take();
  return peer;
}

ScriptedPeer& watcher(TestBroker& test) {
  ScriptedPeer& peer = test.connected("watcher");
  peer.subscribe("will", QoS::exactly_once);
  return peer;
}

TEST(Will, MQTT_3_1_2_8_PublishedOnceOnEveryCloseWithoutDisconnect) {
  for (const auto cause : {CloseCause::fin, CloseCause::reset, CloseCause::timeout}) {
    TestBroker test;
    ScriptedPeer& watch = watcher(test);
    ScriptedPeer& peer = connect_with_will(test, "c");
    EXPECT_EQ(watch.take(), Said{});
    peer.lose(cause);
    test.until(1'000 * second);
    EXPECT_EQ(watch.take(), Said{"PUBLISH will=c q0"});  // MQTT-3.1.2-10
  }
}

TEST(Will, MQTT_3_14_4_3_NotAfterDisconnect) {
  TestBroker test;
  ScriptedPeer& watch = watcher(test);
  connect_with_will(test, "c").send(Disconnect{});
  EXPECT_EQ(watch.take(), Said{});
}

TEST(Will, MQTT_3_14_1_1_ADisconnectWithReservedFlagsIsNone) {
  TestBroker test;
  ScriptedPeer& watch = watcher(test);
  const std::uint8_t bytes[] = {0xE1, 0};
  ScriptedPeer& peer = connect_with_will(test, "c");
  peer.send_bytes(bytes);
  EXPECT_TRUE(peer.closed());
  EXPECT_EQ(watch.take(), Said{"PUBLISH will=c q0"});
}

TEST(Will, OnAProtocolErrorAndOnKeepAliveAndOnTakeover) {
  TestBroker test;
  ScriptedPeer& watch = watcher(test);
  ScriptedPeer& wrong = connect_with_will(test, "wrong");
  wrong.send(Connect{});
  EXPECT_EQ(watch.take(), Said{"PUBLISH will=wrong q0"});
  connect_with_will(test, "silent", {.keep_alive_s = 2});
  test.until(3 * second - 1);
  EXPECT_EQ(watch.take(), Said{});
  test.until(3 * second);
  EXPECT_EQ(watch.take(), Said{"PUBLISH will=silent q0"});
  ScriptedPeer& old = connect_with_will(test, "twice");
  ScriptedPeer& young = connect_with_will(test, "twice");
  EXPECT_TRUE(old.closed());
  EXPECT_EQ(watch.take(), Said{"PUBLISH will=twice q0"});
  young.send(Disconnect{});
  EXPECT_EQ(watch.take(), Said{});
}

TEST(Will, MQTT_3_1_2_12_AConnectionWithoutOneLeavesNoneThoughTheOneBeforeHadOne) {
  TestBroker test;
  ScriptedPeer& watch = watcher(test);
  connect_with_will(test, "c", {.clean = false}).send(Disconnect{});
  test.connected("c", false).lose();
  EXPECT_EQ(watch.take(), Said{});
}

TEST(Will, EachConnectionOfASessionHasItsOwn) {
  TestBroker test;
  ScriptedPeer& watch = watcher(test);
  for (int i = 0; i < 3; ++i) connect_with_will(test, "c", {.clean = false}).lose();
  EXPECT_EQ(watch.take().size(), 3u);
}

TEST(Will, MQTT_3_1_2_16_And_17_QoSAndRetainAsDeclared) {
  TestBroker test;
  ScriptedPeer& watch = watcher(test);
  connect_with_will(test, "c", {.qos = QoS::exactly_once}).lose();
  EXPECT_EQ(watch.take(), Said{"PUBLISH will=c q2 id1"});
  EXPECT_EQ(test.broker.gauges().retained, 0u);
  connect_with_will(test, "d", {.qos = QoS::at_least_once, .retain = true}).lose();
  EXPECT_EQ(watch.take(), Said{"PUBLISH will=d q1 id2"});
  EXPECT_EQ(test.connected("late").subscribe("will", QoS::exactly_once).back(),
            "PUBLISH will=d q1 id1 retain");
}

TEST(Will, AKeptSessionGetsItsOwnWillWhenItComesBack) {
  TestBroker test;
  ScriptedPeer& peer = connect_with_will(test, "c", {.qos = QoS::at_least_once, .clean = false});
  peer.subscribe("will", QoS::at_least_once);
  EXPECT_EQ(test.accept().connect("c", false),
            (Said{"CONNACK 0 present", "PUBLISH will=c q1 id1"}));
}

TEST(Will, ARefusedConnectHasNone) {
  TestBroker test;
  ScriptedPeer& watch = watcher(test);
  ScriptedPeer& peer = connect_with_will(test, "", {.clean = false});
  EXPECT_TRUE(peer.closed());
  EXPECT_EQ(watch.take(), Said{});
}

}  // namespace
}  // namespace mqttlab::test
