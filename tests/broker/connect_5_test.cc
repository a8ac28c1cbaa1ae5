// CONNECT and CONNACK of MQTT 5.0: what is announced, what is granted, and why a client is refused.
#include <gtest/gtest.h>

#include "tests/broker/scripted_peer.h"

namespace mqttlab::test {
namespace {

using namespace std::literals;
using Id = PropertyId;

// The answer to a CONNECT, which must be a CONNACK alone.
Connack connack_of(ScriptedPeer& peer, const Connect& connect) {
  peer.send(connect);
  const auto packets = peer.take_packets();
  EXPECT_EQ(packets.size(), 1u);
  const Connack* connack = packets.empty() ? nullptr : std::get_if<Connack>(&packets.front());
  EXPECT_TRUE(connack);
  return connack ? *connack : Connack{};
}

Connack connack_of(TestBroker& test, const Connect& connect) {
  ScriptedPeer& peer = test.accept();
  const Connack connack = connack_of(peer, connect);
  EXPECT_EQ(peer.closed(), connack.reason != ReasonCode::success) << "MQTT-3.2.2-7";
  EXPECT_FALSE(connack.session_present && peer.closed()) << "MQTT-3.2.2-6";
  return connack;
}

// A broker that has nothing to announce.
BrokerConfig plain() {
  BrokerConfig config;
  config.max_packet_size = max_remaining_length;
  config.topic_alias_maximum = 0;
  return config;
}

TEST(Connect5, MQTT_3_1_4_5_AcceptedWithNothingThatGoesWithoutSaying) {
  TestBroker test(plain());
  const Connack connack = connack_of(test, connect_5("a"));
  EXPECT_EQ(connack.reason, ReasonCode::success);
  EXPECT_EQ(text_of(connack.properties), "");
}

TEST(Connect5, CONNACK_AnnouncesWhatTheClientMustNotTakeForGranted) {
  const std::pair<void (*)(BrokerConfig&), const char*> cases[] = {
      {[](BrokerConfig& c) { c.receive_window = 7; }, " {Receive Maximum 7}"},
      {[](BrokerConfig& c) { c.maximum_qos = QoS::at_least_once; }, " {Maximum QoS 1}"},
      {[](BrokerConfig& c) { c.maximum_qos = QoS::at_most_once; }, " {Maximum QoS 0}"},
      {[](BrokerConfig& c) { c.retain_available = false; }, " {Retain Available 0}"},
      {[](BrokerConfig& c) { c.max_packet_size = 1'000; }, " {Maximum Packet Size 1000}"},
      {[](BrokerConfig& c) { c.topic_alias_maximum = 9; }, " {Topic Alias Maximum 9}"},
      {[](BrokerConfig& c) { c.wildcard_available = false; },
       " {Wildcard Subscription Available 0}"},
      {[](BrokerConfig& c) { c.identifiers_available = false; },
       " {Subscription Identifiers Available 0}"},
      {[](BrokerConfig& c) { c.shared_available = false; }, " {Shared Subscription Available 0}"},
      {[](BrokerConfig& c) { c.server_keep_alive_s = 30; }, " {Server Keep Alive 30}"},
      {[](BrokerConfig& c) { c.max_session_expiry_s = 60; }, ""},
      {[](BrokerConfig& c) { c.response_information = "r/"; }, ""},
      {[](BrokerConfig& c) { c.server_reference = "other"; }, ""},
  };
  for (const auto& [change, expected] : cases) {  // MQTT-3.2.2-9
    BrokerConfig config = plain();
    change(config);
    TestBroker test(config);
    EXPECT_EQ(text_of(connack_of(test, connect_5("a")).properties), expected);
    EXPECT_EQ(test.accept().connect("old"), Said{"CONNACK 0"}) << "3.1.1 has no words for it";
  }
}

TEST(Connect5, MQTT_3_1_3_6_And_7_AnAssignedClientIdIsTold) {
  TestBroker test(plain());
  std::string ids[2];
  for (const bool clean : {true, false}) {  // MQTT-3.2.2-16
    const auto id =
        connack_of(test, connect_5("", clean)).properties.get<Id::assigned_client_identifier>();
    ASSERT_TRUE(id);
    ids[clean] = id->text();
  }
  EXPECT_NE(ids[0], ids[1]);
  EXPECT_EQ(connack_of(test, connect_5("mine")).properties, Properties());
}

TEST(Connect5, MQTT_3_1_2_28_ResponseInformationIfAskedFor) {
  BrokerConfig config = plain();
  config.response_information = "replies/";
  TestBroker test(config);
  for (const std::uint32_t wanted : {0u, 1u}) {
    Properties asking;
    asking.add(Id::request_response_information, wanted);
    EXPECT_EQ(text_of(connack_of(test, connect_5("a", true, asking)).properties),
              wanted == 1 ? " {Response Information replies/}" : "");
  }
  Properties narrow;
  narrow.add(Id::request_response_information, 1u).add(Id::maximum_packet_size, 12u);
  EXPECT_EQ(connack_of(test, connect_5("a", true, narrow)).properties, Properties())
      << "it would exceed the client's Maximum Packet Size";
}

TEST(Connect5, MQTT_3_1_2_24_AClientThatCannotTakeAConnackIsClosed) {
  for (const std::uint32_t most : {1u, 7u, 8u}) {
    BrokerConfig config = plain();
    config.topic_alias_maximum = 1;  // CONNACK has 8 bytes
    TestBroker test(config);
    ScriptedPeer& peer = test.accept();
    const Said said =
        peer.connect(connect_5("a", true, Properties().add(Id::maximum_packet_size, most)));
    EXPECT_EQ(said, most < 8 ? Said{} : Said{"CONNACK 0"}) << most;
    EXPECT_EQ(peer.closed(), most < 8) << most;
    EXPECT_EQ(test.broker.gauges().sessions, most < 8 ? 0u : 1u);
  }
}

TEST(Connect5, MQTT_3_1_4_1_ABrokenConnectIsToldItsReasonCode) {
  using Octets = std::vector<std::uint8_t>;
  const std::pair<Octets, ReasonCode> cases[] = {
      {{0x10, 14, 0, 4, 'M', 'Q', 'T', 'T', 5, 3, 0, 0, 0, 0, 1, 'a'},
       ReasonCode::malformed_packet},  // reserved flag
      {{0x10, 17, 0, 4, 'M', 'Q', 'T', 'T', 5, 2, 0, 0, 3, 0x21, 0, 0, 0, 1, 'a'},
       ReasonCode::protocol_error},  // Receive Maximum 0
      {{0x10, 15, 0, 4, 'M', 'Q', 'T', 'T', 5, 2, 0, 0, 1, 0x03, 0, 1, 'a'},
       ReasonCode::malformed_packet},  // Content Type, and cut
  };
  for (const auto& [bytes, reason] : cases) {
    TestBroker test;
    ScriptedPeer& wrong = test.accept();
    wrong.speak(ProtocolVersion::v5_0);
    wrong.send_bytes(bytes);
    const auto packets = wrong.take_packets();
    ASSERT_EQ(packets.size(), 1u);
    const Connack expected{.session_present = false, .reason = reason};
    EXPECT_EQ(std::get<Connack>(packets[0]), expected);
    EXPECT_TRUE(wrong.closed());
  }
}

TEST(Connect5, MQTT_3_1_0_1_AnythingElseFirstClosesWithoutAnAnswer) {
  TestBroker test;
  ScriptedPeer& peer = test.accept();
  peer.speak(ProtocolVersion::v5_0);
  peer.send(
      Auth{ReasonCode::continue_authentication, Properties().add(Id::authentication_method, "m")});
  EXPECT_EQ(peer.take(), Said{});
  EXPECT_TRUE(peer.closed());
}

TEST(Connect5, MQTT_3_1_0_2_ASecondConnectIsAProtocolError) {
  TestBroker test;
  ScriptedPeer& peer = test.connected(connect_5("a"));
  EXPECT_EQ(peer.connect(connect_5("a")),
            Said{"DISCONNECT 0x82 {Reason String breaks MQTT-3.1.0-2}"});
  EXPECT_TRUE(peer.closed());
  for (const std::string_view other :
       {"\x10\xc\0\4MQTT\x7\2\0\0\0\0"sv, "\x10\xc\0\4MQXX\5\2\0\0\0\0"sv}) {
    ScriptedPeer& again = test.connected(connect_5("b"));
    again.send_bytes(Slice::copy_of(other).bytes());
    EXPECT_EQ(again.take(), Said{"DISCONNECT 0x82 {Reason String breaks MQTT-3.1.0-2}"})
        << "whatever it asks for";
  }
}

TEST(Connect5, MQTT_3_2_2_12_And_13_AWillThatCannotBeServedIsRefused) {
  BrokerConfig config;
  config.maximum_qos = QoS::at_least_once;
  config.retain_available = false;
  TestBroker test(config);
  for (const bool v5 : {true, false}) {
    Connect connect = connect_5("a");
    if (!v5) connect.version = ProtocolVersion::v3_1_1;
    connect.will = Will{slice("w"), slice("x"), QoS::exactly_once, false};
    EXPECT_EQ(test.accept().connect(connect), v5 ? Said{"CONNACK 0x9B"} : Said{});
    connect.will = Will{slice("w"), slice("x"), QoS::at_least_once, true};
    EXPECT_EQ(test.accept().connect(connect), v5 ? Said{"CONNACK 0x9A"} : Said{});
    connect.will->retain = false;
    EXPECT_EQ(test.accept().connect(connect), Said{"CONNACK 0"});
  }
}

TEST(Connect5, MQTT_3_2_2_10_SubscriptionsMayAskForAnyQoS) {
  BrokerConfig config;
  config.maximum_qos = QoS::at_most_once;
  TestBroker test(config);
  ScriptedPeer& peer = test.connected(connect_5("a"));
  EXPECT_EQ(peer.subscribe("t", QoS::exactly_once), Said{"SUBACK 1 0"});
}

TEST(Connect5, MQTT_3_1_3_8_AnIdThatAccessDoesNotLikeIsToldSo) {
  class Picky : public Access {
    Decision ask(const AccessRequest& request) override {
      if (request.client_id == "good") return Verdict::granted;
      return {Verdict::denied, ReasonCode::client_identifier_not_valid};
    }
  } access;
  TestBroker test({}, &access);
  EXPECT_EQ(connack_of(test, connect_5("bad")).reason, ReasonCode::client_identifier_not_valid);
  EXPECT_EQ(test.accept().connect("bad"), Said{"CONNACK 2"});
  EXPECT_EQ(connack_of(test, connect_5("good")).reason, ReasonCode::success);
}

TEST(Connect5, EveryoneIsSentToAnotherServer) {
  BrokerConfig config;
  config.redirect = ReasonCode::server_moved;
  config.server_reference = "b.example:1883";
  TestBroker test(config);
  const Connack connack = connack_of(test, connect_5("a"));
  EXPECT_EQ(connack.reason, ReasonCode::server_moved);
  EXPECT_EQ(text_of(connack.properties), " {Server Reference b.example:1883}");
  EXPECT_EQ(test.accept().connect("old"), Said{"CONNACK 3"});
  Properties narrow;
  narrow.add(Id::maximum_packet_size, 10u);
  EXPECT_EQ(connack_of(test, connect_5("a", true, narrow)).properties, Properties());
}

TEST(Connect5, OverTheLimitOfSessionsTheQuotaIsNamed) {
  BrokerConfig config;
  config.max_sessions = 0;
  TestBroker test(config);
  EXPECT_EQ(connack_of(test, connect_5("a")).reason, ReasonCode::quota_exceeded);
}

TEST(Connect5, MQTT_3_1_4_6_NothingBehindARefusedConnectCounts) {
  BrokerConfig config;
  config.redirect = ReasonCode::use_another_server;
  TestBroker test(config);
  ScriptedPeer& peer = test.accept();
  peer.set_reading(false);
  peer.send(connect_5("a"));
  EXPECT_FALSE(peer.readable());
  peer.set_reading(true);
  EXPECT_EQ(peer.take(), Said{"CONNACK 0x9C"});
}

TEST(Connect5, AConfigurationThatCannotWorkIsNamed) {
  BrokerConfig redirect;
  redirect.redirect = ReasonCode::banned;
  EXPECT_THROW(TestBroker{redirect}, std::invalid_argument);
  for (const auto text : {&BrokerConfig::response_information, &BrokerConfig::server_reference}) {
    BrokerConfig config;
    config.*text = "\xFF";
    EXPECT_THROW(TestBroker{config}, std::invalid_argument);
    config.*text = std::string(65'536, 'x');
    EXPECT_THROW(TestBroker{config}, std::invalid_argument);
  }
}

}  // namespace
}  // namespace mqttlab::test
