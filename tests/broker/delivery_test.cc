// Messages from publishers to subscribers that are there.
#include <gtest/gtest.h>

#include "tests/broker/scripted_peer.h"

namespace mqttlab::test {
namespace {

TEST(Delivery, MQTT_3_8_4_6_AtTheLowerOfPublishedAndGrantedQoS) {
  for (int published = 0; published <= 2; ++published) {
    for (int granted = 0; granted <= 2; ++granted) {
      TestBroker test;
      ScriptedPeer& subscriber = test.connected("s");
      EXPECT_EQ(subscriber.subscribe("t", static_cast<QoS>(granted)),
                Said{"SUBACK 1 " + std::to_string(granted)});
      ScriptedPeer& publisher = test.connected("p");
      publisher.publish("t", "x", static_cast<QoS>(published),
                        static_cast<std::uint16_t>(published == 0 ? 0 : 9));
      const int qos = std::min(published, granted);
      EXPECT_EQ(subscriber.take(),
                Said{"PUBLISH t=x q" + std::to_string(qos) + (qos > 0 ? " id1" : "")});
      const Said answers[] = {{}, {"PUBACK 9"}, {"PUBREC 9"}};  // MQTT-3.3.4-1
      EXPECT_EQ(publisher.take(), answers[published]);
    }
  }
}

TEST(Delivery, MQTT_4_3_2_1_AtLeastOnceIsFinishedByPuback) {
  TestBroker test;
  ScriptedPeer& peer = test.connected("s");
  peer.subscribe("t", QoS::at_least_once);
  peer.publish("t", "x", QoS::at_least_once, 5);
  EXPECT_EQ(peer.take(), (Said{"PUBLISH t=x q1 id1", "PUBACK 5"}));
  EXPECT_EQ(test.broker.gauges().in_flight, 1u);
  peer.send(Puback{1});
  EXPECT_EQ(test.broker.gauges().in_flight, 0u);
}

TEST(Delivery, MQTT_4_3_3_1_ExactlyOnceGoesThroughItsFourSteps) {
  TestBroker test;
  ScriptedPeer& peer = test.connected("s");
  peer.subscribe("t", QoS::exactly_once);
  test.connected("p").publish("t", "x", QoS::exactly_once, 5);
  EXPECT_EQ(peer.take(), Said{"PUBLISH t=x q2 id1"});
  peer.send(Pubrec{1});
  EXPECT_EQ(peer.take(), Said{"PUBREL 1"});
  peer.send(Pubrec{1});  // the client repeats itself
  EXPECT_EQ(peer.take(), Said{"PUBREL 1"});
  peer.send(Pubcomp{1});
  EXPECT_EQ(peer.take(), Said{});
  EXPECT_EQ(test.broker.gauges().in_flight, 0u);
}

TEST(Delivery, MQTT_4_3_3_2_ARepeatedQoS2PublishIsAnsweredAndNotPassedOn) {
  TestBroker test;
  ScriptedPeer& subscriber = test.connected("s");
  subscriber.subscribe("t", QoS::at_most_once);
  ScriptedPeer& publisher = test.connected("p");
  publisher.publish("t", "x", QoS::exactly_once, 5);
  publisher.publish("t", "x", QoS::exactly_once, 5, false, true);
  publisher.publish("t", "x", QoS::exactly_once, 5);  // whatever DUP says
  EXPECT_EQ(publisher.take(), (Said{"PUBREC 5", "PUBREC 5", "PUBREC 5"}));
  EXPECT_EQ(subscriber.take(), Said{"PUBLISH t=x q0"});
  publisher.send(Pubrel{5});
  publisher.send(Pubrel{5});
  publisher.send(Pubrel{77});
  EXPECT_EQ(publisher.take(), (Said{"PUBCOMP 5", "PUBCOMP 5", "PUBCOMP 77"}));
  publisher.publish("t", "new", QoS::exactly_once, 5);  // the id is free again
  EXPECT_EQ(subscriber.take(), Said{"PUBLISH t=new q0"});
}

TEST(Delivery, AFirstQoS2PublishWithDupIsAMessageLikeAnyOther) {
  TestBroker test;
  ScriptedPeer& peer = test.connected("s");
  peer.subscribe("t", QoS::at_most_once);
  peer.publish("t", "x", QoS::exactly_once, 5, false, true);
  EXPECT_EQ(peer.take(), (Said{"PUBLISH t=x q0", "PUBREC 5"}));
}

TEST(Delivery, MQTT_4_3_2_2_AQoS1IdIsFreeOnceAnsweredAndDupIsNotPassedOn) {
  TestBroker test;
  ScriptedPeer& peer = test.connected("s");
  peer.subscribe("t", QoS::at_least_once);
  peer.publish("t", "x", QoS::at_least_once, 5);
  peer.publish("t", "x", QoS::at_least_once, 5, false, true);  // MQTT-3.3.1-3
  EXPECT_EQ(peer.take(),
            (Said{"PUBLISH t=x q1 id1", "PUBACK 5", "PUBLISH t=x q1 id2", "PUBACK 5"}));
}

TEST(Delivery, AnswersThatFitNothingAreHarmless) {
  TestBroker test;
  ScriptedPeer& peer = test.connected("s");
  peer.send(Puback{1});
  peer.send(Pubcomp{2});
  EXPECT_EQ(peer.take(), Said{});
  peer.send(Pubrec{3});
  EXPECT_EQ(peer.take(), Said{"PUBREL 3"}) << "so that the client can finish";
  EXPECT_FALSE(peer.closed());
}

TEST(Delivery, MQTT_3_3_5_1_OverlappingSubscriptionsGiveOneCopyAtTheHighestQoS) {
  TestBroker test;
  ScriptedPeer& peer = test.connected("s");
  peer.subscribe("a/#", QoS::at_most_once);
  peer.subscribe("a/+", QoS::exactly_once);
  peer.subscribe("a/b", QoS::at_least_once);
  test.connected("p").publish("a/b", "x", QoS::exactly_once, 1);
  EXPECT_EQ(peer.take(), Said{"PUBLISH a/b=x q2 id1"});
}

TEST(Delivery, MQTT_3_8_4_3_AnIdenticalFilterReplacesTheSubscription) {
  TestBroker test;
  ScriptedPeer& peer = test.connected("s");
  peer.subscribe("t", QoS::exactly_once);
  EXPECT_EQ(peer.subscribe("t", QoS::at_most_once, 2), Said{"SUBACK 2 0"});
  test.connected("p").publish("t", "x", QoS::exactly_once, 1);
  EXPECT_EQ(peer.take(), Said{"PUBLISH t=x q0"});
  EXPECT_EQ(test.broker.gauges().subscriptions, 1u);
}

TEST(Delivery, MQTT_3_8_4_5_OneCodePerFilterInOrder) {
  BrokerConfig config;
  config.max_subscriptions = 3;
  config.max_filter_levels = 3;
  TestBroker test(config);
  ScriptedPeer& peer = test.connected("s");
  peer.send(Subscribe{9,
                      {{slice("a"), QoS::exactly_once},
                       {slice("a/b/c/d"), QoS::at_most_once},
                       {slice("a"), QoS::at_most_once},
                       {slice("a/b/c"), QoS::at_least_once},
                       {slice("c"), QoS::at_least_once},
                       {slice("d"), QoS::at_least_once},
                       {slice("c"), QoS::exactly_once}}});
  EXPECT_EQ(peer.take(), Said{"SUBACK 9 2 128 0 1 1 128 2"});
  EXPECT_EQ(test.broker.gauges().subscriptions, 3u);
}

TEST(Delivery, MQTT_3_10_4_1_UnsubscribeTakesTheExactFilterOnly) {
  TestBroker test;
  ScriptedPeer& peer = test.connected("s");
  peer.subscribe("a/+", QoS::at_most_once);
  peer.subscribe("a/b", QoS::at_most_once);
  peer.send(Unsubscribe{4, {slice("a/#"), slice("a/b/"), slice("A/b")}});
  EXPECT_EQ(peer.take(), Said{"UNSUBACK 4"});  // MQTT-3.10.4-5
  EXPECT_EQ(test.broker.gauges().subscriptions, 2u);
  peer.send(Unsubscribe{5, {slice("a/b"), slice("a/+")}});
  EXPECT_EQ(peer.take(), Said{"UNSUBACK 5"});  // MQTT-3.10.4-6
  test.connected("p").publish("a/b", "x");
  EXPECT_EQ(peer.take(), Said{});  // MQTT-3.10.4-2
}

TEST(Delivery, UnsubscribingLeavesTheSameFilterOfOthersAlone) {
  TestBroker test;
  ScriptedPeer& one = test.connected("1");
  ScriptedPeer& two = test.connected("2");
  one.subscribe("t", QoS::at_most_once);
  two.send(Unsubscribe{1, {slice("t")}});
  test.connected("p").publish("t", "x");
  EXPECT_EQ(one.take(), Said{"PUBLISH t=x q0"});
}

TEST(Delivery, MQTT_3_10_4_3_WhatIsUnderWayIsFinishedAfterUnsubscribing) {
  BrokerConfig config;
  config.window = 1;
  TestBroker test(config);
  ScriptedPeer& peer = test.connected("s");
  peer.subscribe("t", QoS::exactly_once);
  ScriptedPeer& publisher = test.connected("p");
  publisher.publish("t", "1", QoS::exactly_once, 1);
  publisher.publish("t", "2", QoS::exactly_once, 2);
  EXPECT_EQ(peer.take(), Said{"PUBLISH t=1 q2 id1"});
  peer.send(Unsubscribe{1, {slice("t")}});
  peer.send(Pubrec{1});
  EXPECT_EQ(peer.take(), (Said{"UNSUBACK 1", "PUBREL 1"}));
  peer.send(Pubcomp{1});
  EXPECT_EQ(peer.take(), Said{"PUBLISH t=2 q2 id2"}) << "it was accepted for this session before";
}

TEST(Delivery, MQTT_4_6_0_6_OrderPerTopicThroughAWindowOfOne) {
  BrokerConfig config;
  config.window = 1;
  TestBroker test(config);
  ScriptedPeer& peer = test.connected("s");
  peer.subscribe("t", QoS::at_least_once);
  ScriptedPeer& publisher = test.connected("p");
  for (std::uint16_t i = 1; i <= 50; ++i)
    publisher.publish("t", std::to_string(i), QoS::at_least_once, i);
  for (int i = 1; i <= 50; ++i) {
    const std::string id = std::to_string(i);
    EXPECT_EQ(peer.take(), Said{"PUBLISH t=" + id + " q1 id" + id});
    peer.send(Puback{static_cast<std::uint16_t>(i)});
  }
}

TEST(Delivery, AFullWindowDoesNotHoldBackQoS0OrAnswers) {
  BrokerConfig config;
  config.window = 1;
  TestBroker test(config);
  ScriptedPeer& peer = test.connected("s");
  peer.subscribe("t", QoS::at_least_once);
  ScriptedPeer& publisher = test.connected("p");
  publisher.publish("t", "1", QoS::at_least_once, 1);
  publisher.publish("t", "2", QoS::at_least_once, 2);
  publisher.publish("t", "3");
  peer.send(Pingreq{});
  EXPECT_EQ(peer.take(), (Said{"PUBLISH t=1 q1 id1", "PUBLISH t=3 q0", "PINGRESP"}));
}

TEST(Delivery, MQTT_4_7_2_1_LeadingWildcardsDoNotSeeDollarTopics) {
  TestBroker test;
  ScriptedPeer& peer = test.connected("s");
  peer.subscribe("#", QoS::at_most_once);
  peer.subscribe("+/x", QoS::at_most_once);
  test.connected("p").publish("$own/x", "1");
  EXPECT_EQ(peer.take(), Said{});
  peer.subscribe("$own/+", QoS::at_most_once);
  test.connected("p").publish("$own/x", "2");
  EXPECT_EQ(peer.take(), Said{"PUBLISH $own/x=2 q0"});
}

TEST(Delivery, TouchedNamesEachLinkOnceInTheOrderInWhichItGotSomething) {
  TestBroker test;
  std::vector<ScriptedPeer*> peers;
  for (const char* id : {"1", "2", "3", "4"}) peers.push_back(&test.connected(id));
  for (ScriptedPeer* peer : {peers[3], peers[1], peers[0]})
    peer->subscribe("t", QoS::at_least_once);
  test.touched.clear();
  peers[2]->publish("t", "x", QoS::at_least_once, 1);
  // Subscribers by session slot, then the publisher's acknowledgement.
  EXPECT_EQ(test.touched, (std::vector<LinkId>{1, 2, 4, 3}));
  EXPECT_TRUE(test.broker.touched().empty());
  test.touched.clear();
  peers[0]->publish("t", "x", QoS::at_least_once, 1);
  EXPECT_EQ(test.touched, (std::vector<LinkId>{1, 2, 4})) << "its own copy and its PUBACK: once";
}

TEST(Delivery, MQTT_3_14_4_3_DisconnectClosesTheLink) {
  TestBroker test;
  ScriptedPeer& peer = test.connected("s");
  peer.send(Disconnect{});
  EXPECT_TRUE(peer.closed());
  EXPECT_EQ(test.broker.gauges().connections, 0u);
}

TEST(Delivery, PacketsBehindADisconnectDoNotCount) {
  TestBroker test;
  ScriptedPeer& subscriber = test.connected("s");
  subscriber.subscribe("#", QoS::at_most_once);
  const std::uint8_t bytes[] = {0x30, 4, 0, 1, 't', '1', 0xE0, 0, 0x30, 4, 0, 1, 't', '2'};
  test.connected("p").send_bytes(bytes);
  EXPECT_EQ(subscriber.take(), Said{"PUBLISH t=1 q0"}) << "what came before it does";
}

}  // namespace
}  // namespace mqttlab::test
