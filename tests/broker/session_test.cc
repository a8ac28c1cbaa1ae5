// Sessions: kept, resumed, taken over, ended.
#include <gtest/gtest.h>

#include "tests/broker/scripted_peer.h"

namespace mqttlab::test {
namespace {

TEST(Session, MQTT_3_2_2_SessionPresentTellsTheTruth) {
  TestBroker test;
  // What the last connection asked for, and what this one does.
  EXPECT_EQ(test.accept().connect("c", false), Said{"CONNACK 0"});          // MQTT-3.2.2-3
  EXPECT_EQ(test.accept().connect("c", false), Said{"CONNACK 0 present"});  // MQTT-3.2.2-2
  EXPECT_EQ(test.accept().connect("c", true), Said{"CONNACK 0"});           // MQTT-3.2.2-1
  EXPECT_EQ(test.accept().connect("c", true), Said{"CONNACK 0"});
  EXPECT_EQ(test.accept().connect("c", false), Said{"CONNACK 0"}) << "a clean one is never reused";
  EXPECT_EQ(test.accept().connect("C", false), Said{"CONNACK 0"}) << "ids are bytes";
}

TEST(Session, MQTT_3_1_2_6_ACleanSessionEndsWithItsLink) {
  TestBroker test;
  ScriptedPeer& first = test.connected("c");
  first.subscribe("t", QoS::at_least_once);
  first.lose();
  EXPECT_EQ(test.records(), Said{"session_ended c"});
  EXPECT_EQ(test.broker.gauges().sessions, 0u);
  EXPECT_EQ(test.broker.gauges().subscriptions, 0u);
  ScriptedPeer& second = test.connected("c");
  test.connected("p").publish("t", "x");
  EXPECT_EQ(second.take(), Said{});
}

TEST(Session, MQTT_3_1_2_6_CleanSessionWipesAKeptOne) {
  TestBroker test;
  ScriptedPeer& first = test.connected("c", false);
  first.subscribe("t", QoS::at_least_once);
  first.lose();
  test.connected("p").publish("t", "x", QoS::at_least_once, 1);
  ScriptedPeer& second = test.connected("c", true);
  EXPECT_EQ(second.take(), Said{});
  EXPECT_EQ(test.records(), (Said{"dropped session_ended c q1", "session_ended c"}));
}

TEST(Session, ItsEndNamesEveryMessageThatTheClientMayNotHave) {
  BrokerConfig config;
  config.window = 3;
  TestBroker test(config);
  ScriptedPeer& peer = test.connected("c");
  peer.subscribe("t", QoS::exactly_once);
  ScriptedPeer& publisher = test.connected("p");
  publisher.publish("t", "acknowledged", QoS::at_least_once, 1);
  publisher.publish("t", "received", QoS::exactly_once, 2);
  publisher.publish("t", "open", QoS::exactly_once, 3);
  publisher.publish("t", "open", QoS::at_least_once, 4);
  publisher.publish("t", "queued", QoS::at_least_once, 5);
  peer.take();
  peer.send(Puback{1});
  peer.send(Pubrec{2});
  peer.lose();
  EXPECT_EQ(test.records(), (Said{"dropped session_ended c q2", "dropped session_ended c q1",
                                  "dropped session_ended c q1", "session_ended c"}));
}

TEST(Session, MQTT_3_1_2_5_MessagesWaitForAnAbsentSession) {
  TestBroker test;
  ScriptedPeer& first = test.connected("c", false);
  first.subscribe("t/#", QoS::exactly_once);
  first.send(Disconnect{});
  ScriptedPeer& publisher = test.connected("p");
  publisher.publish("t/a", "0");
  publisher.publish("t/a", "1", QoS::at_least_once, 1);
  publisher.publish("t/b", "2", QoS::exactly_once, 2);
  publisher.publish("t/a", "3", QoS::at_least_once, 3);
  EXPECT_EQ(test.records(), Said{"dropped offline_qos0 c q0"});
  EXPECT_EQ(test.broker.gauges().queued_messages, 3u);
  EXPECT_EQ(test.accept().connect("c", false),
            (Said{"CONNACK 0 present", "PUBLISH t/a=1 q1 id1", "PUBLISH t/b=2 q2 id2",
                  "PUBLISH t/a=3 q1 id3"}));
  EXPECT_EQ(test.broker.gauges().queued_messages, 0u);
}

TEST(Session, QoS0WaitsTooIfConfiguredAndKeepsItsOrder) {
  BrokerConfig config;
  config.queue_qos0 = true;
  config.outbox_bytes = 40;
  TestBroker test(config);
  ScriptedPeer& first = test.connected("c", false);
  first.subscribe("t", QoS::exactly_once);
  first.lose();
  ScriptedPeer& publisher = test.connected("p");
  for (int i = 0; i < 20; ++i) publisher.publish("t", std::to_string(i));
  ScriptedPeer& second = test.accept();
  second.set_reading(false);
  second.connect("c", false);
  publisher.publish("t", "20");  // must not overtake those that wait
  second.set_reading(true);
  Said expected{"CONNACK 0 present"};
  for (int i = 0; i <= 20; ++i) expected.push_back("PUBLISH t=" + std::to_string(i) + " q0");
  EXPECT_EQ(second.take(), expected);
}

TEST(Session, MQTT_4_4_0_1_ResumeRepeatsEachExchangeAtItsStageBeforeAnythingNewer) {
  BrokerConfig config;
  config.window = 3;
  TestBroker test(config);
  ScriptedPeer& first = test.connected("c", false);
  first.subscribe("t", QoS::exactly_once);
  ScriptedPeer& publisher = test.connected("p");
  publisher.publish("t", "1", QoS::at_least_once, 1);
  publisher.publish("t", "2", QoS::exactly_once, 2);
  publisher.publish("t", "3", QoS::exactly_once, 3);
  publisher.publish("t", "4", QoS::at_least_once, 4);  // behind the window
  first.take();
  first.send(Pubrec{2});
  EXPECT_EQ(first.take(), Said{"PUBREL 2"});
  first.lose();
  publisher.publish("t", "5", QoS::at_least_once, 5);
  ScriptedPeer& second = test.accept();
  EXPECT_EQ(second.connect("c", false), (Said{"CONNACK 0 present", "PUBREL 2",
                                              "PUBLISH t=1 q1 id1 dup", "PUBLISH t=3 q2 id3 dup"}));
  second.send(Pubcomp{2});
  EXPECT_EQ(second.take(), Said{"PUBLISH t=4 q1 id4"});
  second.send(Puback{1});
  EXPECT_EQ(second.take(), Said{"PUBLISH t=5 q1 id5"});
}

TEST(Session, ResumeThroughASmallOutboxStaysInOrder) {
  BrokerConfig config;
  config.outbox_bytes = 16;
  TestBroker test(config);
  ScriptedPeer& first = test.connected("c", false);
  first.subscribe("t", QoS::at_least_once);
  first.lose();
  ScriptedPeer& publisher = test.connected("p");
  for (std::uint16_t i = 1; i <= 10; ++i)
    publisher.publish("t", std::to_string(i), QoS::at_least_once, i);
  ScriptedPeer& second = test.accept();
  EXPECT_EQ(second.connect("c", false).size(), 11u) << "CONNACK and the ten";
  second.lose();
  ScriptedPeer& third = test.accept();
  third.set_reading(false);
  third.connect("c", false);
  publisher.publish("t", "11", QoS::at_least_once, 11);
  third.set_reading(true);
  Said expected{"CONNACK 0 present"};
  for (int i = 1; i <= 10; ++i)
    expected.push_back("PUBLISH t=" + std::to_string(i) + " q1 id" + std::to_string(i) + " dup");
  expected.push_back("PUBLISH t=11 q1 id11");
  EXPECT_EQ(third.take(), expected);
}

TEST(Session, MQTT_4_1_0_1_InboundQoS2IdsSurviveTheLink) {
  TestBroker test;
  ScriptedPeer& subscriber = test.connected("s");
  subscriber.subscribe("t", QoS::at_most_once);
  ScriptedPeer& first = test.connected("c", false);
  first.publish("t", "x", QoS::exactly_once, 7);
  first.lose();
  ScriptedPeer& second = test.connected("c", false);
  second.publish("t", "x", QoS::exactly_once, 7, false, true);
  EXPECT_EQ(second.take(), Said{"PUBREC 7"});
  EXPECT_EQ(subscriber.take(), Said{"PUBLISH t=x q0"}) << "once";
  second.send(Pubrel{7});
  EXPECT_EQ(second.take(), Said{"PUBCOMP 7"});
}

TEST(Session, MQTT_3_1_4_2_ANewLinkTakesOverAndTheOldOneIsClosed) {
  TestBroker test;
  ScriptedPeer& subscriber = test.connected("s");
  subscriber.subscribe("#", QoS::at_most_once);
  ScriptedPeer& old = test.connected("c", false);
  old.subscribe("t", QoS::at_least_once);
  test.touched.clear();
  ScriptedPeer& young = test.accept();
  EXPECT_EQ(young.connect("c", false), Said{"CONNACK 0 present"});
  EXPECT_TRUE(old.closed());
  EXPECT_EQ(test.touched, (std::vector<LinkId>{old.id(), young.id()}));
  EXPECT_EQ(test.broker.gauges().connections, 2u);
  subscriber.publish("t", "x", QoS::at_least_once, 1);
  EXPECT_EQ(young.take(), Said{"PUBLISH t=x q1 id1"});
}

TEST(Session, EPOCH_EventsOfAnOldLinkDoNotTouchTheNewOne) {
  TestBroker test;
  Peer& old = test.broker.accept(100, 0);
  const auto feed = [](Peer& peer, std::initializer_list<std::uint8_t> bytes) {
    std::copy(bytes.begin(), bytes.end(), peer.space().begin());
    peer.received(bytes.size(), 0);
  };
  // CONNECT, client id c, clean session 0, keep alive 10 s.
  feed(old, {0x10, 13, 0, 4, 'M', 'Q', 'T', 'T', 4, 0, 0, 10, 0, 1, 'c'});
  static_cast<void>(test.broker.touched());
  Peer& young = test.broker.accept(101, 0);
  feed(young, {0x10, 13, 0, 4, 'M', 'Q', 'T', 'T', 4, 0, 0, 0, 0, 1, 'c'});
  EXPECT_TRUE(old.finished());
  EXPECT_TRUE(old.space().empty());
  test.broker.advance(15 * second);  // the old link's keep alive
  old.closed(CloseCause::timeout, 20 * second);
  test.broker.release(100);
  EXPECT_FALSE(young.finished());
  EXPECT_EQ(test.broker.gauges().connections, 1u);
  EXPECT_EQ(test.broker.gauges().sessions, 1u);
  feed(young, {0xC0, 0});
  Bytes pieces[1];
  ASSERT_EQ(young.pending(pieces), 1u);
  EXPECT_EQ(pieces[0].size(), 6u) << "CONNACK and PINGRESP";
}

TEST(Session, EveryRunOfSomeConnectionsGivesTheSameRecords) {
  const auto run = [] {
    TestBroker test;
    for (int i = 0; i < 50; ++i) {
      const std::string client_id = i % 3 == 0 ? std::string() : std::to_string(i % 7);
      ScriptedPeer& peer = test.connected(client_id, i % 6 < 4);
      peer.subscribe("t/" + std::to_string(i % 5), QoS::at_least_once);
      peer.publish("t/" + std::to_string((i + 1) % 5), "x");
      if (i % 4 == 0) peer.lose();
    }
    return test.log.fingerprint();
  };
  EXPECT_EQ(run(), run());
}

TEST(Session, QoS0BytesThatDieWithALinkAreNamed) {
  TestBroker test;
  ScriptedPeer& peer = test.connected("s", false);
  peer.subscribe("t", QoS::at_most_once);
  peer.set_reading(false);
  ScriptedPeer& publisher = test.connected("p");
  for (const char* text : {"1", "2", "3"}) publisher.publish("t", text);
  peer.read_some(9);  // the first has 6 bytes
  peer.lose();
  EXPECT_EQ(test.records(), (Said{"dropped offline_qos0 s q0", "dropped offline_qos0 s q0"}));
}

}  // namespace
}  // namespace mqttlab::test
