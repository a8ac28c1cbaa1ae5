// What MQTT 5.0 says of a message on its way: options, properties, expiry, identifiers, shares,
// size.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/broker/scripted_peer.h"

namespace mqttlab::test {
namespace {

using Id = PropertyId;
constexpr QoS q0 = QoS::at_most_once, q1 = QoS::at_least_once, q2 = QoS::exactly_once;

class Messages5 : public testing::Test {
 protected:
  ScriptedPeer& client(std::string_view client_id, Properties properties = {}) {
    return test.connected(connect_5(client_id, properties.empty(), std::move(properties)));
  }
  static Properties kept() { return Properties().add(Id::session_expiry_interval, 1'000u); }
  static void publish(ScriptedPeer& pub, std::string_view topic, std::string_view payload,
                      const Properties& properties, QoS qos = q0, std::uint16_t id = 0) {
    pub.send(Publish{slice(topic), slice(payload), qos, false, false, id, properties});
  }
  static Said subscribe(ScriptedPeer& sub, Subscription subscription, Properties properties = {}) {
    sub.send(Subscribe{1, {std::move(subscription)}, std::move(properties)});
    return sub.take();
  }
  TestBroker test;
};

// MQTT-3.3.1-12, MQTT-3.3.1-13.
TEST_F(Messages5, RetainAsPublished) {
  ScriptedPeer& pub = client("pub");
  ScriptedPeer& plain = client("plain");
  ScriptedPeer& as_published = client("as published");
  subscribe(plain, {slice("a"), q0});
  subscribe(as_published, {slice("a"), q0, false, true});
  for (const bool retain : {false, true}) {
    pub.publish("a", "m", q0, 0, retain);
    EXPECT_EQ(plain.take(), Said{"PUBLISH a=m q0"});
    EXPECT_EQ(as_published.take(), Said{retain ? "PUBLISH a=m q0 retain" : "PUBLISH a=m q0"});
  }
}

// MQTT-3.8.3-3: not even under the same subscription as somebody else, nor if it is retained.
TEST_F(Messages5, NoLocal) {
  ScriptedPeer& own = client("own");
  ScriptedPeer& other = client("other");
  for (ScriptedPeer* peer : {&own, &other}) subscribe(*peer, {slice("a"), q0, true});
  own.publish("a", "m", q0, 0, true);
  EXPECT_EQ(own.take(), Said{});
  EXPECT_EQ(other.take(), Said{"PUBLISH a=m q0"});
  EXPECT_EQ(subscribe(own, {slice("a"), q0, true}), Said{"SUBACK 1 0"});
  EXPECT_EQ(subscribe(own, {slice("a"), q0}), (Said{"SUBACK 1 0", "PUBLISH a=m q0 retain"}));
}

// MQTT-3.3.1-9, MQTT-3.3.1-10, MQTT-3.3.1-11; MQTT-3.8.4-4.
TEST_F(Messages5, RetainHandlingTellsWhenRetainedMessagesAreSent) {
  client("pub").publish("a", "m", q0, 0, true);
  const Said nothing{"SUBACK 1 0"}, sent{"SUBACK 1 0", "PUBLISH a=m q0 retain"};
  const auto first_and_again = [&](RetainHandling handling) {
    ScriptedPeer& sub = client("sub");
    const Subscription subscription{slice("a"), q0, false, false, handling};
    const Said first = subscribe(sub, subscription);
    return std::pair(first, subscribe(sub, subscription));
  };
  EXPECT_EQ(first_and_again(RetainHandling::send_at_subscribe), std::pair(sent, sent));
  EXPECT_EQ(first_and_again(RetainHandling::send_if_new), std::pair(sent, nothing));
  EXPECT_EQ(first_and_again(RetainHandling::do_not_send), std::pair(nothing, nothing));
}

// Every property that is the application's, and user properties with their order and repetitions.
Properties everything() {
  return Properties()
      .add(Id::payload_format_indicator, 1u)
      .add_user("b", "1")
      .add(Id::response_topic, "r")
      .add(Id::correlation_data, "c")
      .add_user("a", "2")
      .add(Id::content_type, "t")
      .add_user("b", "1");
}
constexpr const char* everything_text =
    " {Payload Format Indicator 1, User Property b=1, Response Topic r, Correlation Data c, "
    "User Property a=2, Content Type t, User Property b=1}";

// MQTT-3.3.2-4, MQTT-3.3.2-15 to -18, MQTT-3.3.2-20: at once, kept, retained, and to a 3.1.1
// client.
TEST_F(Messages5, PropertiesReachEverySubscriberAsTheyWerePublished) {
  ScriptedPeer& sub = client("sub", kept());
  subscribe(sub, {slice("a"), q1});
  ScriptedPeer& old = test.connected("old");
  old.subscribe("a", q0);
  ScriptedPeer& pub = client("pub");
  publish(pub, "a", "m", everything());
  EXPECT_EQ(sub.take(), Said{std::string("PUBLISH a=m q0") + everything_text});
  EXPECT_EQ(old.take(), Said{"PUBLISH a=m q0"});
  sub.lose();
  publish(pub, "a", "n", everything(), q1, 1);
  EXPECT_EQ(test.accept().connect(connect_5("sub", false, kept())),
            (Said{"CONNACK 0 present", std::string("PUBLISH a=n q1 id1") + everything_text}));
  pub.send(Publish{slice("r"), slice("m"), q0, true, false, 0, everything()});
  EXPECT_EQ(subscribe(client("late"), {slice("r"), q0}),
            (Said{"SUBACK 1 0", std::string("PUBLISH r=m q0 retain") + everything_text}));
}

// MQTT-3.1.3-10
TEST_F(Messages5, AWillIsPublishedWithItsPropertiesButTheDelay) {
  ScriptedPeer& sub = client("sub");
  subscribe(sub, {slice("w"), q0});
  Connect mortal = connect_5("mortal");
  mortal.will =
      Will{slice("w"), slice("m"), q0, false, everything().add(Id::will_delay_interval, 5u)};
  test.connected(mortal).lose();  // its session ends with it, and so does the delay
  EXPECT_EQ(sub.take(), Said{std::string("PUBLISH w=m q0") + everything_text});
}

// MQTT-3.3.2-5, MQTT-3.3.2-6: queued or retained, whole seconds are taken off, and none is overdue.
TEST_F(Messages5, AMessageExpiresWhileItWaitsAndSaysWhatIsLeft) {
  ScriptedPeer& sub = client("sub", kept());
  subscribe(sub, {slice("a"), q1});
  sub.lose();
  ScriptedPeer& pub = client("pub");
  for (const std::uint16_t seconds : {10, 20})
    publish(pub, "a", std::to_string(seconds),
            Properties().add(Id::message_expiry_interval, std::uint32_t{seconds}), q1, seconds);
  pub.send(Publish{slice("r"), slice("m"), q0, true, false, 0,
                   Properties().add(Id::message_expiry_interval, 12u)});
  test.until(10 * second);
  ScriptedPeer& again = test.accept();
  EXPECT_EQ(again.connect(connect_5("sub", false, kept())),
            (Said{"CONNACK 0 present", "PUBLISH a=20 q1 id1 {Message Expiry Interval 10}"}));
  EXPECT_EQ(subscribe(client("late"), {slice("r"), q0}),
            (Said{"SUBACK 1 0", "PUBLISH r=m q0 retain {Message Expiry Interval 2}"}));
  test.until(12 * second);
  EXPECT_EQ(subscribe(client("later"), {slice("r"), q0}), Said{"SUBACK 1 0"});
}

// MQTT-4.3.3-7: once sent, a message is sent again whatever its interval was.
// MQTT-4.3.3-13: and its handshake goes on at the receiver.
TEST_F(Messages5, ExpiryDoesNotConcernAQoS2ExchangeThatHasBegun) {
  ScriptedPeer& sub = client("sub", kept());
  subscribe(sub, {slice("a"), q2});
  ScriptedPeer& pub = client("pub");
  publish(pub, "a", "m", Properties().add(Id::message_expiry_interval, 1u), q2, 7);
  EXPECT_EQ(sub.take(), Said{"PUBLISH a=m q2 id1 {Message Expiry Interval 1}"});
  sub.lose();
  test.until(2 * second);
  ScriptedPeer& again = test.accept();
  EXPECT_EQ(again.connect(connect_5("sub", false, kept())),
            (Said{"CONNACK 0 present", "PUBLISH a=m q2 id1 dup {Message Expiry Interval 0}"}));
  again.send(Pubrec{1});
  EXPECT_EQ(again.take(), Said{"PUBREL 1"});
  pub.send(Pubrel{7});
  EXPECT_EQ(pub.take(), (Said{"PUBREC 7", "PUBCOMP 7"}));
}

// MQTT-3.3.4-3, MQTT-3.3.4-4, MQTT-3.3.4-5, U-3.3.4-1: one copy with the identifiers of exactly the
// subscriptions that caused it; none of a subscription without, and the new one after replacing.
TEST_F(Messages5, SubscriptionIdentifiersAreThoseOfTheSubscriptionsThatMatch) {
  ScriptedPeer& sub = client("sub");
  const auto with = [&](const char* filter, std::uint32_t identifier) {
    Properties properties;
    if (identifier != 0) properties.add(Id::subscription_identifier, identifier);
    subscribe(sub, {slice(filter), q0}, properties);
  };
  with("a/b", 1);
  with("a/+", 300);
  with("+/b", 0);
  with("x", 4);
  ScriptedPeer& pub = client("pub");
  pub.publish("a/b", "m");
  EXPECT_EQ(sub.take(), Said{"PUBLISH a/b=m q0 {Subscription Identifier 1, Subscription "
                             "Identifier 300}"});
  pub.publish("c/b", "m");
  EXPECT_EQ(sub.take(), Said{"PUBLISH c/b=m q0"});
  with("x", 5);
  pub.publish("x", "m");
  EXPECT_EQ(sub.take(), Said{"PUBLISH x=m q0 {Subscription Identifier 5}"});
}

class Shared5 : public Messages5 {
 protected:
  void SetUp() override {
    for (int i = 0; i < 2; ++i) {
      members[i] = &client("member " + std::to_string(i), kept());
      subscribe(*members[i], {slice("$share/g/a"), i == 0 ? q1 : q2});
    }
  }
  /// The member that got this, and what.
  std::pair<int, Said> getter() {
    const Said said[2] = {members[0]->take(), members[1]->take()};
    EXPECT_NE(said[0].empty(), said[1].empty());
    const int who = said[0].empty() ? 1 : 0;
    return {who, said[who]};
  }
  ScriptedPeer* members[2];
};

// MQTT-4.8.2-3
TEST_F(Shared5, AMessageGoesToOneMemberAtTheQoSThatItWasGranted) {
  ScriptedPeer& pub = client("pub");
  int got[2] = {};
  for (std::uint16_t id = 1; id <= 4; ++id) {
    pub.publish("a", "m", q2, id);
    const auto [who, said] = getter();
    const std::string count = std::to_string(++got[who]);
    EXPECT_EQ(said, Said{(who == 0 ? "PUBLISH a=m q1 id" : "PUBLISH a=m q2 id") + count});
  }
  EXPECT_EQ(got[0], 2);
}

// MQTT-4.8.2-4 and MQTT-4.8.2-5: a QoS 2 delivery that has begun belongs to its member, and ends
// with that member's session.
TEST_F(Shared5, AQoS2DeliveryIsFinishedWithItsMemberOrNotAtAll) {
  ScriptedPeer& pub = client("pub");
  std::uint16_t id = 0;
  Said said;
  do {
    pub.publish("a", "m", q2, ++id);
    said = members[1]->take();
  } while (said.empty());
  members[0]->take();
  EXPECT_EQ(said, Said{"PUBLISH a=m q2 id1"});
  members[1]->lose();
  EXPECT_EQ(members[0]->take(), Said{});
  ScriptedPeer& again = test.accept();
  EXPECT_EQ(again.connect(connect_5("member 1", false, kept())),
            (Said{"CONNACK 0 present", "PUBLISH a=m q2 id1 dup"}));
  again.lose();
  test.until(test.now + 1'001 * second);
  EXPECT_EQ(test.records().back(), "session_ended member 1");
  EXPECT_EQ(members[0]->take(), Said{});
}

// MQTT-4.8.2-6, MQTT-4.4.0-2.
TEST_F(Shared5, AMemberThatRefusesEndsTheMessage) {
  ScriptedPeer& pub = client("pub");
  for (std::uint16_t id = 1; id <= 2; ++id) {
    pub.publish("a", "m", q2, id);
    const auto [who, said] = getter();
    if (who == 0)
      members[0]->send(Puback{1, ReasonCode::quota_exceeded});
    else
      members[1]->send(Pubrec{1, ReasonCode::quota_exceeded});
    for (ScriptedPeer* member : members) EXPECT_EQ(member->take(), Said{});
  }
  EXPECT_EQ(test.broker.gauges().in_flight, 0u);
}

// MQTT-3.1.2-24, MQTT-3.1.2-25: the next one is sent, so the other counts as delivered.
TEST_F(Messages5, AMessageTooLargeForTheClientIsLeftOut) {
  ScriptedPeer& sub = client("sub", Properties().add(Id::maximum_packet_size, 40u));
  subscribe(sub, {slice("a"), q1});
  ScriptedPeer& pub = client("pub");
  pub.publish("a", std::string(40, 'x'), q1, 1);
  EXPECT_EQ(pub.take(), Said{"PUBACK 1"});
  pub.publish("a", "y", q1, 2);
  EXPECT_EQ(sub.take(), Said{"PUBLISH a=y q1 id1"});
}

// MQTT-3.3.4-9, MQTT-3.3.4-10, MQTT-4.9.0-1 to -3: at the limit everything but PUBLISH goes on.
TEST_F(Messages5, ReceiveMaximumHoldsBackMessagesAndNothingElse) {
  ScriptedPeer& sub = client("sub", Properties().add(Id::receive_maximum, 2u));
  subscribe(sub, {slice("a"), q2});
  ScriptedPeer& pub = client("pub");
  for (std::uint16_t id = 1; id <= 4; ++id) pub.publish("a", std::to_string(id), q2, id);
  EXPECT_EQ(sub.take(), (Said{"PUBLISH a=1 q2 id1", "PUBLISH a=2 q2 id2"}));
  pub.publish("a", "now");
  sub.publish("b", "x", q1, 9);
  sub.send(Pingreq{});
  sub.send(Pubrec{1});
  sub.send(Subscribe{8, {{slice("c"), q0}}});
  sub.send(Unsubscribe{9, {slice("c")}});
  EXPECT_EQ(sub.take(), (Said{"PUBLISH a=now q0", "PUBACK 9 0x10", "PINGRESP", "PUBREL 1",
                              "SUBACK 8 0", "UNSUBACK 9 0"}));
  sub.send(Pubcomp{1});
  EXPECT_EQ(sub.take(), Said{"PUBLISH a=3 q2 id3"});
  sub.send(Pubrec{2, ReasonCode::quota_exceeded});
  EXPECT_EQ(sub.take(), Said{"PUBLISH a=4 q2 id4"});
}

// U-3.2.2.3.4-3, U-3.2.2.3.5-3; MQTT-3.2.2-10: what may not be published ends the connection, and
// subscribing is not concerned.
TEST_F(Messages5, WhatWasAnnouncedAsUnsupportedEndsTheConnection) {
  BrokerConfig config;
  config.maximum_qos = q1;
  config.retain_available = false;
  TestBroker limited(config);
  ScriptedPeer& peer = limited.connected(connect_5("a"));
  EXPECT_EQ(peer.subscribe("t", q2), Said{"SUBACK 1 1"});
  peer.publish("t", "m", q2, 1);
  EXPECT_EQ(peer.take().at(0).substr(0, 15), "DISCONNECT 0x9B");
  ScriptedPeer& other = limited.connected(connect_5("b"));
  other.publish("t", "m", q0, 0, true);
  EXPECT_EQ(other.take().at(0).substr(0, 15), "DISCONNECT 0x9A");
}

}  // namespace
}  // namespace mqttlab::test
