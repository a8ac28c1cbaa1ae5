// What a server owes its clients under 3.1.1 and under 5.0 alike: one script, both versions.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/broker/scripted_peer.h"

namespace mqttlab::test {
namespace {

constexpr QoS q0 = QoS::at_most_once, q1 = QoS::at_least_once, q2 = QoS::exactly_once;

class BothVersions : public testing::TestWithParam<ProtocolVersion> {
 protected:
  [[nodiscard]] bool v5() const { return GetParam() == ProtocolVersion::v5_0; }
  /// `keep`: the session outlives its links.
  [[nodiscard]] Connect packet(std::string_view client_id, bool keep = false) const {
    Properties properties;
    if (v5() && keep) properties.add(PropertyId::session_expiry_interval, 1'000u);
    Connect connect = connect_5(client_id, !keep, properties);
    connect.version = GetParam();
    return connect;
  }
  ScriptedPeer& client(std::string_view client_id, bool keep = false) {
    return test.connected(packet(client_id, keep));
  }
  /// A subscriber that is there, with this one subscription.
  ScriptedPeer& subscriber(std::string_view filter, QoS qos, bool keep = false) {
    ScriptedPeer& sub = client("sub", keep);
    sub.subscribe(filter, qos);
    return sub;
  }
  TestBroker test;
};
INSTANTIATE_TEST_SUITE_P(Of, BothVersions,
                         testing::Values(ProtocolVersion::v3_1_1, ProtocolVersion::v5_0),
                         [](const auto& version) {
                           return version.param == ProtocolVersion::v5_0 ? "5_0" : "3_1_1";
                         });

// MQTT-3.8.4-1 and -2, MQTT-3.9.3-1; v3 MQTT-3.8.4-5, v5 MQTT-3.8.4-6, v5 MQTT-3.8.4-7.
TEST_P(BothVersions, ASubscribeIsAnsweredWithItsIdAndACodePerFilterInOrder) {
  ScriptedPeer& peer = client("c");
  peer.send(Subscribe{77, {{slice("a"), q2}, {slice("b"), q0}, {slice("c"), q1}}});
  EXPECT_EQ(peer.take(), Said{"SUBACK 77 2 0 1"});
  peer.send(Subscribe{78, {{slice("a"), q1}}});
  EXPECT_EQ(peer.take(), Said{"SUBACK 78 1"});
}

// v3 MQTT-3.8.4-4, v5 MQTT-3.8.4-5: retained messages come for each filter, in the filters' order.
TEST_P(BothVersions, SeveralFiltersAreSeveralSubscriptions) {
  ScriptedPeer& pub = client("pub");
  for (const char* topic : {"a", "b"}) pub.publish(topic, topic, q0, 0, true);
  ScriptedPeer& sub = client("sub");
  sub.send(Subscribe{1, {{slice("b"), q0}, {slice("a"), q0}}});
  EXPECT_EQ(sub.take(), (Said{"SUBACK 1 0 0", "PUBLISH b=b q0 retain", "PUBLISH a=a q0 retain"}));
  pub.publish("a", "x");
  pub.publish("b", "y");
  EXPECT_EQ(sub.take(), (Said{"PUBLISH a=x q0", "PUBLISH b=y q0"}));
}

// MQTT-3.10.4-1, -2, -4, -5 and -6.
TEST_P(BothVersions, UnsubscribeTakesExactlyTheFiltersNamedAndIsAlwaysAnswered) {
  ScriptedPeer& peer = client("c");
  peer.send(Subscribe{1, {{slice("a/b"), q0}, {slice("a/+"), q0}, {slice("x"), q0}}});
  peer.take();
  peer.send(Unsubscribe{5, {slice("a/b"), slice("none"), slice("x")}});
  EXPECT_EQ(peer.take(), Said{v5() ? "UNSUBACK 5 0 17 0" : "UNSUBACK 5"});
  for (const char* topic : {"x", "a/b"}) peer.publish(topic, "m");
  EXPECT_EQ(peer.take(), Said{"PUBLISH a/b=m q0"}) << "a/+ is another filter";
}

// MQTT-3.10.4-3
TEST_P(BothVersions, WhatIsUnderWayIsFinishedAfterUnsubscribing) {
  ScriptedPeer& sub = subscriber("a", q2);
  client("pub").publish("a", "m", q2, 9);
  EXPECT_EQ(sub.take(), Said{"PUBLISH a=m q2 id1"});
  sub.send(Unsubscribe{5, {slice("a")}});
  sub.send(Pubrec{1});
  EXPECT_EQ(sub.take(), (Said{v5() ? "UNSUBACK 5 0" : "UNSUBACK 5", "PUBREL 1"}));
}

// MQTT-3.3.4-1; v3 MQTT-4.3.2-2, v3 MQTT-4.3.3-2, v5 MQTT-4.3.2-4, v5 MQTT-4.3.2-5,
// v5 MQTT-4.3.3-8 and -10 to -12.
TEST_P(BothVersions, EachQoSHasItsAnswersAndFreesItsIdAtTheEnd) {
  ScriptedPeer& sub = subscriber("a", q0);
  ScriptedPeer& pub = client("pub");
  pub.publish("a", "0");
  EXPECT_EQ(pub.take(), Said{});
  for (const bool dup : {false, true}) {  // answered: the id is free, whatever DUP says
    pub.publish("a", "1", q1, 7, false, dup);
    EXPECT_EQ(pub.take(), Said{"PUBACK 7"});
    pub.publish("a", "2", q2, 8, false, dup);
    pub.publish("a", "2", q2, 8, false, true);
    EXPECT_EQ(pub.take(), (Said{"PUBREC 8", "PUBREC 8"}));
    pub.send(Pubrel{8});
    EXPECT_EQ(pub.take(), Said{"PUBCOMP 8"});
  }
  EXPECT_EQ(sub.take(), (Said{"PUBLISH a=0 q0", "PUBLISH a=1 q0", "PUBLISH a=2 q0",
                              "PUBLISH a=1 q0", "PUBLISH a=2 q0"}));
}

// v3 MQTT-3.8.4-6, v5 MQTT-3.8.4-8; QoS 0 without id and DUP: MQTT-2.3.1-5, MQTT-2.2.1-2,
// MQTT-4.3.1-1.
TEST_P(BothVersions, AtTheLowerOfPublishedAndGrantedQoS) {
  ScriptedPeer& sub = client("sub");
  sub.send(Subscribe{1, {{slice("0"), q0}, {slice("1"), q1}, {slice("2"), q2}}});
  sub.take();
  ScriptedPeer& pub = client("pub");
  std::uint16_t id = 0;
  for (const char* granted : {"0", "1", "2"})
    for (const QoS qos : {q0, q1, q2}) pub.publish(granted, "m", qos, qos == q0 ? 0 : ++id);
  EXPECT_EQ(sub.take(), (Said{"PUBLISH 0=m q0", "PUBLISH 0=m q0", "PUBLISH 0=m q0",
                              "PUBLISH 1=m q0", "PUBLISH 1=m q1 id1", "PUBLISH 1=m q1 id2",
                              "PUBLISH 2=m q0", "PUBLISH 2=m q1 id3", "PUBLISH 2=m q2 id4"}));
}

// v3 MQTT-2.3.1-4, v5 MQTT-2.2.1-4; v3 MQTT-4.3.2-1, v5 MQTT-4.3.2-1 to -3; v3 MQTT-4.3.3-1,
// v5 MQTT-4.3.3-1 to -6; MQTT-2.3.1-6, MQTT-2.2.1-5.
TEST_P(BothVersions, AnIdIsFreeAgainOnlyAfterItsLastAnswer) {
  ScriptedPeer& sub = subscriber("a", q2);
  ScriptedPeer& pub = client("pub");
  pub.publish("a", "x", q1, 1);
  pub.publish("a", "y", q2, 2);
  EXPECT_EQ(sub.take(), (Said{"PUBLISH a=x q1 id1", "PUBLISH a=y q2 id2"}));
  pub.publish("a", "z", q1, 1);
  EXPECT_EQ(sub.take(), Said{"PUBLISH a=z q1 id3"}) << "1 and 2 are outstanding";
  sub.send(Pubrec{2});
  EXPECT_EQ(sub.take(), Said{"PUBREL 2"});
  sub.send(Puback{1});
  sub.send(Puback{3});
  TestBroker& same = test;
  EXPECT_EQ(same.broker.gauges().in_flight, 1u) << "PUBREL waits for PUBCOMP";
  sub.send(Pubcomp{2});
  EXPECT_EQ(same.broker.gauges().in_flight, 0u);
}

// MQTT-4.4.0-1, MQTT-4.6.0-1, MQTT-3.3.1-1, MQTT-4.1.0-1; v3 MQTT-3.1.2-4 and -5, v5 MQTT-3.1.2-5,
// v5 MQTT-3.1.2-23; v3 MQTT-3.2.2-2, v5 MQTT-3.2.2-3; v5 MQTT-4.3.3-6; the id is the same.
TEST_P(BothVersions, AKeptSessionGoesOnWhereItsLinkBroke) {
  ScriptedPeer& sub = subscriber("a", q2, true);
  ScriptedPeer& pub = client("pub");
  for (const std::uint16_t id : {1, 2, 3})
    pub.publish("a", std::to_string(id), id < 3 ? q2 : q1, id);
  EXPECT_EQ(sub.take(), (Said{"PUBLISH a=1 q2 id1", "PUBLISH a=2 q2 id2", "PUBLISH a=3 q1 id3"}));
  sub.send(Pubrec{1});
  sub.take();
  sub.lose();
  pub.publish("a", "4", q1, 4);
  const Said resumed = test.accept().connect(packet("sub", true));
  EXPECT_EQ(resumed, (Said{"CONNACK 0 present", "PUBREL 1", "PUBLISH a=2 q2 id2 dup",
                           "PUBLISH a=3 q1 id3 dup", "PUBLISH a=4 q1 id4"}));
}

// v3 MQTT-4.1.0-2, v5 MQTT-4.1.0-1: a QoS 2 id that waits for PUBREL is remembered.
TEST_P(BothVersions, ASessionLivesAtLeastAsLongAsItsConnection) {
  ScriptedPeer& sub = subscriber("a", q0);
  ScriptedPeer& pub = client("pub");
  pub.publish("a", "m", q2, 5);
  pub.send(Pingreq{});
  pub.publish("a", "m", q2, 5, false, true);
  EXPECT_EQ(pub.take(), (Said{"PUBREC 5", "PINGRESP", "PUBREC 5"}));
  EXPECT_EQ(sub.take(), Said{"PUBLISH a=m q0"});
}

// MQTT-3.3.1-3: nor does the broker take over what the publisher says of itself.
TEST_P(BothVersions, DupOfAPublisherIsNotPassedOn) {
  ScriptedPeer& sub = subscriber("a", q1);
  client("pub").publish("a", "m", q1, 1, false, true);
  EXPECT_EQ(sub.take(), Said{"PUBLISH a=m q1 id1"});
}

// v3 MQTT-3.1.4-3, v5 MQTT-3.1.4-4; v3 MQTT-3.1.2-6, v5 MQTT-3.1.2-4; v3 MQTT-3.2.2-1,
// v5 MQTT-3.2.2-2.
TEST_P(BothVersions, WhoBeginsAnewGetsNothingOfTheKeptSession) {
  subscriber("a", q1, true).lose();
  client("pub").publish("a", "m", q1, 1);
  ScriptedPeer& anew = test.accept();
  EXPECT_EQ(anew.connect(packet("sub")), Said{"CONNACK 0"});
  client("pub").publish("a", "m", q1, 1);
  EXPECT_EQ(anew.take(), Said{});
}

// MQTT-3.1.3-2: sessions belong to client ids.
TEST_P(BothVersions, ASessionIsTheClientIdsOwn) {
  subscriber("a", q1, true).lose();
  EXPECT_EQ(test.accept().connect(packet("other", true)), Said{"CONNACK 0"});
  EXPECT_EQ(test.accept().connect(packet("sub", true)), Said{"CONNACK 0 present"});
}

// MQTT-3.1.3-5
TEST_P(BothVersions, ClientIdsOf1To23LettersAndDigits) {
  const std::string all = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  for (std::size_t at = 0; at < all.size(); ++at)
    for (const std::size_t size : {1u, 23u})
      EXPECT_EQ(test.accept().connect(packet(all.substr(at, size))), Said{"CONNACK 0"});
}

// MQTT-3.3.1-5; v3 MQTT-3.3.1-6 to -9, v5 MQTT-3.3.1-9, v5 MQTT-3.3.1-12.
TEST_P(BothVersions, TheLastRetainedMessageComesAtSubscribingAndIsMarked) {
  ScriptedPeer& pub = client("pub");
  pub.publish("a", "1", q1, 1, true);
  pub.publish("a", "2", q0, 0, true);
  ScriptedPeer& sub = client("sub");
  EXPECT_EQ(sub.subscribe("a", q2), (Said{"SUBACK 1 2", "PUBLISH a=2 q0 retain"}));
  pub.publish("a", "3", q1, 1, true);
  EXPECT_EQ(sub.take(), Said{"PUBLISH a=3 q1 id1"});
  EXPECT_EQ(sub.subscribe("a", q2), (Said{"SUBACK 1 2", "PUBLISH a=3 q1 id2 retain"}));
}

// v3 MQTT-3.3.1-10 to -12, v5 MQTT-3.3.1-6 to -8.
TEST_P(BothVersions, AnEmptyRetainedMessageClearsAndAPlainOneChangesNothing) {
  ScriptedPeer& sub = subscriber("a", q0);
  ScriptedPeer& pub = client("pub");
  pub.publish("a", "1", q0, 0, true);
  pub.publish("a", "2");
  pub.publish("a", "");
  EXPECT_EQ(client("late").subscribe("a", q0), (Said{"SUBACK 1 0", "PUBLISH a=1 q0 retain"}));
  pub.publish("a", "", q0, 0, true);
  EXPECT_EQ(client("later").subscribe("a", q0), Said{"SUBACK 1 0"});
  EXPECT_EQ(sub.take(),
            (Said{"PUBLISH a=1 q0", "PUBLISH a=2 q0", "PUBLISH a= q0", "PUBLISH a= q0"}));
}

// v3 MQTT-3.1.2-7: what is retained is no part of a session.
TEST_P(BothVersions, RetainedMessagesOutliveTheSessionOfTheirPublisher) {
  ScriptedPeer& pub = client("pub");
  pub.publish("a", "1", q0, 0, true);
  pub.lose();
  EXPECT_EQ(client("late").subscribe("a", q0), (Said{"SUBACK 1 0", "PUBLISH a=1 q0 retain"}));
}

// MQTT-3.3.2-3, MQTT-4.5.0-1, MQTT-4.7.3-4, MQTT-4.7.2-1.
TEST_P(BothVersions, AMessageGoesToEverySessionWithAFilterThatMatchesItsCharacters) {
  ScriptedPeer& pub = client("pub");
  std::vector<std::pair<std::string, ScriptedPeer*>> subs;
  for (const char* filter : {"a/b", "a/+", "a/#", "A/b", "a/b/", "+/B", "#", "+/b", "$x/b"}) {
    subs.emplace_back(filter, &client("sub " + std::to_string(subs.size())));
    subs.back().second->subscribe(filter, q1);
  }
  const auto getters = [&](std::string_view topic) {
    std::string filters;
    pub.publish(topic, "m", q1, 1);
    for (auto& [filter, sub] : subs)
      if (!sub->take().empty()) filters += filter + " ";
    return filters;
  };
  EXPECT_EQ(getters("a/b"), "a/b a/+ a/# # +/b ");
  EXPECT_EQ(getters("A/b"), "A/b # +/b ");
  EXPECT_EQ(getters("$x/b"), "$x/b ");
}

// v3 MQTT-3.3.5-1, v5 MQTT-3.3.4-2.
TEST_P(BothVersions, OverlappingSubscriptionsHonourTheHighestQoS) {
  ScriptedPeer& sub = client("sub");
  sub.send(Subscribe{1, {{slice("a"), q0}, {slice("+"), q2}, {slice("#"), q1}}});
  sub.take();
  client("pub").publish("a", "m", q2, 1);
  EXPECT_EQ(sub.take(), Said{"PUBLISH a=m q2 id1"});
}

// MQTT-3.8.4-3; v5 MQTT-3.8.4-4: what is under way goes on.
TEST_P(BothVersions, AnIdenticalFilterReplacesTheSubscription) {
  ScriptedPeer& sub = subscriber("a", q2);
  ScriptedPeer& pub = client("pub");
  pub.publish("a", "1", q2, 1, true);
  EXPECT_EQ(sub.take(), Said{"PUBLISH a=1 q2 id1"});
  EXPECT_EQ(sub.subscribe("a", q1, 3), (Said{"SUBACK 3 1", "PUBLISH a=1 q1 id2 retain"}));
  pub.publish("a", "2", q2, 2);
  EXPECT_EQ(sub.take(), Said{"PUBLISH a=2 q1 id3"}) << "once, at the new QoS";
  sub.send(Pubrec{1});
  EXPECT_EQ(sub.take(), Said{"PUBREL 1"});
}

// MQTT-3.1.0-2; v5 MQTT-3.2.0-2: there is one CONNACK.
TEST_P(BothVersions, ASecondConnectEndsTheConnection) {
  ScriptedPeer& peer = client("c");
  peer.send(packet("c"));
  for (const std::string& said : peer.take()) EXPECT_EQ(said.substr(0, 15), "DISCONNECT 0x82");
  EXPECT_TRUE(peer.closed());
}

// v3 MQTT-3.1.3-9 and MQTT-3.2.2-5, v5 MQTT-3.1.3-8, MQTT-3.1.4-2 and MQTT-3.2.2-7.
TEST_P(BothVersions, AClientIdThatIsRefusedIsToldSoAndClosed) {
  struct Refusing : Access {
    Decision ask(const AccessRequest&) override {
      return {Verdict::denied, ReasonCode::client_identifier_not_valid};
    }
  } access;
  TestBroker strict({}, &access);
  ScriptedPeer& peer = strict.accept();
  EXPECT_EQ(peer.connect(packet("c")), Said{v5() ? "CONNACK 0x85" : "CONNACK 2"});
  EXPECT_TRUE(peer.closed());
}

// v3 MQTT-3.8.3-2: 5.0 ends the connection (U-3.2.2.3.11-3).
TEST_P(BothVersions, WithoutWildcardsEverySubscriptionWithOneIsTurnedDown) {
  BrokerConfig config;
  config.wildcard_available = false;
  TestBroker plain(config);
  ScriptedPeer& peer = plain.connected(packet("c"));
  peer.send(Subscribe{1, {{slice("a/+"), q0}, {slice("#"), q1}, {slice("a"), q1}}});
  if (v5()) {
    EXPECT_EQ(peer.take().at(0).substr(0, 15), "DISCONNECT 0xA2");
  } else {
    EXPECT_EQ(peer.take(), Said{"SUBACK 1 128 128 1"});
  }
}

// MQTT-4.6.0-5 and -6: per publisher and QoS the order of arrival, through a window of one.
TEST_P(BothVersions, EveryTopicIsInOrder) {
  BrokerConfig config;
  config.window = 1;
  TestBroker narrow(config);
  ScriptedPeer& sub = narrow.connected(packet("sub"));
  sub.subscribe("a", q1);
  ScriptedPeer& pub = narrow.connected(packet("pub"));
  for (std::uint16_t id = 1; id <= 5; ++id) pub.publish("a", std::to_string(id), q1, id);
  for (std::uint16_t id = 1; id <= 5; ++id) {
    const auto said = sub.take_packets();
    ASSERT_EQ(said.size(), 1u);
    const Publish& publish = std::get<Publish>(said[0]);
    EXPECT_EQ(publish.payload.text(), std::to_string(id));
    sub.send(Puback{publish.packet_id});
  }
}

// MQTT-3.12.4-1
TEST_P(BothVersions, EveryPingIsAnswered) {
  ScriptedPeer& peer = client("c");
  for (int i = 0; i < 2; ++i) peer.send(Pingreq{});
  EXPECT_EQ(peer.take(), (Said{"PINGRESP", "PINGRESP"}));
}

// v3 MQTT-3.1.2-24, v5 MQTT-3.1.2-22, v5 MQTT-3.2.2-22.
TEST_P(BothVersions, SilenceOfOneAndAHalfKeepAlivesIsTheEnd) {
  Connect connect = packet("c");
  connect.keep_alive_s = 10;
  ScriptedPeer& peer = test.connected(connect);
  test.until(15 * second - 1);
  EXPECT_FALSE(peer.closed());
  test.until(15 * second);
  EXPECT_TRUE(peer.closed());
}

// MQTT-3.1.2-8, MQTT-3.1.2-10; v3 MQTT-3.1.2-12, -16 and -17, v5 MQTT-3.1.2-14 and -15.
TEST_P(BothVersions, AWillIsPublishedOnceAsItWasDeclared) {
  ScriptedPeer& sub = subscriber("w", q1);
  client("none").lose();
  EXPECT_EQ(sub.take(), Said{});
  for (const bool retain : {false, true}) {
    Connect connect = packet("mortal");
    connect.will = Will{slice("w"), slice("gone"), q1, retain, {}};
    for (int i = 0; i < 2; ++i) test.connected(connect).lose();
    EXPECT_EQ(sub.take().size(), 2u);
    EXPECT_EQ(client("late").subscribe("w", q0).size(), retain ? 2u : 1u);
  }
}

// MQTT-3.14.4-3
TEST_P(BothVersions, ANormalDisconnectTakesTheWillAlong) {
  ScriptedPeer& sub = subscriber("w", q1);
  Connect connect = packet("mortal");
  connect.will = Will{slice("w"), slice("gone"), q1, false, {}};
  ScriptedPeer& mortal = test.connected(connect);
  mortal.send(Disconnect{});
  EXPECT_TRUE(mortal.closed());
  EXPECT_EQ(sub.take(), Said{});
}

// v3 MQTT-4.8.0-1, v5 MQTT-4.13.1-1.
TEST_P(BothVersions, AViolationEndsItsConnectionAndNoOther) {
  ScriptedPeer& other = client("other");
  const std::uint8_t violations[][4] = {
      {0x00, 0x00},              // no such packet
      {0x30, 0x02, 0x00, 0x05},  // cut
      {0xC0, 0x01, 0x00},        // longer than it may be
      {0x40, 0x02, 0x00, 0x00},  // id 0
  };
  for (const auto& bytes : violations) {
    ScriptedPeer& peer = client("c");
    peer.send_bytes(Bytes(bytes, 2u + bytes[1]));
    EXPECT_TRUE(peer.closed());
  }
  other.send(Pingreq{});
  EXPECT_EQ(other.take(), Said{"PINGRESP"});
}

}  // namespace
}  // namespace mqttlab::test
