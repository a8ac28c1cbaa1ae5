// Shared subscriptions: $share/{name}/{filter}.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "protocol/broker/subscription_index.h"
#include "tests/broker/scripted_peer.h"

namespace mqttlab::test {
namespace {

using Id = PropertyId;

Connect kept(std::string_view client_id) {
  return connect_5(client_id, false, Properties().add(Id::session_expiry_interval, 60));
}
// Members a, b, ... of $share/g/t.
std::vector<ScriptedPeer*> members(TestBroker& test, int count, QoS qos) {
  std::vector<ScriptedPeer*> peers;
  for (int i = 0; i < count; ++i) {
    const std::string id(1, static_cast<char>('a' + i));
    peers.push_back(&test.connected(kept(id)));
    EXPECT_EQ(peers.back()->subscribe("$share/g/t", qos).size(), 1u);
  }
  return peers;
}

TEST(Shared, EachMessageGoesToOneMemberInTurn) {
  TestBroker test;
  const auto peers = members(test, 3, qos0);
  ScriptedPeer& publisher = test.connected("p");
  for (int i = 0; i < 6; ++i) publisher.publish("t", std::to_string(i));
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(peers[static_cast<std::size_t>(i)]->take(),
              (Said{"PUBLISH t=" + std::to_string(i) + " q0",
                    "PUBLISH t=" + std::to_string(i + 3) + " q0"}));
  peers[1]->send(Unsubscribe{2, {slice("$share/g/t")}});
  EXPECT_EQ(peers[1]->take(), Said{"UNSUBACK 2 0"});
  for (int i = 0; i < 4; ++i) publisher.publish("t", "x");
  EXPECT_EQ(peers[0]->take().size(), 2u);
  EXPECT_EQ(peers[1]->take().size(), 0u);
}

TEST(Shared, GroupsAndPlainSubscriptionsAreApart) {
  TestBroker test;
  ScriptedPeer& peer = test.connected(connect_5("c"));
  const auto subscribe = [&](std::string_view filter, std::uint32_t identifier) {
    peer.send(Subscribe{
        1, {{slice(filter), qos0}}, Properties().add(Id::subscription_identifier, identifier)});
  };
  subscribe("$share/g/t/+", 1);
  subscribe("$share/h/t/+", 2);
  subscribe("$share/g/#", 3);
  subscribe("t/+", 4);
  peer.take();
  EXPECT_EQ(test.broker.gauges().subscriptions, 4u);
  test.connected("p").publish("t/1", "x");
  Said said = peer.take();
  std::sort(said.begin(), said.end());
  EXPECT_EQ(said, (Said{"PUBLISH t/1=x q0 {Subscription Identifier 1}",
                        "PUBLISH t/1=x q0 {Subscription Identifier 2}",
                        "PUBLISH t/1=x q0 {Subscription Identifier 3}",
                        "PUBLISH t/1=x q0 {Subscription Identifier 4}"}));
  test.connected("p").publish("$sys", "x");
  EXPECT_EQ(peer.take(), Said{}) << "MQTT-4.7.2-1 is about the filter, not about $share";
}

TEST(Shared, ClientsOf311AreMembersToo) {
  TestBroker test;
  ScriptedPeer& four = test.connected("4");
  EXPECT_EQ(four.subscribe("$share/g/t", qos1), Said{"SUBACK 1 1"});
  ScriptedPeer& five = test.connected(connect_5("5"));
  five.subscribe("$share/g/t", qos1);
  for (std::uint16_t i = 1; i <= 2; ++i) test.connected("p").publish("t", "x", qos1, i);
  EXPECT_EQ(four.take(), Said{"PUBLISH t=x q1 id1"});
  EXPECT_EQ(five.take(), Said{"PUBLISH t=x q1 id1"});
  for (const char* filter : {"$share/g", "$share//t", "$share/+/t", "$share/g/"})
    EXPECT_EQ(four.subscribe(filter, qos1), Said{"SUBACK 1 128"}) << filter;
}

TEST(Shared, MQTT_4_8_2_3_EachMemberAtItsOwnQoS) {
  TestBroker test;
  std::vector<ScriptedPeer*> peers;
  for (const QoS qos : {qos0, qos1, qos2}) {
    peers.push_back(&test.connected(connect_5(std::to_string(static_cast<int>(qos)))));
    peers.back()->subscribe("$share/g/t", qos);
  }
  for (std::uint16_t i = 1; i <= 3; ++i) test.connected("p").publish("t", "x", qos2, i);
  EXPECT_EQ(peers[0]->take(), Said{"PUBLISH t=x q0"});
  EXPECT_EQ(peers[1]->take(), Said{"PUBLISH t=x q1 id1"});
  EXPECT_EQ(peers[2]->take(), Said{"PUBLISH t=x q2 id1"});
}

TEST(Shared, NoRetainedMessagesAndRetainAsPublishedHolds) {
  TestBroker test;
  ScriptedPeer& publisher = test.connected("p");
  for (const char* topic : {"t", "$share/g/t"}) publisher.publish(topic, "old", qos0, 0, true);
  ScriptedPeer& peer = test.connected(connect_5("c"));
  peer.send(Subscribe{1, {{.filter = slice("$share/g/t"), .retain_as_published = true}}});
  EXPECT_EQ(peer.take(), Said{"SUBACK 1 0"});
  publisher.publish("t", "new", qos0, 0, true);
  EXPECT_EQ(peer.take(), Said{"PUBLISH t=new q0 retain"});
}

TEST(Shared, AMemberThatCanTakeItNowComesFirst) {
  BrokerConfig config;
  config.window = 1;
  TestBroker test(config);
  const auto peers = members(test, 3, qos1);
  peers[0]->lose();
  ScriptedPeer& publisher = test.connected("p");
  for (std::uint16_t i = 1; i <= 4; ++i) publisher.publish("t", std::to_string(i), qos1, i);
  EXPECT_EQ(peers[1]->take(), Said{"PUBLISH t=1 q1 id1"});
  EXPECT_EQ(peers[2]->take(), Said{"PUBLISH t=2 q1 id1"});
  peers[1]->send(Puback{1});
  peers[2]->send(Puback{1});
  EXPECT_EQ(peers[1]->take(), Said{"PUBLISH t=3 q1 id2"}) << "behind a window, not with the absent";
  EXPECT_EQ(peers[2]->take(), Said{"PUBLISH t=4 q1 id2"});
  peers[2]->send(Puback{2});
  publisher.publish("t", "5", qos1, 5);
  EXPECT_EQ(peers[2]->take(), Said{"PUBLISH t=5 q1 id3"}) << "though it would be b's turn";
  peers[1]->lose();
  peers[2]->lose();
  publisher.publish("t", "6", qos1, 6);
  EXPECT_EQ(test.accept().connect(kept("a")), (Said{"CONNACK 0 present", "PUBLISH t=6 q1 id1"}))
      << "nobody is there: it waits with the next one";
}

TEST(Shared, MQTT_3_1_2_25_AMemberForWhomItIsTooLongIsPassedOver) {
  TestBroker test;
  for (const char* id : {"a", "b"}) {
    Properties properties;
    if (*id == 'a') properties.add(Id::maximum_packet_size, 30);
    test.connected(connect_5(id, true, properties)).subscribe("$share/g/t", qos1);
  }
  for (std::uint16_t i = 1; i <= 2; ++i)
    test.connected("p").publish("t", std::string(40, 'x'), qos1, i);
  EXPECT_EQ(test.broker.gauges().in_flight, 2u);
  EXPECT_EQ(test.broker.gauges().messages_dropped, 0u);
}

TEST(Shared, WhatAnEndedSessionOwesGoesToAnotherMember) {
  BrokerConfig config;
  config.window = 2;
  TestBroker test(config);
  const auto peers = members(test, 1, qos1);
  ScriptedPeer& publisher = test.connected("p");
  for (std::uint16_t i = 1; i <= 4; ++i) publisher.publish("t", std::to_string(i), qos1, i);
  ScriptedPeer& other = test.connected(connect_5("z"));
  other.subscribe("$share/g/t", qos1);
  peers[0]->lose();
  EXPECT_EQ(other.take(), Said{}) << "the member may come back";
  test.until(60 * second);  // its session ends
  EXPECT_EQ(other.take(), (Said{"PUBLISH t=1 q1 id1", "PUBLISH t=2 q1 id2"}));
  other.send(Puback{1});
  other.send(Puback{2});
  EXPECT_EQ(other.take(), (Said{"PUBLISH t=3 q1 id3", "PUBLISH t=4 q1 id4"}));
  EXPECT_EQ(test.records(), Said{"session_ended a"});
}

// MQTT-3.3.1-12, MQTT-3.3.1-13, MQTT-3.8.4-8: by its own subscription, not the former member's.
TEST(Shared, MQTT_4_8_2_3_WhatIsHandedOnIsSentAsItsNewMemberWantsIt) {
  for (const bool wanted : {false, true}) {
    for (const QoS former : {qos0, qos1, qos2}) {
      for (const QoS granted : {qos0, qos1, qos2}) {
        BrokerConfig config;
        config.queue_qos0 = true;
        TestBroker test(config);
        ScriptedPeer& first = test.connected(kept("a"));
        first.send(Subscribe{
            1, {{.filter = slice("$share/g/t"), .qos = former, .retain_as_published = !wanted}}});
        first.lose();
        test.connected("p").publish("t", "x", qos2, 1, true);
        ScriptedPeer& other = test.connected(connect_5("z"));
        other.send(Subscribe{
            1, {{.filter = slice("$share/g/t"), .qos = granted, .retain_as_published = wanted}}});
        other.take();
        test.until(60 * second);  // the first one's session ends
        const std::string qos(1, static_cast<char>('0' + static_cast<int>(granted)));
        EXPECT_EQ(other.take(), Said{"PUBLISH t=x q" + qos + (granted == qos0 ? "" : " id1") +
                                     (wanted ? " retain" : "")});
      }
    }
  }
}

TEST(Shared, MQTT_4_8_2_4_And_5_AQoS2MessageStaysWithTheMemberThatItWasSentTo) {
  for (const bool returns : {true, false}) {
    BrokerConfig config;
    config.window = 1;
    TestBroker test(config);
    const auto peers = members(test, 1, qos2);
    ScriptedPeer& publisher = test.connected("p");
    publisher.publish("t", "begun", qos2, 1);
    publisher.publish("t", "waits", qos2, 2);
    ScriptedPeer& other = test.connected(connect_5("z"));
    other.subscribe("$share/g/t", qos2);
    peers[0]->lose();
    test.until(returns ? 59 * second : 60 * second);
    const Said present{"CONNACK 0 present", "PUBLISH t=begun q2 id1 dup"}, anew{"CONNACK 0"};
    EXPECT_EQ(test.accept().connect(kept("a")), returns ? present : anew);
    EXPECT_EQ(other.take(), returns ? Said{} : Said{"PUBLISH t=waits q2 id1"});
    EXPECT_EQ(test.records(),
              returns ? Said{} : (Said{"dropped session_ended a q2", "session_ended a"}));
  }
}

TEST(Shared, TheLastMembersMessagesAreDroppedAndANewShareOfThatNameGetsNone) {
  TestBroker test;
  const auto peers = members(test, 1, qos1);
  test.connected("p").publish("t", "x", qos1, 1);
  peers[0]->send(Unsubscribe{2, {slice("$share/g/t")}});
  ScriptedPeer& other = test.connected(connect_5("z"));
  other.subscribe("$share/g/t", qos1);
  peers[0]->lose();
  test.until(60 * second);
  EXPECT_EQ(other.take(), Said{});
  EXPECT_EQ(test.records(), (Said{"dropped session_ended a q1", "session_ended a"}));
}

TEST(Shared, MQTT_4_8_2_6_AnErrorDropsTheMessage) {
  for (const QoS qos : {qos1, qos2}) {
    TestBroker test;
    const auto peers = members(test, 2, qos);
    test.connected("p").publish("t", "x", qos, 1);
    EXPECT_EQ(peers[0]->take().size(), 1u);
    if (qos == qos1) peers[0]->send(Puback{1, ReasonCode::unspecified_error});
    if (qos == qos2) peers[0]->send(Pubrec{1, ReasonCode::unspecified_error});
    peers[0]->lose();
    test.until(60 * second);
    EXPECT_EQ(peers[1]->take(), Said{});
  }
}

TEST(Shared, WhatHasExpiredIsNotHandedOn) {
  TestBroker test;
  const auto peers = members(test, 1, qos1);
  test.connected(connect_5("p"))
      .send(Publish{slice("t"), slice("x"), qos1, false, false, 1,
                    Properties().add(Id::message_expiry_interval, 60)});
  ScriptedPeer& other = test.connected(connect_5("z"));
  other.subscribe("$share/g/t", qos1);
  peers[0]->lose();
  test.until(60 * second);
  EXPECT_EQ(other.take(), Said{});
}

// The index gives back what shares take.
TEST(Shared, NothingIsLeftOfASharesLastMember) {
  SubscriptionIndex index(1);
  std::map<std::string, std::uint32_t> ids;
  for (int round = 0; round < 3; ++round) {
    for (const char* filter : {"$share/a/t/#", "$share/b/t/#", "$share/a/+", "t/#"})
      for (const std::uint32_t slot : {3u, 1u, 2u}) {
        const auto added = index.add(filter, {slot, qos1}, slot);
        EXPECT_TRUE(added.fresh);
        EXPECT_FALSE(index.add(filter, {slot, qos0}, slot).fresh);
        EXPECT_EQ(index.find(filter), added.filter);
        if (added.filter >= SubscriptionIndex::shared && slot == 3) {
          EXPECT_NE(std::exchange(ids[filter], added.filter), added.filter)
              << "not used again soon";
        }
      }
    EXPECT_EQ(index.match("t/x").size(), 3u);
    EXPECT_EQ(index.matched_shares().size(), 2u);
    EXPECT_EQ(index.match("t").size(), 3u);
    EXPECT_EQ(index.matched_shares().size(), 3u);
    EXPECT_EQ(index.size(), 12u);
    for (const char* filter : {"$share/b/t/#", "$share/a/t/#", "t/#", "$share/a/+"}) {
      const auto id = *index.find(filter);
      for (const std::uint32_t slot : {1u, 2u, 3u}) index.remove(id, slot);
      EXPECT_FALSE(index.find(filter));
      EXPECT_EQ(index.identifier(id, 1), nullptr);
    }
    EXPECT_EQ(index.size(), 0u);
    EXPECT_EQ(index.nodes(), 1u);
  }
}

}  // namespace
}  // namespace mqttlab::test
