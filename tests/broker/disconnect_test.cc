// How the broker ends a connection: a client of MQTT 5.0 is told why, and nothing comes after that.
#include <gtest/gtest.h>

#include "tests/broker/scripted_peer.h"

namespace mqttlab::test {
namespace {

using Id = PropertyId;

TEST(Disconnect5, MQTT_3_1_4_3_WhoIsTakenOverIsTold) {
  TestBroker test;
  const Properties week = Properties().add(Id::session_expiry_interval, 604'800u);
  ScriptedPeer& old = test.connected(connect_5("c", false, week));
  old.subscribe("t", QoS::at_most_once);
  EXPECT_EQ(test.accept().connect(connect_5("c", false, week)), Said{"CONNACK 0 present"});
  EXPECT_EQ(old.take(), Said{"DISCONNECT 0x8E"});
  EXPECT_TRUE(old.closed());
  EXPECT_EQ(test.broker.gauges().connections, 1u);
  test.connected("c");
  EXPECT_EQ(test.broker.gauges().connections, 1u) << "an older version takes over as well";
}

TEST(Disconnect5, MQTT_3_1_2_22_KeepAliveExactToTheNanosecond) {
  for (const std::uint16_t keep_alive_s : {1, 7, 65'535}) {
    TestBroker test;
    test.until(987'654'321);
    Connect connect = connect_5("c");
    connect.keep_alive_s = keep_alive_s;
    ScriptedPeer& peer = test.connected(connect);
    const Time due = test.now + keep_alive_s * 3 * second / 2;
    test.until(due - 1);
    EXPECT_FALSE(peer.closed());
    test.until(due);
    EXPECT_EQ(peer.take(), Said{"DISCONNECT 0x8D"});
    EXPECT_TRUE(peer.closed());
  }
}

TEST(Disconnect5, MQTT_3_2_2_22_TheServersKeepAliveCountsIfThereIsOne) {
  BrokerConfig config;
  config.server_keep_alive_s = 2;
  TestBroker test(config);
  for (const std::uint16_t asked_s : {0, 60}) {
    Connect connect = connect_5("c");
    connect.keep_alive_s = asked_s;
    ScriptedPeer& peer = test.connected(connect);
    ScriptedPeer& older = test.connected("older", true, asked_s);
    test.until(test.now + 3 * second - 1);
    EXPECT_FALSE(peer.closed());
    test.until(test.now + 1);
    EXPECT_TRUE(peer.closed());
    EXPECT_FALSE(older.closed()) << "who cannot be told of it keeps its own";
    older.lose();
  }
}

TEST(Disconnect5, ASilentReaderIsClosedAfterAWhile) {
  BrokerConfig config;
  config.connect_timeout = 5 * second;
  TestBroker test(config);
  Connect connect = connect_5("c");
  connect.keep_alive_s = 10;
  ScriptedPeer& peer = test.connected(connect);
  peer.set_reading(false);
  test.until(12 * second);
  test.broker.disconnect("c", ReasonCode::administrative_action, test.now);
  test.until(15 * second - 1);
  EXPECT_FALSE(peer.closed()) << "DISCONNECT may still leave";
  test.until(15 * second);
  EXPECT_TRUE(peer.closed()) << "sooner than after connect_timeout: the client has been silent";
}

// U-3.2.2.3.4-3, U-3.2.2.3.5-3, U-3.2.2.3.6-3 and what the strings name.
TEST(Disconnect5, MQTT_4_13_1_1_EveryViolationIsToldItsReasonCode) {
  BrokerConfig config;
  config.max_packet_size = 100;
  config.maximum_qos = QoS::at_least_once;
  config.retain_available = false;
  config.wildcard_available = config.shared_available = config.identifiers_available = false;
  config.receive_window = 1;
  config.topic_alias_maximum = 3;
  const auto publish = [](std::string_view topic, QoS qos, bool retain, Properties set = {}) {
    return Packet(Publish{slice(topic), slice("x"), qos, retain, false,
                          static_cast<std::uint16_t>(qos == QoS::at_most_once ? 0 : 1), set});
  };
  const auto alias = [](std::uint32_t number) { return Properties().add(Id::topic_alias, number); };
  const auto subscribe = [](std::string_view filter, Properties set = {}) {
    return Packet(Subscribe{1, {{slice(filter), QoS::at_most_once}}, set});
  };
  const std::pair<Packet, std::string> cases[] = {
      {publish("t", QoS::exactly_once, false), "0x9B {Reason String breaks U-3.2.2.3.4-3}"},
      {publish("t", QoS::at_most_once, true), "0x9A {Reason String breaks U-3.2.2.3.5-3}"},
      {publish("t", QoS::at_most_once, false, alias(4)), "0x94 {Reason String breaks U-3.3.4-2}"},
      {publish("", QoS::at_most_once, false, alias(3)), "0x82 {Reason String breaks U-3.3.4-3}"},
      {Publish{slice("t"), slice(std::string(100, 'x'))},
       "0x95 {Reason String breaks U-3.2.2.3.6-3}"},  // MQTT-3.2.2-15
      {subscribe("a/+"), "0xA2 {Reason String breaks U-3.2.2.3.11-3}"},
      {subscribe("#"), "0xA2 {Reason String breaks U-3.2.2.3.11-3}"},
      {subscribe("$share/g/t"), "0x9E {Reason String breaks U-3.2.2.3.13-3}"},
      {subscribe("t", Properties().add(Id::subscription_identifier, 1u)),
       "0xA1 {Reason String breaks U-3.2.2.3.12-3}"},
      {Auth{ReasonCode::re_authenticate, Properties().add(Id::authentication_method, "m")},
       "0x82 {Reason String breaks MQTT-4.12.0-7}"},
  };
  for (const auto& [packet, told] : cases) {
    TestBroker test(config);
    ScriptedPeer& peer = test.connected(connect_5("c"));
    peer.send(packet);
    EXPECT_EQ(peer.take(), Said{"DISCONNECT " + told}) << text_of(packet);
    EXPECT_TRUE(peer.closed()) << "MQTT-3.14.4-2";
    EXPECT_EQ(test.broker.gauges().connections, 0u);
    EXPECT_EQ(test.broker.gauges().subscriptions, 0u);
  }
}

TEST(Disconnect5, U_3_3_4_4_ReceiveMaximumExceeded) {
  BrokerConfig config;
  config.receive_window = 2;
  TestBroker test(config);
  ScriptedPeer& peer = test.connected(connect_5("c"));
  for (std::uint16_t id = 1; id <= 5; ++id) peer.publish("t", "x", QoS::at_least_once, id);
  EXPECT_EQ(peer.take().size(), 5u) << "each is answered at once";
  peer.publish("t", "1", QoS::exactly_once, 1);
  peer.publish("t", "2", QoS::exactly_once, 2);
  peer.publish("t", "1", QoS::exactly_once, 1, false, true);
  EXPECT_FALSE(peer.closed());
  peer.take();
  peer.publish("t", "3", QoS::exactly_once, 3);
  EXPECT_EQ(peer.take(), Said{"DISCONNECT 0x93 {Reason String breaks U-3.3.4-4}"});
}

TEST(Disconnect5, MQTT_3_3_2_12_AliasesUpToTheMaximumStandForTheirTopics) {
  BrokerConfig config;
  config.topic_alias_maximum = 2;
  TestBroker test(config);
  ScriptedPeer& watch = test.connected("w");
  watch.subscribe("#", QoS::at_most_once);
  ScriptedPeer& peer = test.connected(connect_5("c", false));
  const auto say = [](ScriptedPeer& from, std::string_view topic, std::uint32_t alias) {
    from.send(Publish{slice(topic), slice("x"), QoS::at_most_once, false, false, 0,
                      Properties().add(Id::topic_alias, alias)});
  };
  say(peer, "one", 1);
  say(peer, "two", 2);
  say(peer, "", 1);
  say(peer, "", 2);
  say(peer, "three", 1);
  say(peer, "", 1);
  EXPECT_EQ(watch.take(), (Said{"PUBLISH one=x q0", "PUBLISH two=x q0", "PUBLISH one=x q0",
                                "PUBLISH two=x q0", "PUBLISH three=x q0", "PUBLISH three=x q0"}));
  ScriptedPeer& again = test.connected(connect_5("c", false));
  say(again, "", 1);
  EXPECT_EQ(again.take(), Said{"DISCONNECT 0x82 {Reason String breaks U-3.3.4-3}"})
      << "MQTT-3.3.2-7";
}

TEST(Disconnect5, MQTT_3_14_2_3_TheReasonStringIsLeftOutIfUnwantedOrTooLong) {
  struct Case {
    bool configured;
    Properties asked;
    bool told;
  };
  const Case cases[] = {
      {true, {}, true},
      {false, {}, false},
      {true, Properties().add(Id::request_problem_information, 0u), false},  // MQTT-3.1.2-29
      {true, Properties().add(Id::request_problem_information, 1u), true},
      {true, Properties().add(Id::maximum_packet_size, 26u), true},
      {true, Properties().add(Id::maximum_packet_size, 25u), false},
  };
  for (const Case& each : cases) {
    BrokerConfig config;
    config.reason_strings = each.configured;
    TestBroker test(config);
    ScriptedPeer& peer = test.connected(connect_5("c", true, each.asked));
    peer.send(connect_5("c"));
    EXPECT_EQ(peer.take(), each.told ? Said{"DISCONNECT 0x82 {Reason String breaks MQTT-3.1.0-2}"}
                                     : Said{"DISCONNECT 0x82"});
  }
}

TEST(Disconnect5, MQTT_3_14_4_1_NothingComesAfterIt) {
  TestBroker test;
  const Properties week = Properties().add(Id::session_expiry_interval, 604'800u);
  ScriptedPeer& peer = test.connected(connect_5("c", true, week));
  peer.subscribe("t", QoS::at_least_once);
  peer.set_reading(false);
  ScriptedPeer& publisher = test.connected("p");
  publisher.publish("t", "1", QoS::at_least_once, 1);
  peer.send(connect_5("c"));  // a violation
  publisher.publish("t", "2", QoS::at_least_once, 2);
  EXPECT_FALSE(peer.readable());
  peer.set_reading(true);
  EXPECT_EQ(peer.take(),
            (Said{"PUBLISH t=1 q1 id1", "DISCONNECT 0x82 {Reason String breaks MQTT-3.1.0-2}"}));
}

TEST(Disconnect5, AnAdministratorEndsAConnectionAndTheWillIsSent) {
  TestBroker test;
  ScriptedPeer& watch = test.connected("w");
  watch.subscribe("will", QoS::at_most_once);
  for (const bool v5 : {true, false}) {
    Connect connect = connect_5("c");
    if (!v5) connect.version = ProtocolVersion::v3_1_1;
    connect.will = Will{slice("will"), slice("x"), QoS::at_most_once, false};
    ScriptedPeer& peer = test.connected(connect);
    EXPECT_TRUE(test.broker.disconnect("c", ReasonCode::administrative_action, test.now));
    test.flush();
    EXPECT_EQ(peer.take(), v5 ? Said{"DISCONNECT 0x98"} : Said{});
    EXPECT_TRUE(peer.closed());
    EXPECT_EQ(watch.take(), Said{"PUBLISH will=x q0"});
    EXPECT_FALSE(test.broker.disconnect("c", ReasonCode::administrative_action, test.now));
  }
  EXPECT_THROW(test.broker.disconnect("w", ReasonCode::granted_qos_1, test.now),
               std::invalid_argument);
  EXPECT_THROW(test.broker.disconnect("w", ReasonCode::disconnect_with_will_message, test.now),
               std::invalid_argument);
}

TEST(Disconnect5, WhoIsSentElsewhereIsToldWhere) {
  BrokerConfig config;
  config.server_reference = "other:1883";
  TestBroker test(config);
  ScriptedPeer& peer = test.connected(connect_5("c"));
  test.broker.disconnect("c", ReasonCode::use_another_server, test.now);
  test.flush();
  EXPECT_EQ(peer.take(), Said{"DISCONNECT 0x9C {Server Reference other:1883}"});
}

TEST(Disconnect5, AShutDownEndsAllAndAcceptsNoMore) {
  TestBroker test;
  ScriptedPeer& silent = test.accept();
  ScriptedPeer& older = test.connected("older");
  ScriptedPeer& peer = test.connected(connect_5("c"));
  test.touched.clear();
  test.broker.shut_down(test.now);
  test.flush();
  EXPECT_EQ(test.touched, (std::vector<LinkId>{silent.id(), older.id(), peer.id()}));
  EXPECT_EQ(peer.take(), Said{"DISCONNECT 0x8B"});
  EXPECT_EQ(older.take(), Said{});
  EXPECT_EQ(silent.take(), Said{});
  EXPECT_TRUE(silent.closed() && older.closed() && peer.closed());
  EXPECT_TRUE(test.accept().closed());
  EXPECT_EQ(test.broker.gauges().connections, 0u);
}

TEST(Disconnect5, AShutDownRefusesWhoIsStillBeingAuthenticated) {
  class Silent : public Access {
    Decision ask(const AccessRequest&) override { return Verdict::later; }
  } access;
  TestBroker test({}, &access);
  ScriptedPeer& peer = test.accept();
  ScriptedPeer& older = test.accept();
  peer.send(connect_5("c"));
  older.connect("older");
  test.broker.shut_down(test.now);
  test.flush();
  EXPECT_EQ(peer.take(), Said{"CONNACK 0x88"}) << "MQTT-3.14.0-1: no DISCONNECT";
  EXPECT_EQ(older.take(), Said{"CONNACK 3"});
  EXPECT_TRUE(peer.closed() && older.closed());
}

TEST(Disconnect5, APacketThatCannotBeAnsweredEndsTheLinkAndDoesNothing) {
  TestBroker test;
  const Properties narrow = Properties().add(Id::maximum_packet_size, 20u);
  const auto filters = [](std::size_t count) {
    Subscribe subscribe{1, {}};
    for (std::size_t i = 0; i < count; ++i)
      subscribe.subscriptions.push_back({slice(std::to_string(i)), QoS::at_most_once});
    return subscribe;
  };
  ScriptedPeer& peer = test.connected(connect_5("c", true, narrow));
  peer.send(filters(15));
  EXPECT_EQ(peer.take().size(), 1u) << "a SUBACK of 20 bytes";
  EXPECT_EQ(test.broker.gauges().subscriptions, 15u);
  Unsubscribe unsubscribe{2, {}};
  for (int i = 0; i < 16; ++i) unsubscribe.filters.push_back(slice(std::to_string(i)));
  peer.send(unsubscribe);
  EXPECT_EQ(peer.take(), Said{"DISCONNECT 0x95"});
  ScriptedPeer& other = test.connected(connect_5("d", true, narrow));
  other.send(filters(16));
  EXPECT_EQ(other.take(), Said{"DISCONNECT 0x95"});  // MQTT-3.1.2-24
  EXPECT_EQ(test.broker.gauges().subscriptions, 0u);
}

TEST(Disconnect5, AcknowledgementsNameTheirReasons) {
  TestBroker test;
  ScriptedPeer& peer = test.connected(connect_5("c"));
  peer.publish("nobody", "x", QoS::at_least_once, 1);
  peer.publish("nobody", "x", QoS::exactly_once, 2);
  peer.publish("$SYS/no", "x", QoS::at_least_once, 3);
  peer.publish("$SYS/no", "x", QoS::exactly_once, 4);
  const std::string denied = " 0x87 {Reason String access control does not allow this topic}";
  EXPECT_EQ(peer.take(),
            (Said{"PUBACK 1 0x10", "PUBREC 2 0x10", "PUBACK 3" + denied, "PUBREC 4" + denied}));
  peer.send(Pubrel{2});
  peer.send(Pubrel{4});
  peer.send(Pubrel{5});
  const std::string unknown = " 0x92 {Reason String no message waits under this packet identifier}";
  EXPECT_EQ(peer.take(), (Said{"PUBCOMP 2", "PUBCOMP 4" + unknown, "PUBCOMP 5" + unknown}));
  peer.publish("t", "y", QoS::exactly_once, 4);
  EXPECT_EQ(peer.take(), Said{"PUBREC 4 0x10"}) << "MQTT-4.3.3-9: it is a new message";
  peer.subscribe("t", QoS::at_most_once);
  peer.send(Unsubscribe{7, {slice("x"), slice("t"), slice("t")}});
  EXPECT_EQ(peer.take(), Said{"UNSUBACK 7 17 0 17"}) << "MQTT-3.11.3-1";
}

}  // namespace
}  // namespace mqttlab::test
