// Subscription options, Subscription Identifiers and the properties of messages: MQTT 5.0.
#include <gtest/gtest.h>

#include <set>

#include "tests/broker/scripted_peer.h"

namespace mqttlab::test {
namespace {

using Id = PropertyId;

Properties identifier(std::uint32_t value) {
  return Properties().add(Id::subscription_identifier, value);
}
Said subscribe(ScriptedPeer& peer, Subscription subscription, Properties properties = {}) {
  peer.send(Subscribe{1, {std::move(subscription)}, std::move(properties)});
  return peer.take();
}
Subscription retained_at(RetainHandling handling, QoS qos = qos0) {
  return {.filter = slice("#"), .qos = qos, .retain_handling = handling};
}

TEST(MessageProperties, MQTT_3_3_2_4_And_15_To_20_ReachEverySubscriberUnalteredAndInOrder) {
  Properties published;
  published.add_user("b", "1").add(Id::payload_format_indicator, 1).add_user("a", "2");
  published.add(Id::correlation_data, std::string_view("\0\xFF", 2));
  published.add(Id::response_topic, "r/t").add_user("b", "1").add(Id::content_type, "json");
  for (const QoS qos : {qos0, qos1, qos2}) {
    TestBroker test;
    ScriptedPeer& live = test.connected(connect_5("live"));
    live.subscribe("t", qos2);
    ScriptedPeer& publisher = test.connected(connect_5("p"));
    const auto id = static_cast<std::uint16_t>(qos == qos0 ? 0 : 1);
    publisher.send(Publish{slice("t"), slice("x"), qos, true, false, id, published});
    ScriptedPeer& late = test.connected(connect_5("late"));
    late.send(Subscribe{1, {{slice("t"), qos2}}});
    const auto properties_of = [](ScriptedPeer& peer) {
      Properties properties = std::get<Publish>(peer.take_packets().back()).properties;
      return properties.remove(Id::topic_alias);
    };
    EXPECT_EQ(properties_of(live), published);
    EXPECT_EQ(properties_of(late), published) << "retained";
  }
}

TEST(MessageProperties, MQTT_3_1_3_10_OfAWillArePublishedButForItsDelay) {
  TestBroker test;
  ScriptedPeer& subscriber = test.connected(connect_5("s"));
  subscriber.subscribe("w", qos0);
  Connect connect = connect_5("p");
  connect.will = Will{slice("w"), slice("gone"), qos0, false,
                      Properties()
                          .add(Id::will_delay_interval, 0)
                          .add_user("k", "v")
                          .add(Id::message_expiry_interval, 9)};
  test.connected(connect).lose();
  EXPECT_EQ(subscriber.take(),
            Said{"PUBLISH w=gone q0 {Message Expiry Interval 9, User Property k=v}"});
}

TEST(NoLocal, MQTT_3_8_3_3_OwnMessagesDoNotComeBackAndOthersDo) {
  TestBroker test;
  ScriptedPeer& peer = test.connected(connect_5("c"));
  subscribe(peer, {.filter = slice("#"), .no_local = true});
  peer.publish("t", "own", qos1, 1);
  EXPECT_EQ(peer.take(), Said{"PUBACK 1 0x10"});
  test.connected("other").publish("t", "other's");
  EXPECT_EQ(peer.take(), Said{"PUBLISH t=other's q0"});
}

TEST(NoLocal, MQTT_3_8_3_3_HoldsForOverlapsForRetainedOnesAndOverReconnects) {
  TestBroker test;
  const Connect kept = connect_5("c", false, Properties().add(Id::session_expiry_interval, 99));
  test.connected(kept).publish("t", "own", qos0, 0, true);
  ScriptedPeer& peer = test.accept();
  peer.connect(kept);
  EXPECT_EQ(subscribe(peer, {.filter = slice("#"), .qos = qos1, .no_local = true}, identifier(1)),
            Said{"SUBACK 1 1"})
      << "retained, and published under this client id";
  subscribe(peer, {.filter = slice("t"), .retain_handling = RetainHandling::do_not_send},
            identifier(2));
  peer.publish("t", "x", qos1, 1);
  EXPECT_EQ(peer.take(), (Said{"PUBLISH t=x q0 {Subscription Identifier 2}", "PUBACK 1"}))
      << "the filter without No Local alone brings it, at its QoS";
  peer.lose();
  ScriptedPeer& again = test.accept();
  again.connect(kept);
  again.publish("u", "own");
  EXPECT_EQ(again.take(), Said{});
  subscribe(again, {.filter = slice("#")});  // MQTT-3.8.4-3
  again.take();
  again.publish("u", "own");
  EXPECT_EQ(again.take(), Said{"PUBLISH u=own q0"});
}

TEST(RetainAsPublished, MQTT_3_3_1_12_And_13_RetainAsItIsWanted) {
  for (const bool wanted : {false, true}) {
    TestBroker test;
    ScriptedPeer& peer = test.connected(connect_5("c"));
    subscribe(peer, {.filter = slice("t"), .retain_as_published = wanted});
    ScriptedPeer& publisher = test.connected("p");
    publisher.publish("t", "1", qos0, 0, true);
    publisher.publish("t", "2");
    EXPECT_EQ(peer.take(),
              (Said{wanted ? "PUBLISH t=1 q0 retain" : "PUBLISH t=1 q0", "PUBLISH t=2 q0"}));
    EXPECT_EQ(subscribe(peer, {.filter = slice("t"), .retain_as_published = wanted}),
              (Said{"SUBACK 1 0", "PUBLISH t=1 q0 retain"}));
  }
}

// Messages that are wanted as published are not what a new subscription is owed: the queue's limits
// hold for them.
TEST(RetainAsPublished, CountsAgainstTheQueueLikeAnyMessage) {
  BrokerConfig config;
  config.queue_messages = 1;
  config.window = 1;
  TestBroker test(config);
  ScriptedPeer& peer = test.connected(connect_5("c"));
  subscribe(peer, {.filter = slice("t"), .qos = qos1, .retain_as_published = true});
  for (std::uint16_t i = 1; i <= 3; ++i) test.connected("p").publish("t", "x", qos1, i, true);
  EXPECT_EQ(test.records(),
            (Said{"session_ended p", "session_ended p", "dropped queue_full c q1"}));
}

TEST(RetainHandling, MQTT_3_3_1_9_To_11_DecidesWhatASubscribeBrings) {
  for (const auto handling : {RetainHandling::send_at_subscribe, RetainHandling::send_if_new,
                              RetainHandling::do_not_send}) {
    TestBroker test;
    test.connected("p").publish("t", "x", qos0, 0, true);
    ScriptedPeer& peer = test.connected(connect_5("c"));
    const Said bare{"SUBACK 1 0"}, with{"SUBACK 1 0", "PUBLISH t=x q0 retain"};
    EXPECT_EQ(subscribe(peer, retained_at(handling)),
              handling == RetainHandling::do_not_send ? bare : with);
    EXPECT_EQ(subscribe(peer, retained_at(handling)),  // MQTT-3.8.4-4
              handling == RetainHandling::send_at_subscribe ? with : bare);
    peer.send(Unsubscribe{2, {slice("#")}});
    EXPECT_EQ(peer.take(), Said{"UNSUBACK 2 0"});
    EXPECT_EQ(subscribe(peer, retained_at(handling)),
              handling == RetainHandling::do_not_send ? bare : with)
        << "new again";
  }
}

TEST(RetainHandling, MQTT_3_3_1_10_ASubscriptionOfAResumedSessionIsNotNew) {
  TestBroker test;
  test.connected("p").publish("t", "x", qos0, 0, true);
  const Connect kept = connect_5("c", false, Properties().add(Id::session_expiry_interval, 99));
  ScriptedPeer& first = test.connected(kept);
  EXPECT_EQ(subscribe(first, retained_at(RetainHandling::send_if_new)).size(), 2u);
  first.lose();
  ScriptedPeer& second = test.accept();
  second.connect(kept);
  EXPECT_EQ(subscribe(second, retained_at(RetainHandling::send_if_new)), Said{"SUBACK 1 0"});
}

TEST(SubscriptionIdentifier, MQTT_3_3_4_4_OneCopyHasAllThatMatch) {
  TestBroker test;
  ScriptedPeer& peer = test.connected(connect_5("c"));
  subscribe(peer, {.filter = slice("a/#"), .qos = qos1}, identifier(1));
  subscribe(peer, {.filter = slice("a/b"), .qos = qos0}, identifier(268'435'455));
  subscribe(peer, {.filter = slice("+/b"), .qos = qos2});
  subscribe(peer, {.filter = slice("z"), .qos = qos0}, identifier(9));
  ScriptedPeer& publisher = test.connected("p");
  publisher.publish("a/b", "x", qos2, 1);  // MQTT-3.3.4-2, MQTT-3.3.4-3
  const Publish copy = std::get<Publish>(peer.take_packets().at(0));
  EXPECT_EQ(copy.qos, qos2);
  std::set<std::uint32_t> identifiers;
  copy.properties.for_each([&](const Property& property) {
    if (property.id == Id::subscription_identifier) identifiers.insert(property.number);
  });
  EXPECT_EQ(identifiers, (std::set<std::uint32_t>{1, 268'435'455}));  // U-3.3.4-1
  publisher.publish("q/b", "y");
  EXPECT_EQ(peer.take(), Said{"PUBLISH q/b=y q0"}) << "the one that matches has none";
}

TEST(SubscriptionIdentifier, MQTT_3_8_4_3_IsReplacedWithItsSubscriptionAndGoesWithIt) {
  TestBroker test;
  ScriptedPeer& peer = test.connected(connect_5("c"));
  ScriptedPeer& publisher = test.connected("p");
  const auto published = [&] {
    publisher.publish("t", "x", qos0, 0, true);
    return peer.take();
  };
  subscribe(peer, {.filter = slice("t")}, identifier(1));
  EXPECT_EQ(published(), Said{"PUBLISH t=x q0 {Subscription Identifier 1}"});
  subscribe(peer, {.filter = slice("t")}, identifier(2));
  EXPECT_EQ(published(), Said{"PUBLISH t=x q0 {Subscription Identifier 2}"});
  EXPECT_EQ(subscribe(peer, {.filter = slice("t")}), (Said{"SUBACK 1 0", "PUBLISH t=x q0 retain"}));
  EXPECT_EQ(published(), Said{"PUBLISH t=x q0"});
  subscribe(peer, {.filter = slice("t")}, identifier(3));
  peer.send(Unsubscribe{2, {slice("t")}});
  peer.take();
  subscribe(peer, {.filter = slice("t")});
  EXPECT_EQ(published(), Said{"PUBLISH t=x q0"});
}

TEST(SubscriptionIdentifier, ComesWithRetainedAndWithQueuedMessages) {
  TestBroker test;
  ScriptedPeer& publisher = test.connected("p");
  publisher.publish("t", "old", qos1, 1, true);
  const Connect kept = connect_5("c", false, Properties().add(Id::session_expiry_interval, 99));
  ScriptedPeer& peer = test.connected(kept);
  EXPECT_EQ(subscribe(peer, {.filter = slice("t"), .qos = qos1}, identifier(7)),
            (Said{"SUBACK 1 1", "PUBLISH t=old q1 id1 retain {Subscription Identifier 7}"}));
  peer.send(Puback{1});
  peer.lose();
  publisher.publish("t", "new", qos1, 2);
  EXPECT_EQ(test.accept().connect(kept),
            (Said{"CONNACK 0 present", "PUBLISH t=new q1 id2 {Subscription Identifier 7}"}));
}

TEST(Answers, MQTT_3_11_3_2_UnsubackSaysWhetherThereWasASubscription) {
  TestBroker test;
  ScriptedPeer& peer = test.connected(connect_5("c"));
  peer.subscribe("a", qos0);
  peer.send(Unsubscribe{2, {slice("b"), slice("a"), slice("a")}});
  EXPECT_EQ(peer.take(), Said{"UNSUBACK 2 17 0 17"});
}

TEST(Answers, MQTT_3_8_4_7_TheFailureOfAFilterIsNamed) {
  BrokerConfig config;
  config.max_subscriptions = 1;
  config.maximum_qos = qos1;
  TestBroker test(config);
  const std::vector<Subscription> filters{{slice("a"), qos2}, {slice("b"), qos0}};
  ScriptedPeer& peer = test.connected(connect_5("5"));
  peer.send(Subscribe{1, filters});
  EXPECT_EQ(peer.take(),
            Said{"SUBACK 1 1 151 {Reason String over a limit of the broker's (number 2)}"});
  ScriptedPeer& old = test.connected("4");
  old.send(Subscribe{1, filters});
  EXPECT_EQ(old.take(), Said{"SUBACK 1 1 128"});
}

TEST(Answers, BeforeMQTT5UnavailableKindsOfFiltersAreRefusedOneByOne) {
  BrokerConfig config;
  config.shared_available = config.wildcard_available = false;
  TestBroker test(config);
  ScriptedPeer& peer = test.connected("4");
  peer.send(Subscribe{1, {{slice("$share/g/a"), qos0}, {slice("a/#"), qos0}, {slice("a"), qos0}}});
  EXPECT_EQ(peer.take(), Said{"SUBACK 1 128 128 0"});
}

TEST(Answers, OverTheRetainedLimitAPublisherIsToldIfItCanBe) {
  BrokerConfig config;
  config.max_retained_bytes = 10;
  TestBroker test(config);
  ScriptedPeer& subscriber = test.connected("s");
  subscriber.subscribe("t", qos0);
  ScriptedPeer& teller = test.connected(connect_5("5"));
  teller.publish("t", "1", qos1, 1, true);
  subscriber.take();
  teller.publish("t", "too long", qos1, 2, true);
  EXPECT_EQ(teller.take(),
            (Said{"PUBACK 1", "PUBACK 2 0x97 {Reason String no more retained messages are kept}"}));
  EXPECT_EQ(subscriber.take(), Said{}) << "what is refused is not passed on";
  EXPECT_EQ(test.connected("early").subscribe("t", qos0).back(), "PUBLISH t=1 q0 retain");
  test.connected("4").publish("t", "too long", qos1, 2, true);
  EXPECT_EQ(subscriber.take(), Said{"PUBLISH t=too long q0"});
  EXPECT_EQ(test.connected("late").subscribe("t", qos0), Said{"SUBACK 1 0"})
      << "the old one is not taken for the last";
}

}  // namespace
}  // namespace mqttlab::test
