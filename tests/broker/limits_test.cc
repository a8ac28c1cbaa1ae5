// Every queue has a bound, and what is lost at it is counted and named.
#include <gtest/gtest.h>

#include "tests/broker/scripted_peer.h"

namespace mqttlab::test {
namespace {

TEST(Limits, AFullQueueDropsTheNewestAndSaysSo) {
  BrokerConfig config;
  config.queue_messages = 3;
  TestBroker test(config);
  ScriptedPeer& first = test.connected("c", false);
  first.subscribe("t", qos1);
  first.lose();
  ScriptedPeer& publisher = test.connected("p");
  for (std::uint16_t i = 1; i <= 5; ++i) publisher.publish("t", std::to_string(i), qos1, i);
  EXPECT_EQ(test.records(), (Said{"dropped queue_full c q1", "dropped queue_full c q1"}));
  EXPECT_EQ(test.broker.gauges().messages_dropped, 2u);
  EXPECT_EQ(test.accept().connect("c", false), (Said{"CONNACK 0 present", "PUBLISH t=1 q1 id1",
                                                     "PUBLISH t=2 q1 id2", "PUBLISH t=3 q1 id3"}));
  EXPECT_EQ(publisher.take().size(), 5u) << "the publisher has its PUBACKs all the same";
}

TEST(Limits, TheQueueIsLimitedInBytesToo) {
  BrokerConfig config;
  config.queue_bytes = 250;
  TestBroker test(config);
  ScriptedPeer& first = test.connected("c", false);
  first.subscribe("t", qos1);
  first.lose();
  ScriptedPeer& publisher = test.connected("p");
  publisher.publish("t", std::string(200, 'x'), qos1, 1);
  publisher.publish("t", std::string(200, 'y'), qos1, 2);
  publisher.publish("t", "z", qos1, 3);
  EXPECT_EQ(test.records(), Said{"dropped queue_bytes_full c q1"});
  EXPECT_EQ(test.broker.gauges().queued_messages, 2u);
}

TEST(Limits, BytesAreGivenBackWhenMessagesLeave) {
  BrokerConfig config;
  config.queue_bytes = 250;
  TestBroker test(config);
  test.connected("c", false).subscribe("t", qos1);
  ScriptedPeer& publisher = test.connected("p");
  for (std::uint16_t round = 1; round <= 5; ++round) {
    ScriptedPeer& peer = test.connected("c", false);
    peer.lose();
    publisher.publish("t", std::string(200, 'x'), qos1, round);
    ScriptedPeer& back = test.connected("c", false);
    back.send(Puback{round});
    EXPECT_EQ(test.broker.gauges().in_flight, 0u) << round;
    EXPECT_EQ(test.records(), Said{}) << round;
  }
}

TEST(Limits, TheQueueBehindAWindowIsTheSameQueue) {
  BrokerConfig config;
  config.window = 1;
  config.queue_messages = 1;
  TestBroker test(config);
  ScriptedPeer& peer = test.connected("c");
  peer.subscribe("t", qos1);
  ScriptedPeer& publisher = test.connected("p");
  for (std::uint16_t i = 1; i <= 3; ++i) publisher.publish("t", std::to_string(i), qos1, i);
  EXPECT_EQ(test.records(), Said{"dropped queue_full c q1"});
  peer.take();
  peer.send(Puback{1});
  EXPECT_EQ(peer.take(), Said{"PUBLISH t=2 q1 id2"});
}

TEST(Limits, ASlowReaderLosesQoS0AndKeepsQoS1) {
  BrokerConfig config;
  config.outbox_bytes = 1'000;
  config.queue_messages = 10'000;
  TestBroker test(config);
  ScriptedPeer& peer = test.connected("slow");
  peer.subscribe("zero", qos0);
  peer.subscribe("one", qos1);
  peer.set_reading(false);
  ScriptedPeer& publisher = test.connected("p");
  const std::string payload(90, 'x');
  for (std::uint16_t i = 1; i <= 100; ++i) {
    publisher.publish("zero", payload);
    publisher.publish("one", payload, qos1, i);
  }
  EXPECT_EQ(publisher.take().size(), 100u);
  const Said records = test.records();
  peer.set_reading(true);
  std::size_t zero = 0, one = 0;
  for (Said said = peer.take(); !said.empty(); said = peer.take()) {
    for (const std::string& text : said) {
      zero += text.starts_with("PUBLISH zero");
      if (!text.starts_with("PUBLISH one")) continue;
      ++one;
      const std::size_t at = text.find(" id");
      peer.send(Puback{static_cast<std::uint16_t>(std::stoi(text.substr(at + 3)))});
    }
  }
  EXPECT_EQ(one, 100u);
  EXPECT_EQ(zero + records.size(), 100u);
  EXPECT_GT(zero, 3u);
  for (const std::string& record : records) EXPECT_EQ(record, "dropped outbox_full slow q0");
}

TEST(Limits, WhoSendsAndDoesNotReadIsNotReadEither) {
  BrokerConfig config;
  config.outbox_bytes = 100;
  TestBroker test(config);
  ScriptedPeer& peer = test.connected("c");
  peer.set_reading(false);
  const std::uint8_t ping[] = {0xC0, 0};
  int sent = 0;
  for (; peer.readable() && sent < 10'000; ++sent) peer.send_bytes(ping);
  EXPECT_EQ(sent, 100) << "answers of 200 bytes";
  peer.set_reading(true);
  EXPECT_EQ(peer.take().size(), 100u);
  EXPECT_TRUE(peer.readable());
}

TEST(Limits, PacketsThatWaitedInTheBufferAreHandledWhenTheReaderGoesOn) {
  BrokerConfig config;
  config.outbox_bytes = 10;
  TestBroker test(config);
  ScriptedPeer& peer = test.connected("c");
  peer.set_reading(false);
  std::vector<std::uint8_t> pings;
  for (int i = 0; i < 200; ++i) pings.insert(pings.end(), {0xC0, 0});
  peer.send_bytes(pings);
  EXPECT_FALSE(peer.readable());
  peer.set_reading(true);
  EXPECT_EQ(peer.take().size(), 200u);
}

// In 3.1.1 a client cannot be told.
TEST(Limits, QoS2ExchangesOfAClientThatHasBeenToldAreBounded) {
  BrokerConfig config;
  config.receive_window = 2;
  TestBroker test(config);
  for (const ProtocolVersion version : {ProtocolVersion::v5_0, ProtocolVersion::v3_1_1}) {
    Connect connect{.version = version, .client_id = slice("c")};
    connect.clean_session = version == ProtocolVersion::v5_0;
    ScriptedPeer& peer = test.connected(connect);
    peer.publish("t", "1", QoS::exactly_once, 1);
    peer.publish("t", "2", QoS::exactly_once, 2);
    peer.publish("t", "1", QoS::exactly_once, 1, false, true);
    EXPECT_FALSE(peer.closed());
    peer.publish("t", "3", QoS::exactly_once, 3);
    EXPECT_EQ(peer.closed(), version == ProtocolVersion::v5_0);
  }
}

TEST(Limits, AFinishedLinkThatDoesNotReadIsClosedAfterAWhile) {
  BrokerConfig config;
  config.connect_timeout = 5 * second;
  TestBroker test(config);
  ScriptedPeer& peer = test.connected("c");
  peer.set_reading(false);
  peer.send(Pingreq{});
  test.until(7 * second);
  peer.send(Disconnect{});
  test.until(12 * second - 1);
  EXPECT_FALSE(peer.closed()) << "its PINGRESP may still leave";
  test.until(12 * second);
  EXPECT_TRUE(peer.closed());
}

TEST(Limits, GaugesCountWhatHappened) {
  TestBroker test;
  ScriptedPeer& peer = test.connected("c");
  peer.subscribe("t", qos1);
  peer.publish("t", "x", qos1, 1, true);
  const BrokerGauges gauges = test.broker.gauges();
  EXPECT_EQ(gauges.connections, 1u);
  EXPECT_EQ(gauges.sessions, 1u);
  EXPECT_EQ(gauges.subscriptions, 1u);
  EXPECT_EQ(gauges.retained, 1u);
  EXPECT_EQ(gauges.packets_received, 3u);
  EXPECT_EQ(gauges.packets_sent, 4u);  // CONNACK, SUBACK, PUBLISH, PUBACK
  EXPECT_EQ(gauges.messages_received, 1u);
  EXPECT_EQ(gauges.messages_sent, 1u);
  EXPECT_EQ(gauges.bytes_received, 15u + 8u + 8u);
  EXPECT_EQ(gauges.bytes_sent, 4u + 5u + 8u + 4u);
  EXPECT_EQ(gauges.in_flight, 1u);
  EXPECT_EQ(gauges.session_bytes, 4u);
  peer.send(Puback{1});
  EXPECT_EQ(test.broker.gauges().session_bytes, 0u);
  ScriptedPeer& persistent = test.connected("p", false);
  persistent.subscribe("t", qos1);
  persistent.lose();
  peer.publish("t", "waits", qos1, 2);
  EXPECT_EQ(test.broker.gauges().session_bytes, 4u + 8u + 8u) << "retained, queued, in flight";
}

}  // namespace
}  // namespace mqttlab::test
