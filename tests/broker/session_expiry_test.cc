// How long a session outlives its link: the Session Expiry Interval of MQTT 5.0.
#include <gtest/gtest.h>

#include "tests/broker/scripted_peer.h"

namespace mqttlab::test {
namespace {

using Id = PropertyId;
constexpr std::uint32_t endless_s = 0xFFFF'FFFF;

Properties expiry(std::uint32_t seconds) {
  return Properties().add(Id::session_expiry_interval, seconds);
}
Connect resume_5(std::uint32_t expiry_s) { return connect_5("c", false, expiry(expiry_s)); }
const Said anew{"CONNACK 0"}, resumed{"CONNACK 0 present"};

TEST(SessionExpiry, MQTT_4_1_0_2_TheSessionEndsThenAndNotAnInstantBefore) {
  for (const std::uint32_t expiry_s : {1u, 7u, 604'800u, 0xFFFF'FFFEu}) {
    for (const bool in_time : {true, false}) {
      TestBroker test;
      test.until(123'456'789);
      test.connected(resume_5(expiry_s)).lose();  // MQTT-3.1.2-23
      const Time end = test.now + expiry_s * second;
      test.now = end - (in_time ? 1 : 0);
      EXPECT_EQ(test.accept().connect(resume_5(0)), in_time ? resumed : anew) << expiry_s;
    }
  }
}

TEST(SessionExpiry, TheEndIsRecordedAtItsInstantAndAWeekCostsNothing) {
  TestBroker test;
  test.connected(resume_5(604'800)).lose();
  EXPECT_EQ(test.broker.gauges().sessions, 1u);
  int timers = 0;
  while (test.broker.deadline() != never) {
    test.until(test.broker.deadline());
    ++timers;
  }
  EXPECT_EQ(test.records(), Said{"session_ended c"});
  EXPECT_EQ(test.now, 604'800 * second);
  EXPECT_LE(timers, 2) << "this one and that of CONNECT";
  EXPECT_EQ(test.broker.gauges().sessions, 0u);
}

TEST(SessionExpiry, ZeroEndsWithTheLinkAndTheLargestNever) {
  TestBroker test;
  test.connected(resume_5(0)).lose();
  EXPECT_EQ(test.accept().connect(resume_5(endless_s)), anew);
  test.accept().connect(resume_5(endless_s));
  EXPECT_EQ(test.accept().connect(connect_5("c", false)), resumed) << "absent: 0";
  EXPECT_EQ(test.accept().connect(connect_5("c", false)), anew);
}

TEST(SessionExpiry, CountsFromTheEndOfTheLinkNotFromItsBeginning) {
  TestBroker test;
  ScriptedPeer& peer = test.connected(resume_5(10));
  test.until(100 * second);
  EXPECT_FALSE(peer.closed());
  peer.lose();
  test.until(110 * second - 1);
  EXPECT_EQ(test.broker.gauges().sessions, 1u);
  test.until(110 * second);
  EXPECT_EQ(test.broker.gauges().sessions, 0u);
}

TEST(SessionExpiry, MQTT_4_1_0_1_AnOlderEndDoesNotConcernANewLinkOrItsAbsence) {
  TestBroker test;
  for (int i = 0; i < 5; ++i) {
    test.connected(resume_5(10)).lose();
    test.until(test.now + 9 * second);
    EXPECT_EQ(test.broker.gauges().sessions, 1u) << i;
  }
  ScriptedPeer& peer = test.connected(resume_5(10));
  test.until(test.now + 100 * second);
  EXPECT_FALSE(peer.closed());
  EXPECT_EQ(test.broker.gauges().sessions, 1u);
}

TEST(SessionExpiry, MQTT_3_1_2_4_And_5_CleanStartIsAboutThePastAndExpiryAboutTheFuture) {
  TestBroker test;
  test.connected(connect_5("c", true, expiry(10))).subscribe("t", QoS::at_least_once);
  EXPECT_EQ(test.accept().connect(resume_5(10)), resumed) << "MQTT-3.2.2-3";
  EXPECT_EQ(test.accept().connect(connect_5("c", true, expiry(10))), anew) << "MQTT-3.2.2-2";
  test.connected("p").publish("t", "x", QoS::at_least_once, 1);
  EXPECT_EQ(test.accept().connect(resume_5(0)), resumed) << "without the old subscription";
}

TEST(SessionExpiry, OfAnOlderVersionItIsZeroOrEndless) {
  BrokerConfig config;
  config.max_session_expiry_s = 5;
  TestBroker test(config);
  test.connected("kept", false).lose();
  test.connected("clean", true).lose();
  EXPECT_EQ(test.broker.gauges().sessions, 1u);
  test.until(1'000'000 * second);
  EXPECT_EQ(test.accept().connect("kept", false), resumed);
}

TEST(SessionExpiry, ALongerOneIsCutAndTheClientIsTold) {
  BrokerConfig config;
  config.max_session_expiry_s = 60;
  TestBroker test(config);
  for (const std::uint32_t asked_s : {0u, 59u, 60u, 61u, endless_s}) {
    ScriptedPeer& peer = test.accept();
    peer.send(connect_5("c", true, expiry(asked_s)));
    const auto packets = peer.take_packets();
    const auto told =
        std::get<Connack>(packets.at(0)).properties.get<Id::session_expiry_interval>();
    EXPECT_EQ(told, asked_s > 60 ? std::optional(60u) : std::nullopt) << asked_s;
    peer.lose();
    const Time end = test.now + std::min(asked_s, 60u) * second;
    if (asked_s > 0) test.until(end - 1);
    EXPECT_EQ(test.broker.gauges().sessions, asked_s > 0 ? 1u : 0u) << asked_s;
    test.until(end);
    EXPECT_EQ(test.broker.gauges().sessions, 0u) << asked_s;
  }
}

TEST(SessionExpiry, DisconnectChangesIt) {
  const auto leave = [](ScriptedPeer& peer, std::uint32_t expiry_s) {
    peer.send(Disconnect{ReasonCode::normal_disconnection, expiry(expiry_s)});
    EXPECT_TRUE(peer.closed());
    EXPECT_EQ(peer.take(), Said{});
  };
  TestBroker test;
  leave(test.connected(resume_5(10)), 0);
  EXPECT_EQ(test.broker.gauges().sessions, 0u);
  leave(test.connected(resume_5(10)), 20);
  test.until(20 * second - 1);
  EXPECT_EQ(test.broker.gauges().sessions, 1u);
  test.until(20 * second);
  EXPECT_EQ(test.broker.gauges().sessions, 0u);
  leave(test.connected(resume_5(0)), 0);
  leave(test.connected(resume_5(10)), endless_s);
  test.until(5'000'000'000 * second);
  EXPECT_EQ(test.broker.gauges().sessions, 1u);
}

TEST(SessionExpiry, U_3_14_2_2_2_2_ZeroCannotBecomeMore) {
  for (const bool named : {true, false}) {
    TestBroker test;
    ScriptedPeer& peer = test.connected(named ? resume_5(0) : connect_5("c"));
    peer.send(Disconnect{ReasonCode::normal_disconnection, expiry(1)});
    EXPECT_EQ(peer.take(), Said{"DISCONNECT 0x82 {Reason String breaks U-3.14.2.2.2-2}"});
    EXPECT_TRUE(peer.closed());
    EXPECT_EQ(test.broker.gauges().sessions, 0u);
  }
}

// A session that is left again and again leaves timers behind that are a week away.
TEST(SessionExpiry, TimersThatHaveMovedAreSwept) {
  TestBroker test;
  for (Time now = 0; now < 2'000; ++now) {
    test.until(now);
    test.connected(resume_5(604'800)).lose();
  }
  int timers = 0;
  for (; test.broker.deadline() != never; ++timers) test.until(test.broker.deadline());
  EXPECT_LT(timers, 200);
}

}  // namespace
}  // namespace mqttlab::test
