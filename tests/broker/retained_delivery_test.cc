// Retained messages as subscribers see them.
#include <gtest/gtest.h>

#include "tests/broker/scripted_peer.h"

namespace mqttlab::test {
namespace {

TEST(RetainedDelivery, MQTT_3_3_1_8_And_9_RetainTellsOldFromNew) {
  TestBroker test;
  ScriptedPeer& early = test.connected("early");
  early.subscribe("t", qos0);
  test.connected("p").publish("t", "x", qos0, 0, true);
  EXPECT_EQ(early.take(), Said{"PUBLISH t=x q0"});
  EXPECT_EQ(test.connected("late").subscribe("t", qos0),
            (Said{"SUBACK 1 0", "PUBLISH t=x q0 retain"}));
}

TEST(RetainedDelivery, MQTT_3_3_1_6_AtTheLowerOfStoredAndGrantedQoS) {
  for (int stored = 0; stored <= 2; ++stored) {
    for (int granted = 0; granted <= 2; ++granted) {
      TestBroker test;
      test.connected("p").publish("t", "x", static_cast<QoS>(stored),
                                  static_cast<std::uint16_t>(stored == 0 ? 0 : 1), true);
      const int qos = std::min(stored, granted);
      EXPECT_EQ(
          test.connected("s").subscribe("t", static_cast<QoS>(granted)),
          (Said{"SUBACK 1 " + std::to_string(granted),
                "PUBLISH t=x q" + std::to_string(qos) + (qos > 0 ? " id1" : "") + " retain"}));
    }
  }
}

TEST(RetainedDelivery, MQTT_3_3_1_10_AnEmptyMessageClearsAndIsForwarded) {
  TestBroker test;
  ScriptedPeer& peer = test.connected("s");
  peer.publish("t", "x", qos1, 1, true);
  peer.subscribe("t", qos1);
  peer.take();
  peer.publish("t", "", qos0, 0, true);
  EXPECT_EQ(peer.take(), Said{"PUBLISH t= q0"});
  EXPECT_EQ(test.broker.gauges().retained, 0u);  // MQTT-3.3.1-11
  EXPECT_EQ(peer.subscribe("t", qos1, 2), Said{"SUBACK 2 1"});
}

TEST(RetainedDelivery, MQTT_3_3_1_12_APlainMessageChangesNothing) {
  TestBroker test;
  ScriptedPeer& peer = test.connected("s");
  peer.publish("t", "kept", qos0, 0, true);
  peer.publish("t", "plain");
  peer.publish("t", "");
  peer.publish("other", "plain");
  EXPECT_EQ(peer.subscribe("#", qos0), (Said{"SUBACK 1 0", "PUBLISH t=kept q0 retain"}));
}

TEST(RetainedDelivery, MQTT_3_1_2_7_OutlivesTheSessionOfItsPublisher) {
  TestBroker test;
  ScriptedPeer& publisher = test.connected("p");
  publisher.publish("t", "x", qos0, 0, true);
  publisher.lose();
  EXPECT_EQ(test.connected("s").subscribe("t", qos0).back(), "PUBLISH t=x q0 retain");
}

TEST(RetainedDelivery, MQTT_3_8_4_3_SubscribingAgainSendsItAgain) {
  TestBroker test;
  ScriptedPeer& peer = test.connected("s");
  peer.publish("t", "x", qos0, 0, true);
  EXPECT_EQ(peer.subscribe("t", qos0).size(), 2u);
  EXPECT_EQ(peer.subscribe("t", qos0), (Said{"SUBACK 1 0", "PUBLISH t=x q0 retain"}));
}

TEST(RetainedDelivery, ResumingDoesNotSendItAgain) {
  TestBroker test;
  ScriptedPeer& peer = test.connected("s", false);
  peer.publish("t", "x", qos0, 0, true);
  peer.subscribe("t", qos0);
  peer.lose();
  EXPECT_EQ(test.accept().connect("s", false), Said{"CONNACK 0 present"});
}

TEST(RetainedDelivery, MQTT_3_8_4_4_EachFilterOfASubscribeGetsItsOwnSet) {
  TestBroker test;
  ScriptedPeer& peer = test.connected("s");
  peer.publish("a/b", "1", qos0, 0, true);
  peer.publish("a/c", "2", qos0, 0, true);
  peer.send(Subscribe{1, {{slice("a/+"), qos0}, {slice("a/b"), qos0}}});
  EXPECT_EQ(peer.take(), (Said{"SUBACK 1 0 0", "PUBLISH a/b=1 q0 retain", "PUBLISH a/c=2 q0 retain",
                               "PUBLISH a/b=1 q0 retain"}));
}

// However narrow window, outbox and queue are, the whole set comes, once, and what is published
// meanwhile comes after it.
TEST(RetainedDelivery, TheWholeSetComesThroughTheNarrowestPath) {
  for (const QoS qos : {qos0, qos1, qos2}) {
    BrokerConfig config;
    config.window = 2;
    config.outbox_bytes = 30;
    config.queue_messages = 3;
    TestBroker test(config);
    ScriptedPeer& publisher = test.connected("p");
    for (int i = 100; i < 150; ++i)
      publisher.publish("t/" + std::to_string(i), "x", qos,
                        static_cast<std::uint16_t>(qos == qos0 ? 0 : i), true);
    publisher.take();
    ScriptedPeer& peer = test.connected("s");
    peer.set_reading(false);
    peer.subscribe("t/#", qos);
    publisher.publish("t/100", "new", qos, static_cast<std::uint16_t>(qos == qos0 ? 0 : 99));
    peer.set_reading(true);
    std::vector<std::string> topics;
    for (Said said = peer.take(); !said.empty(); said = peer.take()) {
      for (const std::string& text : said) {
        if (!text.starts_with("PUBLISH ")) continue;
        topics.push_back(text.substr(8, text.find(" q") - 8));
        const std::size_t at = text.find(" id");
        if (at == std::string::npos) continue;
        const auto id = static_cast<std::uint16_t>(std::stoi(text.substr(at + 3)));
        if (qos == qos1) peer.send(Puback{id});
        if (qos == qos2) peer.send(Pubrec{id});
        if (qos == qos2) peer.send(Pubcomp{id});
      }
    }
    std::vector<std::string> expected;
    for (int i = 100; i < 150; ++i) expected.push_back("t/" + std::to_string(i) + "=x");
    expected.push_back("t/100=new");
    EXPECT_EQ(topics, expected) << static_cast<int>(qos);
    EXPECT_EQ(test.records(), Said{});
  }
}

TEST(RetainedDelivery, OverTheLimitANewTopicIsRoutedAndNotKept) {
  BrokerConfig config;
  config.max_retained = 1;
  TestBroker test(config);
  ScriptedPeer& peer = test.connected("s");
  peer.subscribe("#", qos0);
  peer.publish("a", "1", qos0, 0, true);
  peer.publish("b", "2", qos0, 0, true);
  EXPECT_EQ(peer.take(), (Said{"PUBLISH a=1 q0", "PUBLISH b=2 q0"}));
  EXPECT_EQ(test.records(), Said{"dropped retained_limit  q0"});
  EXPECT_EQ(test.broker.gauges().retained, 1u);
}

}  // namespace
}  // namespace mqttlab::test
