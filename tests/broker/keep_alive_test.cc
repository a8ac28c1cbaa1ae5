// Keep alive: closed at 1.5 times the interval since the last control packet, never before.
#include <gtest/gtest.h>

#include "tests/broker/scripted_peer.h"

namespace mqttlab::test {
namespace {

TEST(KeepAlive, MQTT_3_1_2_24_ExactToTheNanosecond) {
  for (const std::uint16_t keep_alive_s : {1, 7, 60, 65'535}) {
    TestBroker test;
    test.until(123'456'789);
    ScriptedPeer& peer = test.connected("c", true, keep_alive_s);
    const Time due = test.now + keep_alive_s * 3 * second / 2;
    test.until(due - 1);
    EXPECT_FALSE(peer.closed()) << keep_alive_s;
    test.until(due);
    EXPECT_TRUE(peer.closed()) << keep_alive_s;
  }
}

TEST(KeepAlive, EveryControlPacketCountsAndOnlyAWholeOne) {
  TestBroker test;
  ScriptedPeer& peer = test.connected("c", true, 10);
  Time last = 0;
  const Packet packets[] = {Pingreq{},  Puback{1},
                            Pubrel{1},  Publish{slice("t"), slice("x"), {}, false, false, 0},
                            Pubcomp{1}, Unsubscribe{1, {slice("t")}}};
  for (const Packet& packet : packets) {
    test.until(last + 15 * second - 1);
    ASSERT_FALSE(peer.closed()) << text_of(packet);
    peer.send(packet);
    last = test.now;
  }
  test.until(last + 10 * second);
  const std::uint8_t half[] = {0xC0};
  peer.send_bytes(half);
  test.until(last + 15 * second - 1);
  EXPECT_FALSE(peer.closed());
  test.until(last + 15 * second);
  EXPECT_TRUE(peer.closed()) << "bytes that are no packet yet do not count";
}

TEST(KeepAlive, APacketAnInstantAfterConnectMovesTheEndByAnInstant) {
  TestBroker test;
  ScriptedPeer& peer = test.connected("c", true, 10);
  test.until(1);
  peer.send(Pingreq{});
  test.until(15 * second);
  EXPECT_FALSE(peer.closed());
  test.until(15 * second + 1);
  EXPECT_TRUE(peer.closed());
}

TEST(KeepAlive, WhatTheBrokerSendsDoesNotCount) {
  TestBroker test;
  ScriptedPeer& peer = test.connected("c", true, 10);
  peer.subscribe("t", QoS::at_most_once);
  ScriptedPeer& publisher = test.connected("p");
  for (int i = 1; i <= 14; ++i) {
    test.until(i * second);
    publisher.publish("t", "x");
  }
  test.until(15 * second);
  EXPECT_TRUE(peer.closed());
}

TEST(KeepAlive, ZeroIsNever) {
  TestBroker test;
  ScriptedPeer& peer = test.connected("c", true, 0);
  test.until(1'000'000 * second);
  EXPECT_FALSE(peer.closed());
}

TEST(KeepAlive, TheFactorIsConfigurable) {
  BrokerConfig config;
  config.keep_alive_factor = 2.0;
  TestBroker test(config);
  ScriptedPeer& peer = test.connected("c", true, 3);
  test.until(6 * second - 1);
  EXPECT_FALSE(peer.closed());
  test.until(6 * second);
  EXPECT_TRUE(peer.closed());
}

TEST(KeepAlive, ASilentReaderIsClosedWithoutWaitingForItsBytes) {
  TestBroker test;
  ScriptedPeer& peer = test.connected("c", false, 10);
  peer.subscribe("t", QoS::at_least_once);
  peer.set_reading(false);
  test.connected("p").publish("t", "x", QoS::at_least_once, 1);
  test.until(15 * second);
  EXPECT_TRUE(peer.closed());
  EXPECT_EQ(test.accept().connect("c", false).back(), "PUBLISH t=x q1 id1 dup");
}

// Nor for the DISCONNECT behind them.
TEST(KeepAlive, MQTT_3_1_2_22_ASilentReaderOf5IsClosedWithoutWaitingForItsBytes) {
  TestBroker test;
  Connect connect = connect_5("c");
  connect.keep_alive_s = 10;
  ScriptedPeer& peer = test.connected(connect);
  peer.subscribe("t", QoS::at_most_once);
  peer.set_reading(false);
  test.connected("p").publish("t", "x");
  test.until(15 * second);
  EXPECT_TRUE(peer.closed());
}

// The DISCONNECT that says so may be stuck: it does not keep the connection open.
TEST(KeepAlive, MQTT_3_1_2_22_ADisconnectThatCannotLeaveIsNotWaitedFor) {
  TestBroker test;
  Connect connect = connect_5("c");
  connect.keep_alive_s = 10;
  ScriptedPeer& peer = test.connected(connect);
  peer.set_reading(false);
  test.until(15 * second);
  EXPECT_FALSE(peer.closed()) << "its host gets the chance to write it";
  peer.read_some(2);
  test.until(15 * second + 10 * millisecond);
  EXPECT_TRUE(peer.closed());
}

// Whatever else it is that a finished link has to write.
TEST(KeepAlive, MQTT_3_1_2_24_NothingLingersForLongerThanTheClientMayBeSilent) {
  TestBroker test;
  ScriptedPeer& peer = test.connected("c", true, 10);
  peer.set_reading(false);
  peer.send(Pingreq{});
  test.until(5 * second);
  peer.send(Disconnect{});
  test.until(20 * second - 1);
  EXPECT_FALSE(peer.closed()) << "its PINGRESP may still leave";
  test.until(20 * second);
  EXPECT_TRUE(peer.closed());
}

TEST(KeepAlive, EarlyAndRepeatedAdvanceDoNothing) {
  TestBroker test;
  ScriptedPeer& peer = test.connected("c", true, 10);
  for (Time now = 0; now < 15 * second; now += second / 3) {
    test.broker.advance(now);
    test.flush();
    ASSERT_FALSE(peer.closed()) << now;
  }
  EXPECT_GT(test.broker.deadline(), 14 * second);
}

// A reconnect leaves a timer behind that is 27 hours away: they must not pile up.
TEST(KeepAlive, TimersOfLinksThatHaveGoneAreSwept) {
  BrokerConfig config;
  config.connect_timeout = 1'000'000 * second;
  TestBroker test(config);
  for (Time now = 0; now < 2'000; ++now) {
    test.until(now);
    test.connected("c", false, 65'535).lose();
  }
  int timers = 0;
  for (; test.broker.deadline() < 900'000 * second; ++timers)
    test.broker.advance(test.broker.deadline());
  EXPECT_LT(timers, 100);
}

}  // namespace
}  // namespace mqttlab::test
