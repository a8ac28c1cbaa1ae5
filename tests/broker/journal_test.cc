// What outlives the broker's process, and what waits until it is certain to.
#include <gtest/gtest.h>

#include <memory>

#include "tests/broker/scripted_peer.h"
#include "tests/support/memory_store.h"

namespace mqttlab::test {
namespace {

using mqttlab::testing::MemoryStore;

constexpr auto qos0 = QoS::at_most_once, qos1 = QoS::at_least_once, qos2 = QoS::exactly_once;

Properties expiry(std::uint32_t seconds) {
  return Properties().add(PropertyId::session_expiry_interval, seconds);
}

class JournalTest : public ::testing::Test {
 protected:
  JournalTest() { begin(); }
  void begin() {
    // Each process has a clock of its own; only Unix time goes on.
    test = std::make_unique<TestBroker>(config, nullptr, &store, [this, began = unix_now] {
      return began + clock_error - 7 * second;
    });
    test->now = 7 * second;
    test->broker.restore(store.load(), test->now);
  }
  /// The process ends with all that it has recorded on disk, or with all that was committed.
  void crash(Time down = 0, bool commits = true) {
    unix_now += test->now - 7 * second + down;
    if (commits) commit();
    test.reset();
    store.crashed();
    begin();
  }
  void commit() {
    test->broker.committed(store.commit(test->now));
    test->flush();
  }
  ScriptedPeer& connected(const Connect& connect) {
    ScriptedPeer& peer = test->accept();
    peer.send(connect);
    commit();
    EXPECT_EQ(peer.take().size(), 1U);
    return peer;
  }
  ScriptedPeer& connected(std::string_view id) {
    Connect connect;
    connect.client_id = slice(id);
    connect.clean_session = false;
    return connected(connect);
  }
  /// What a client finds that comes back to its session.
  Said back(const Connect& connect) {
    ScriptedPeer& peer = test->accept();
    peer.send(connect);
    commit();
    return peer.take();
  }
  Said back(std::string_view id) {
    Connect connect;
    connect.client_id = slice(id);
    connect.clean_session = false;
    return back(connect);
  }
  void subscribe(ScriptedPeer& peer, std::string_view filter, QoS qos) {
    peer.subscribe(filter, qos);
    commit();
    peer.take();
  }

