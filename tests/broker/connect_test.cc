// CONNECT: who gets in, and what everybody else is told.
#include <gtest/gtest.h>

#include "tests/broker/scripted_peer.h"

namespace mqttlab::test {
namespace {

using Octets = std::vector<std::uint8_t>;

// CONNECT of `name` at `level`, with flags, keep alive 0 and a client id.
Octets connect_bytes(std::string_view name, std::uint8_t level, std::uint8_t flags,
                     std::string_view client_id) {
  Octets bytes{0x10, static_cast<std::uint8_t>(8 + name.size() + client_id.size())};
  const auto text = [&](std::string_view value) {
    bytes.push_back(0);
    bytes.push_back(static_cast<std::uint8_t>(value.size()));
    bytes.insert(bytes.end(), value.begin(), value.end());
  };
  text(name);
  bytes.insert(bytes.end(), {level, flags, 0, 0});
  text(client_id);
  return bytes;
}

TEST(Connect, MQTT_3_1_4_4_AcceptedWithCodeZero) {
  TestBroker test;
  EXPECT_EQ(test.accept().connect("a"), Said{"CONNACK 0"});
  EXPECT_EQ(test.broker.gauges().connections, 1u);
}

TEST(Connect, MQTT_3_1_0_1_AnythingElseFirstClosesWithoutAnAnswer) {
  for (const Packet& packet : {Packet(Pingreq{}), Packet(Disconnect{}), Packet(Puback{1}),
                               Packet(Subscribe{1, {{slice("#"), QoS::at_most_once}}})}) {
    TestBroker test;
    ScriptedPeer& peer = test.accept();
    peer.send(packet);
    EXPECT_EQ(peer.take(), Said{}) << text_of(packet);
    EXPECT_TRUE(peer.closed()) << text_of(packet);
  }
}

TEST(Connect, MQTT_3_1_0_2_ASecondConnectIsAViolation) {
  TestBroker test;
  ScriptedPeer& peer = test.connected("a");
  EXPECT_EQ(peer.connect("a"), Said{});
  EXPECT_TRUE(peer.closed());
  EXPECT_EQ(test.broker.gauges().connections, 0u);
}

TEST(Connect, MQTT_3_1_2_2_AnUnsupportedLevelIsToldSo) {
  for (const std::uint8_t level : {0, 3, 6, 255}) {
    TestBroker test;
    ScriptedPeer& peer = test.accept();
    peer.send_bytes(connect_bytes("MQTT", level, 2, "a"));
    EXPECT_EQ(peer.take(), Said{"CONNACK 1"}) << int{level};
    EXPECT_TRUE(peer.closed()) << "MQTT-3.2.2-5";
  }
}

TEST(Connect, MQTT_3_1_2_1_AnUnknownNameAnd_MQTT_3_1_2_3_AReservedFlagCloseSilently) {
  for (const Octets& bytes : {connect_bytes("HTTP", 4, 2, "a"), connect_bytes("MQTT", 4, 3, "a")}) {
    TestBroker test;
    ScriptedPeer& peer = test.accept();
    peer.send_bytes(bytes);
    EXPECT_EQ(peer.take(), Said{});
    EXPECT_TRUE(peer.closed());
  }
}

TEST(Connect, ClientsOfMqtt31AreServed) {
  TestBroker test;
  ScriptedPeer& first = test.accept();
  first.send_bytes(connect_bytes("MQIsdp", 3, 0, "old"));
  EXPECT_EQ(first.take(), Said{"CONNACK 0"});
  EXPECT_EQ(first.subscribe("t", QoS::at_least_once), Said{"SUBACK 1 1"});
  first.lose();
  ScriptedPeer& second = test.accept();
  second.send_bytes(connect_bytes("MQIsdp", 3, 0, "old"));
  EXPECT_EQ(second.take(), Said{"CONNACK 0"}) << "3.1 has no session present flag";
  test.connected("p").publish("t", "x");
  EXPECT_EQ(second.take(), Said{"PUBLISH t=x q0"}) << "but the session is there";
}

TEST(Connect, MQTT_3_1_3_6_AnEmptyCleanClientGetsAnIdOfItsOwn) {
  TestBroker test;
  ScriptedPeer& one = test.connected("");
  ScriptedPeer& two = test.connected("");
  EXPECT_FALSE(one.closed() || two.closed());
  EXPECT_EQ(test.broker.gauges().sessions, 2u);
}

TEST(Connect, MQTT_3_1_3_8_AnEmptyIdNeedsACleanSession) {
  TestBroker test;
  ScriptedPeer& peer = test.accept();
  EXPECT_EQ(peer.connect("", false), Said{"CONNACK 2"});
  EXPECT_TRUE(peer.closed());
  ScriptedPeer& old = test.accept();
  old.send_bytes(connect_bytes("MQIsdp", 3, 2, ""));
  EXPECT_EQ(old.take(), Said{"CONNACK 2"}) << "3.1 knows no empty ids";
}

TEST(Connect, MQTT_3_1_4_5_NothingBehindARefusedConnectCounts) {
  const Octets pingreq{0xC0, 0}, connect = connect_bytes("MQTT", 4, 2, "a");
  for (const Octets& behind : {pingreq, connect}) {
    TestBroker test;
    ScriptedPeer& peer = test.accept();
    Octets bytes = connect_bytes("MQTT", 6, 2, "a");
    bytes.insert(bytes.end(), behind.begin(), behind.end());
    peer.send_bytes(bytes);
    EXPECT_EQ(peer.take(), Said{"CONNACK 1"});
  }
}

TEST(Connect, TimeoutRunsFromAcceptToConnectAndNotAnInstantLess) {
  BrokerConfig config;
  config.connect_timeout = 5 * second;
  TestBroker test(config);
  ScriptedPeer& silent = test.accept();
  ScriptedPeer& slow = test.accept();
  const Octets bytes = connect_bytes("MQTT", 4, 2, "a");
  slow.send_bytes(Bytes(bytes).first(3));
  ScriptedPeer& fine = test.connected("b");
  test.until(5 * second - 1);
  EXPECT_FALSE(silent.closed() || slow.closed());
  test.until(5 * second);
  EXPECT_TRUE(silent.closed() && slow.closed());
  test.until(1'000 * second);
  EXPECT_FALSE(fine.closed()) << "keep alive 0: never";
}

TEST(Connect, OverTheLimitOfConnectionsALinkIsFinishedAtOnce) {
  BrokerConfig config;
  config.max_connections = 2;
  TestBroker test(config);
  ScriptedPeer& one = test.connected("1");
  test.connected("2");
  EXPECT_TRUE(test.accept().closed());
  one.lose();
  EXPECT_FALSE(test.accept().closed());
}

TEST(Connect, OverTheLimitOfSessionsANewClientIsToldAndAKnownOneIsNot) {
  BrokerConfig config;
  config.max_sessions = 1;
  TestBroker test(config);
  test.connected("kept", false).lose();
  EXPECT_EQ(test.accept().connect("new"), Said{"CONNACK 3"});
  EXPECT_EQ(test.accept().connect("kept", false), Said{"CONNACK 0 present"});
}

TEST(Connect, APacketOverTheLimitClosesOnItsHeaderAlone) {
  BrokerConfig config;
  config.max_packet_size = 64;
  TestBroker test(config);
  ScriptedPeer& peer = test.connected("a");
  peer.send_bytes(Octets{0x30, 63});  // 65 bytes in all
  EXPECT_TRUE(peer.closed());
  ScriptedPeer& other = test.connected("b");
  other.publish("t", std::string(59, 'x'));  // 64 bytes
  EXPECT_FALSE(other.closed());
}

// U-3.2.2.3.6-3: 5.0 has words for it, as soon as it is known to be 5.0.
TEST(Connect, OneOverTheLimitIsAnsweredInItsOwnVersionHoweverItIsSplit) {
  BrokerConfig config;
  config.max_packet_size = 64;
  for (const int level : {3, 4, 5, 6}) {
    Octets bytes = connect_bytes("MQTT", static_cast<std::uint8_t>(level), 2, "a");
    bytes[1] = 63;  // 65 bytes in all
    for (std::size_t split = 1; split < bytes.size(); ++split) {
      TestBroker test(config);
      ScriptedPeer& peer = test.accept();
      peer.speak(ProtocolVersion::v5_0);
      peer.send_bytes(Bytes(bytes).first(split));
      constexpr std::size_t header_name_and_level = 2 + 6 + 1;
      EXPECT_EQ(peer.closed(), split >= header_name_and_level) << level << " at " << split;
      if (!peer.closed()) peer.send_bytes(Bytes(bytes).subspan(split));
      EXPECT_EQ(peer.take(), level == 5 ? Said{"CONNACK 0x95"} : Said{}) << level;
      EXPECT_TRUE(peer.closed());
    }
  }
}

TEST(Connect, AConfigurationThatCannotWorkIsNamed) {
  BrokerConfig config;
  config.window = 0;
  try {
    TestBroker test(config);
    FAIL() << "was taken";
  } catch (const std::invalid_argument& error) {
    EXPECT_STREQ(error.what(), "BrokerConfig: window is 0; at least one exchange must fit");
  }
  for (const auto time : {&BrokerConfig::connect_timeout, &BrokerConfig::sys_interval}) {
    BrokerConfig endless;
    endless.*time = never;
    EXPECT_THROW(TestBroker{endless}, std::invalid_argument) << "added to the clock it overflows";
  }
}

TEST(Connect, AnySplitOfTheStreamIsEqual) {
  const Octets connect = connect_bytes("MQTT", 4, 2, "a");
  Octets stream = connect;
  stream.insert(stream.end(), {0x82, 6, 0, 1, 0, 1, 't', 1});            // SUBSCRIBE t
  stream.insert(stream.end(), {0x32, 6, 0, 1, 't', 0, 7, 'x'});          // PUBLISH t=x q1 id7
  stream.insert(stream.end(), {0x34, 6, 0, 1, 't', 0, 8, 'y'});          // PUBLISH t=y q2 id8
  stream.insert(stream.end(), {0x62, 2, 0, 8, 0xC0, 0, 0x40, 2, 0, 1});  // PUBREL, PINGREQ, PUBACK
  const Said expected{"CONNACK 0",          "SUBACK 1 1", "PUBLISH t=x q1 id1", "PUBACK 7",
                      "PUBLISH t=y q1 id2", "PUBREC 8",   "PUBCOMP 8",          "PINGRESP"};
  for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
    TestBroker test;
    ScriptedPeer& peer = test.accept();
    peer.send_bytes(Bytes(stream).first(cut));
    peer.send_bytes(Bytes(stream).subspan(cut));
    EXPECT_EQ(peer.take(), expected) << "cut at " << cut;
  }
}

}  // namespace
}  // namespace mqttlab::test
