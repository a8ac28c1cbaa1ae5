// Clients of 3.1.1 and of 5.0 at one broker, and what a client of 5.0 says that it takes.
#include <gtest/gtest.h>

#include "tests/broker/scripted_peer.h"

namespace mqttlab::test {
namespace {

using Id = PropertyId;

const Properties endless = Properties().add(Id::session_expiry_interval, 0xFFFF'FFFF);
Connect resume(ProtocolVersion version) {
  Connect connect =
      connect_5("s", false, version == ProtocolVersion::v5_0 ? endless : Properties());
  connect.version = version;
  return connect;
}
Connect limited(std::uint32_t max_packet_size, Properties more = endless) {
  return connect_5("s", false, more.add(Id::maximum_packet_size, max_packet_size));
}

TEST(Interwork, PropertiesReachWhoUnderstandsThem) {
  for (const QoS qos : {qos0, qos1, qos2}) {
    TestBroker test;
    ScriptedPeer& four = test.connected("4");
    ScriptedPeer& five = test.connected(connect_5("5"));
    for (ScriptedPeer* peer : {&four, &five}) peer->subscribe("t", qos);
    const auto id = static_cast<std::uint16_t>(qos == qos0 ? 0 : 1);
    const std::string q = " q" + std::to_string(static_cast<int>(qos)) + (id ? " id1" : "");
    test.connected(connect_5("p5"))
        .send(Publish{slice("t"), slice("x"), qos, true, false, id,
                      Properties().add_user("k", "v").add(Id::message_expiry_interval, 9)});
    EXPECT_EQ(four.take(), Said{"PUBLISH t=x" + q});
    EXPECT_EQ(five.take(),
              Said{"PUBLISH t=x" + q + " {Message Expiry Interval 9, User Property k=v}"});
    EXPECT_EQ(test.connected("late 4").subscribe("t", qos0).back(), "PUBLISH t=x q0 retain");
    EXPECT_EQ(test.connected(connect_5("late 5")).subscribe("t", qos0).back(),
              "PUBLISH t=x q0 retain {Message Expiry Interval 9, User Property k=v}");
    for (ScriptedPeer* peer : {&four, &five}) {
      peer->send(Pubrec{1});  // at QoS 2 the next one needs no wait; below it is out of place
      peer->take();
    }
    test.connected("p4").publish("t", "y", qos, id);
    EXPECT_EQ(four.take().back().substr(0, 11), "PUBLISH t=y");
    EXPECT_EQ(five.take().back().find('{'), std::string::npos);
  }
}

// In flight, waiting, and subscribed to: all of it is the session's, whatever its client speaks.
TEST(Interwork, ASessionIsResumedUnderTheOtherVersion) {
  const std::pair<ProtocolVersion, ProtocolVersion> ways[] = {
      {ProtocolVersion::v3_1_1, ProtocolVersion::v5_0},
      {ProtocolVersion::v5_0, ProtocolVersion::v3_1_1}};
  for (const auto& [before, after] : ways) {
    BrokerConfig config;
    config.window = 1;
    TestBroker test(config);
    ScriptedPeer& first = test.connected(resume(before));
    first.subscribe("t", qos1);
    ScriptedPeer& publisher = test.connected(connect_5("p"));
    const Properties properties = Properties().add(Id::content_type, "json");
    const std::string json = " {Content Type json}";
    for (std::uint16_t i = 1; i <= 2; ++i)
      publisher.send(
          Publish{slice("t"), slice(std::to_string(i)), qos1, false, false, i, properties});
    const bool was_5 = before == ProtocolVersion::v5_0;
    EXPECT_EQ(first.take(), Said{"PUBLISH t=1 q1 id1" + (was_5 ? json : "")});
    first.lose();
    ScriptedPeer& second = test.accept();
    EXPECT_EQ(second.connect(resume(after)),
              (Said{"CONNACK 0 present", "PUBLISH t=1 q1 id1 dup" + (was_5 ? "" : json)}));
    second.send(Puback{1});
    EXPECT_EQ(second.take(), Said{"PUBLISH t=2 q1 id2" + (was_5 ? "" : json)});
    second.send(Puback{2});
    test.connected("p4").publish("t", "3", qos0);
    EXPECT_EQ(second.take(), Said{"PUBLISH t=3 q0"});
  }
}

TEST(MaximumPacketSize, MQTT_3_1_2_25_WhatIsTooLongIsDroppedAndTheNextIsSent) {
  for (const QoS qos : {qos0, qos1, qos2}) {
    TestBroker test;
    ScriptedPeer& peer = test.connected(limited(40));
    peer.subscribe("t", qos);
    ScriptedPeer& publisher = test.connected("p");
    const auto id = static_cast<std::uint16_t>(qos == qos0 ? 0 : 1);
    publisher.publish("t", std::string(41, 'x'), qos, id);
    publisher.publish("t", "y", qos, static_cast<std::uint16_t>(id * 2));
    const std::string q = " q" + std::to_string(static_cast<int>(qos));
    EXPECT_EQ(peer.take(), Said{"PUBLISH t=y" + q + (id ? " id1" : "")});
    EXPECT_EQ(test.records(), Said{"dropped too_large s" + q});
    EXPECT_EQ(test.broker.gauges().queued_messages, 0u);
  }
}

TEST(MaximumPacketSize, MQTT_3_1_2_24_EverySizeThatFitsComesAndNoOther) {
  for (std::uint32_t most = 30; most <= 160; ++most) {
    TestBroker test;
    ScriptedPeer& peer = test.connected(limited(most, Properties()));
    peer.send(Subscribe{1, {{slice("t"), qos1}}, Properties().add(Id::subscription_identifier, 5)});
    peer.take();
    ScriptedPeer& publisher = test.connected(connect_5("p"));
    // 1 + length + topic + id + length of properties + expiry + identifier
    const std::size_t length_bytes = most - 2 > 127 ? 2 : 1;
    const std::size_t longest = most - (1 + length_bytes + 3 + 2 + 1 + 5 + 2);
    for (const std::size_t payload_bytes : {longest + 1, longest}) {
      publisher.send(Publish{slice("t"), slice(std::string(payload_bytes, 'x')), qos1, false, false,
                             1, Properties().add(Id::message_expiry_interval, 9)});
      EXPECT_EQ(peer.take().size(), payload_bytes == longest ? 1u : 0u) << most;
    }
  }
}

TEST(MaximumPacketSize, IsThatOfTheLinkOnWhichAQueuedMessageWouldGo) {
  TestBroker test;
  ScriptedPeer& peer = test.connected(limited(1'000));
  peer.subscribe("t", qos1);
  peer.lose();
  test.connected("p").publish("t", std::string(50, 'x'), qos1, 1);
  test.connected("p").publish("t", "y", qos1, 2);
  EXPECT_EQ(test.accept().connect(limited(40)), (Said{"CONNACK 0 present", "PUBLISH t=y q1 id1"}));
}

TEST(MaximumPacketSize, MQTT_3_1_2_25_ALinkThatTakesLessEndsWhatIsUnderWay) {
  for (const QoS qos : {qos1, qos2}) {
    TestBroker test;
    ScriptedPeer& peer = test.connected(limited(1'000));
    peer.subscribe("t", qos);
    ScriptedPeer& publisher = test.connected("p");
    publisher.publish("t", std::string(50, 'x'), qos, 1);
    publisher.publish("t", "y", qos, 2);
    peer.lose();
    test.records();
    const std::string q = " q" + std::to_string(static_cast<int>(qos));
    Said said{"CONNACK 0 present", "PUBLISH t=y" + q + " id2 dup"};
    if (qos == qos2) said.insert(said.begin() + 1, "PUBREL 1");  // the client may have it
    ScriptedPeer& narrow = test.accept();
    EXPECT_EQ(narrow.connect(limited(40)), said);
    EXPECT_EQ(test.records(), Said{"dropped too_large s" + q});
    if (qos == qos2) narrow.send(Pubcomp{1, ReasonCode::packet_identifier_not_found});
    EXPECT_EQ(test.broker.gauges().in_flight, 1u);
  }
}

// Its client may hold the id, and would take another message for a repeat: MQTT-2.2.1-4,
// v5 MQTT-4.3.3-1.
TEST(MaximumPacketSize, AnExchangeThatIsEndedKeepsItsIdUntilPubcomp) {
  BrokerConfig config;
  config.window = 1;
  TestBroker test(config);
  ScriptedPeer& peer = test.connected(limited(1'000));
  peer.subscribe("t", qos2);
  ScriptedPeer& publisher = test.connected("p");
  publisher.publish("t", std::string(50, 'x'), qos2, 1);
  peer.lose();
  for (int link = 0; link < 2; ++link) {
    ScriptedPeer& narrow = test.accept();
    EXPECT_EQ(narrow.connect(limited(40)), (Said{"CONNACK 0 present", "PUBREL 1"}));
    if (link == 0) {
      publisher.publish("t", "y", qos2, 2);
      EXPECT_EQ(narrow.take(), Said{}) << "the window is one";
      narrow.lose();
    } else {
      narrow.send(Pubcomp{1});
      EXPECT_EQ(narrow.take(), Said{"PUBLISH t=y q2 id2"});
    }
  }
}

TEST(ReceiveMaximum, MQTT_3_3_4_9_IsThatOfTheLinkAndQoS0NeedsNone) {
  TestBroker test;
  const auto connect = [](std::uint16_t most) {
    Properties properties = endless;
    return connect_5("s", false, properties.add(Id::receive_maximum, most));
  };
  ScriptedPeer& peer = test.connected(connect(2));
  peer.subscribe("t", qos1);
  ScriptedPeer& publisher = test.connected("p");
  for (std::uint16_t i = 1; i <= 5; ++i) publisher.publish("t", std::to_string(i), qos1, i);
  publisher.publish("t", "now");
  EXPECT_EQ(peer.take(), (Said{"PUBLISH t=1 q1 id1", "PUBLISH t=2 q1 id2", "PUBLISH t=now q0"}));
  peer.lose();
  ScriptedPeer& again = test.accept();
  EXPECT_EQ(again.connect(connect(1)), (Said{"CONNACK 0 present", "PUBLISH t=1 q1 id1 dup"}));
  for (std::uint16_t i = 1; i <= 5; ++i) {
    again.send(Puback{i});
    EXPECT_EQ(again.take().size(), i < 5 ? 1u : 0u) << i;
  }
}

// MQTT-4.9.0-3: at the limit everything but PUBLISH goes on.
TEST(ReceiveMaximum, MQTT_3_3_4_10_HoldsBackMessagesAndNothingElse) {
  TestBroker test;
  ScriptedPeer& sub =
      test.connected(connect_5("sub", true, Properties().add(Id::receive_maximum, 2)));
  sub.subscribe("a", qos2);
  ScriptedPeer& pub = test.connected("pub");
  for (std::uint16_t id = 1; id <= 4; ++id) pub.publish("a", std::to_string(id), qos2, id);
  EXPECT_EQ(sub.take(), (Said{"PUBLISH a=1 q2 id1", "PUBLISH a=2 q2 id2"}));
  sub.publish("b", "x", qos1, 9);
  sub.send(Pingreq{});
  sub.send(Pubrec{1});
  sub.send(Subscribe{8, {{slice("c"), qos0}}});
  sub.send(Unsubscribe{9, {slice("c")}});
  EXPECT_EQ(sub.take(),
            (Said{"PUBACK 9 0x10", "PINGRESP", "PUBREL 1", "SUBACK 8 0", "UNSUBACK 9 0"}));
  sub.send(Pubcomp{1});
  EXPECT_EQ(sub.take(), Said{"PUBLISH a=3 q2 id3"});
}

TEST(Refusals, MQTT_4_4_0_2_AnErrorSettlesTheMessage) {
  for (const QoS qos : {qos1, qos2}) {
    BrokerConfig config;
    config.window = 1;
    TestBroker test(config);
    ScriptedPeer& peer = test.connected(resume(ProtocolVersion::v5_0));
    peer.subscribe("t", qos);
    ScriptedPeer& publisher = test.connected("p");
    publisher.publish("t", "1", qos, 1);
    publisher.publish("t", "2", qos, 2);
    peer.take();
    if (qos == qos1) peer.send(Puback{1, ReasonCode::quota_exceeded});
    if (qos == qos2) peer.send(Pubrec{1, ReasonCode::quota_exceeded});
    const std::string q = " q" + std::to_string(static_cast<int>(qos));
    EXPECT_EQ(peer.take(), Said{"PUBLISH t=2" + q + " id2"});
    peer.lose();
    EXPECT_EQ(test.accept().connect(resume(ProtocolVersion::v5_0)),
              (Said{"CONNACK 0 present", "PUBLISH t=2" + q + " id2 dup"}));
  }
}

}  // namespace
}  // namespace mqttlab::test