  BrokerConfig config;
  MemoryStore store{{}};
  Time unix_now = 1'700'000'000 * second, clock_error = 0;
  std::unique_ptr<TestBroker> test;
};

TEST_F(JournalTest, AnswersWaitForTheirStepAndWhatFollowsThemWaitsToo) {
  subscribe(connected("desk"), "a", qos1);
  ScriptedPeer& meter = connected("meter");
  meter.publish("a", "1", qos1, 1);
  meter.send(Pingreq{});
  EXPECT_EQ(meter.take(), Said{});
  commit();
  EXPECT_EQ(meter.take(), (Said{"PUBACK 1", "PINGRESP"}));
  meter.send(Pingreq{});  // promises nothing
  EXPECT_EQ(meter.take(), Said{"PINGRESP"});
}

TEST_F(JournalTest, EveryPromiseWaits) {
  ScriptedPeer& peer = test->accept();
  const auto waits = [&](const Said& said) {
    EXPECT_EQ(peer.take(), Said{});
    commit();
    EXPECT_EQ(peer.take(), said);
  };
  Connect connect;
  connect.client_id = slice("both");
  connect.clean_session = false;
  peer.send(connect);
  waits({"CONNACK 0"});
  peer.subscribe("a", qos2, 1);
  waits({"SUBACK 1 2"});
  peer.publish("a", "x", qos2, 5);
  waits({"PUBLISH a=x q2 id1", "PUBREC 5"});
  peer.send(Pubrel{5});
  waits({"PUBCOMP 5"});
  peer.send(Pubrec{1});
  waits({"PUBREL 1"});
  peer.send(Unsubscribe{2, {slice("a")}});
  waits({"UNSUBACK 2"});
}

TEST_F(JournalTest, Qos0AndOtherLinksDoNotWait) {
  ScriptedPeer& desk = connected("desk");
  subscribe(desk, "a", qos0);
  ScriptedPeer& meter = connected("meter");
  meter.publish("a", "1", qos1, 1);
  EXPECT_EQ(desk.take(), Said{"PUBLISH a=1 q0"});
  meter.publish("a", "2");
  EXPECT_EQ(desk.take(), Said{"PUBLISH a=2 q0"});
}

TEST_F(JournalTest, ARepeatedAnswerWaitsForWhatItRepeats) {
  ScriptedPeer& meter = connected("meter");
  meter.publish("a", "1", qos2, 1);
  meter.publish("a", "1", qos2, 1, false, true);
  EXPECT_EQ(meter.take(), Said{});
  commit();
  EXPECT_EQ(meter.take(), (Said{"PUBREC 1", "PUBREC 1"}));
  meter.publish("a", "1", qos2, 1, false, true);  // all of it is safe
  EXPECT_EQ(meter.take(), Said{"PUBREC 1"});
}

TEST_F(JournalTest, AFinishedLinkIsClosedWhenItsAnswersHaveLeft) {
  subscribe(connected("desk"), "a", qos1);
  ScriptedPeer& meter = connected("meter");
  meter.publish("a", "1", qos1, 1);
  meter.send(Disconnect{});
  EXPECT_FALSE(meter.closed());
  commit();
  EXPECT_EQ(meter.take(), Said{"PUBACK 1"});
  EXPECT_TRUE(meter.closed());
}

TEST_F(JournalTest, SessionsComeBackAsTheyWere) {
  ScriptedPeer& desk = connected("desk");
  subscribe(desk, "a", qos2);
  subscribe(desk, "b", qos1);
  ScriptedPeer& meter = connected("meter");
  meter.publish("a", "sent", qos2, 1);
  meter.publish("a", "received", qos2, 2);
  commit();
  desk.send(Pubrec{2});
  commit();
  desk.lose();
  meter.publish("b", "waits", qos1, 3);
  commit();
  EXPECT_EQ(meter.take(), (Said{"PUBREC 1", "PUBREC 2", "PUBACK 3"}));
  crash(1 * second);
  EXPECT_EQ(back("desk"), (Said{"CONNACK 0 present", "PUBREL 2", "PUBLISH a=sent q2 id1 dup",
                                "PUBLISH b=waits q1 id3"}));
  ScriptedPeer& again = test->accept();
  Connect connect;
  connect.client_id = slice("meter");
  connect.clean_session = false;
  again.send(connect);
  again.publish("a", "received", qos2, 2, false, true);  // is known
  again.send(Pubrel{2});
  again.publish("a", "new", qos2, 2);
  commit();
  EXPECT_EQ(again.take(), (Said{"CONNACK 0 present", "PUBREC 2", "PUBCOMP 2", "PUBREC 2"}));
}

TEST_F(JournalTest, WhatWasNotCommittedHasNotHappened) {
  ScriptedPeer& desk = connected("desk");
  subscribe(desk, "a", qos2);
  ScriptedPeer& meter = connected("meter");
  meter.publish("a", "1", qos2, 1);
  desk.subscribe("b", qos2);
  crash(0, false);
  EXPECT_EQ(back("desk"), Said{"CONNACK 0 present"});
  EXPECT_EQ(test->broker.gauges().subscriptions, 1U);
}

TEST_F(JournalTest, SessionsEndWhileTheBrokerIsDown) {
  const Connect brief = connect_5("brief", true, expiry(10)),
                long_one = connect_5("long", true, expiry(100));
  connected(brief).lose();
  connected(long_one).lose();
  crash(50 * second);
  EXPECT_EQ(test->records(), Said{"session_ended brief"});
  EXPECT_EQ(test->broker.gauges().sessions, 1U);
  test->until(test->now + 49 * second);
  EXPECT_EQ(test->broker.gauges().sessions, 1U);
  test->until(test->now + 2 * second);
  EXPECT_EQ(test->broker.gauges().sessions, 0U);
  crash();
  EXPECT_EQ(test->broker.gauges().sessions, 0U);
}

// It has no clock of its own: at first it is 1970.
TEST_F(JournalTest, ADeviceMayLearnTheTimeWhileTheBrokerRuns) {
  clock_error = -unix_now;
  crash();
  ScriptedPeer& peer = connected(connect_5("brief", true, expiry(10)));
  clock_error = 0;
  peer.lose();
  crash(9 * second);
  EXPECT_EQ(test->broker.gauges().sessions, 1U);
  crash(2 * second);
  EXPECT_EQ(test->broker.gauges().sessions, 0U);
}

TEST_F(JournalTest, AConnectedSessionsTimeBeginsWhenTheBrokerIsBack) {
  connected(connect_5("desk", true, expiry(10)));
  crash(1'000 * second);
  EXPECT_EQ(test->broker.gauges().sessions, 1U);
  crash(9 * second);  // again, without anybody there
  EXPECT_EQ(test->broker.gauges().sessions, 1U);
  crash(2 * second);
  EXPECT_EQ(test->broker.gauges().sessions, 0U);
}

TEST_F(JournalTest, WillsAreOwedOverACrash) {
  ScriptedPeer& desk = connected("desk");
  subscribe(desk, "w/#", qos1);
  const auto with_will = [](std::string_view id, std::uint32_t expiry_s, std::uint32_t delay_s) {
    Connect connect = connect_5(id, true, expiry(expiry_s));
    connect.will = Will{slice("w/" + std::string(id)), slice("gone"), qos1, false,
                        Properties().add(PropertyId::will_delay_interval, delay_s)};
    return connect;
  };
  connected(with_will("clean", 0, 0));
  connected(with_will("kept", 1'000, 0));
  connected(with_will("away", 1'000, 60)).lose();
  connected(with_will("later", 1'000, 600)).lose();
  connected(with_will("polite", 1'000, 0)).send(Disconnect{});
  crash(100 * second);
  const auto wills = [&] {
    Said said = back("desk");
    std::sort(said.begin(), said.end());
    return said;
  };
  EXPECT_EQ(wills(), (Said{"CONNACK 0 present", "PUBLISH w/away=gone q1 id3",
                           "PUBLISH w/clean=gone q1 id1", "PUBLISH w/kept=gone q1 id2"}));
  crash(1'000 * second);
  EXPECT_EQ(wills().size(), 5U);  // again, and the last one; each once
  EXPECT_EQ(test->broker.gauges().in_flight, 4U);
}

TEST_F(JournalTest, ASessionThatEndsWithItsLinkLeavesNothing) {
  ScriptedPeer& visitor = test->connected("visitor");
  visitor.subscribe("a", qos1);
  connected("meter").publish("a", "1", qos1, 1);
  crash();
  EXPECT_EQ(test->broker.gauges().sessions, 1U);  // the meter's
  EXPECT_EQ(test->broker.gauges().subscriptions, 0U);
}

TEST_F(JournalTest, RetainedMessagesComeBackUnlessTheyHaveExpired) {
  ScriptedPeer& meter = connected("meter");
  meter.publish("r/1", "old", qos0, 0, true);
  meter.publish("r/1", "kept", qos0, 0, true);
  meter.publish("r/2", "cleared", qos1, 1, true);
  meter.publish("r/2", "", qos1, 2, true);
  const Connect five = connect_5("five");
  connected(five).send(
      Publish{.topic = slice("r/3"),
              .payload = slice("expires"),
              .qos = qos0,
              .retain = true,
              .properties = Properties().add(PropertyId::message_expiry_interval, 60)});
  EXPECT_EQ(test->broker.gauges().retained, 2U);
  crash(100 * second);
  ScriptedPeer& desk = connected("desk");
  desk.subscribe("r/#", qos1);
  commit();
  EXPECT_EQ(desk.take(), (Said{"SUBACK 1 1", "PUBLISH r/1=kept q0 retain"}));
  commit();
  EXPECT_EQ(store.load().retained().size(), 1U);
}

TEST_F(JournalTest, WhatAShareOwesGoesToAnotherMemberAfterACrash) {
  Connect first = connect_5("first", true, expiry(10)),
          second_one = connect_5("second", true, expiry(1'000));
  ScriptedPeer& one = connected(first);
  subscribe(one, "$share/g/a", qos1);
  one.lose();
  connected("meter").publish("a", "x", qos2, 1);
  commit();
  ScriptedPeer& other = connected(second_one);
  subscribe(other, "$share/g/a", qos2);
  crash(5 * second);
  second_one.clean_session = false;
  EXPECT_EQ(back(second_one), Said{"CONNACK 0 present"});
  test->until(test->now + 10 * second);
  commit();
  test->broker.disconnect("second", ReasonCode::administrative_action, test->now);
  commit();
  const Said said = back(second_one);  // as it was published: QoS 2
  ASSERT_EQ(said.size(), 2U);
  EXPECT_EQ(said[1], "PUBLISH a=x q2 id1 dup");
}

TEST_F(JournalTest, CleanStartLeavesNothingOfTheOlderSession) {
  ScriptedPeer& desk = connected("desk");
  subscribe(desk, "a", qos1);
  desk.lose();
  connected("meter").publish("a", "1", qos1, 1);
  connected(connect_5("desk", true, expiry(100)));
  crash();
  EXPECT_EQ(test->broker.gauges().subscriptions, 0U);
  EXPECT_EQ(test->broker.gauges().queued_messages, 0U);
  EXPECT_EQ(test->broker.gauges().sessions, 2U);
}

}  // namespace
}  // namespace mqttlab::test
