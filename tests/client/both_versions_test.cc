// What a client owes its server under 3.1.1 and under 5.0 alike: one script, both versions.
#include <gtest/gtest.h>

#include <set>

#include "tests/support/client_script.h"

namespace mqttlab::testing {
namespace {

constexpr QoS q0 = QoS::at_most_once, q1 = QoS::at_least_once, q2 = QoS::exactly_once;

class BothVersions : public ::testing::TestWithParam<ProtocolVersion> {
 protected:
  [[nodiscard]] static bool v5() { return GetParam() == ProtocolVersion::v5_0; }
  /// `keep`: the session outlives its links.
  [[nodiscard]] static ClientConfig config(bool keep = false) {
    return {.client_id = "c", .version = GetParam(), .clean_session = !keep};
  }
};
INSTANTIATE_TEST_SUITE_P(Of, BothVersions,
                         ::testing::Values(ProtocolVersion::v3_1_1, ProtocolVersion::v5_0),
                         [](const auto& version) {
                           return version.param == ProtocolVersion::v5_0 ? "5_0" : "3_1_1";
                         });

// MQTT-3.1.0-1; MQTT-3.1.3-2 and -3: the session is named by the client id.
TEST_P(BothVersions, ConnectIsTheFirstPacketOfEveryLinkAndNamesTheClient) {
  ClientScript lab(config(true));
  lab.publish("a", q1);
  EXPECT_EQ(lab.connect(true).client_id.text(), "c");
  lab.server().expect<Publish>();
  EXPECT_EQ(lab.reconnect(true).client_id.text(), "c");
}

// v3 MQTT-3.1.3-7
TEST_P(BothVersions, AnEmptyClientIdAsksForACleanSession) {
  ClientConfig nameless = config(true);
  nameless.client_id.clear();
  if (v5())
    EXPECT_NO_THROW(ClientScript{nameless});
  else
    EXPECT_THROW(ClientScript{nameless}, std::invalid_argument);
  nameless.clean_session = true;
  EXPECT_NO_THROW(ClientScript{nameless});
}

// MQTT-3.3.2-1, MQTT-3.3.2-2, MQTT-4.7.3-1, MQTT-3.3.1-4; v3 MQTT-4.7.1-1, v5 MQTT-4.7.0-1;
// MQTT-3.8.3-1, MQTT-3.10.3-1 and -2, v3 MQTT-3.8.3-3 and -4, v5 MQTT-3.8.3-2.
TEST_P(BothVersions, WhatMustNotBeSentIsRefused) {
  ClientScript lab(config());
  lab.connect();
  Client& client = lab.client();
  for (const char* topic : {"", "a/+", "#", "\xFF"}) {
    const auto answer = client.publish(text(topic), text("x"), q0, false, lab.now());
    EXPECT_TRUE(std::holds_alternative<Misuse>(answer)) << topic;
  }
  const auto level_3 = static_cast<QoS>(3);
  EXPECT_TRUE(std::holds_alternative<Misuse>(
      client.publish(text("a"), text("x"), level_3, false, lab.now())));
  for (const char* filter : {"", "a+", "#/a", "\xFF"}) {
    const auto subscribed = client.subscribe({{text(filter), q0}}, lab.now());
    EXPECT_TRUE(std::holds_alternative<Misuse>(subscribed)) << filter;
    const auto unsubscribed = client.unsubscribe({text(filter)}, lab.now());
    EXPECT_TRUE(std::holds_alternative<Misuse>(unsubscribed)) << filter;
  }
  EXPECT_TRUE(std::holds_alternative<Misuse>(client.subscribe({{text("a"), level_3}}, lab.now())));
  EXPECT_TRUE(std::holds_alternative<Misuse>(client.subscribe({}, lab.now())));
  EXPECT_TRUE(std::holds_alternative<Misuse>(client.unsubscribe({}, lab.now())));
  lab.server().expect_nothing();
}

// v3 MQTT-2.3.1-2 and -3, v5 MQTT-2.2.1-3; v3 MQTT-4.3.2-1, v5 MQTT-4.3.2-1 to -3;
// v3 MQTT-4.3.3-1, v5 MQTT-4.3.3-1 to -5; MQTT-2.3.1-6, MQTT-2.2.1-5.
TEST_P(BothVersions, EveryExchangeHasAnIdOfItsOwnUntilItsLastAnswer) {
  ClientScript lab(config());
  lab.connect();
  lab.publish("a", q1);
  lab.publish("a", q2);
  lab.subscribe("f");
  Script& server = lab.server();
  const Publish first = server.expect<Publish>(), second = server.expect<Publish>();
  EXPECT_FALSE(first.dup || second.dup);
  const auto subscribe_id = server.expect<Subscribe>().packet_id;
  const std::set<std::uint16_t> ids{first.packet_id, second.packet_id, subscribe_id};
  EXPECT_EQ(ids.size(), 3u);
  EXPECT_FALSE(ids.contains(0));
  server.send(Pubrec{second.packet_id});
  EXPECT_EQ(server.expect<Pubrel>().packet_id, second.packet_id);
  EXPECT_EQ(lab.client().in_flight(), 2u);
  lab.unsubscribe("f");
  EXPECT_FALSE(ids.contains(server.expect<Unsubscribe>().packet_id));
  server.send(Pubcomp{second.packet_id});
  server.send(Puback{first.packet_id});
  EXPECT_EQ(lab.client().in_flight(), 0u);
}

// MQTT-4.3.1-1, MQTT-3.3.1-2, MQTT-2.3.1-5, MQTT-2.2.1-2.
TEST_P(BothVersions, QoS0HasNeitherIdNorDup) {
  ClientScript lab(config());
  lab.connect();
  lab.publish("a", q0);
  const Publish publish = lab.server().expect<Publish>();
  EXPECT_EQ(publish.qos, q0);
  EXPECT_FALSE(publish.dup);
}

// MQTT-4.4.0-1, MQTT-4.6.0-1, MQTT-3.3.1-1, MQTT-4.1.0-1; v3 MQTT-2.3.1-3, v3 MQTT-3.1.2-4;
// v5 MQTT-4.3.3-6, v5 MQTT-3.1.2-23.
TEST_P(BothVersions, AfterANewLinkWhatIsOpenIsRepeatedInItsOrderUnderItsId) {
  ClientScript lab(config(true));
  lab.connect(true);
  for (const QoS qos : {q2, q1, q2}) lab.publish("a", qos);
  std::uint16_t ids[3];
  for (std::uint16_t& id : ids) id = lab.server().expect<Publish>().packet_id;
  lab.server().send(Pubrec{ids[0]});
  lab.server().expect<Pubrel>();
  EXPECT_FALSE(lab.reconnect(true).clean_session);
  EXPECT_EQ(lab.server().expect<Pubrel>().packet_id, ids[0]);
  for (const std::uint16_t id : {ids[1], ids[2]}) {
    const Publish again = lab.server().expect<Publish>();
    EXPECT_EQ(again.packet_id, id);
    EXPECT_TRUE(again.dup);
  }
  lab.server().expect_nothing();
}

// v3 MQTT-3.1.2-6, v5 MQTT-3.1.2-4: nor does anything of an older session follow.
TEST_P(BothVersions, ACleanClientBeginsAnew) {
  ClientScript lab(config());
  EXPECT_TRUE(lab.connect().clean_session);
  lab.publish("a", q1);
  lab.server().expect<Publish>();
  EXPECT_TRUE(lab.reconnect(false).clean_session);
  lab.server().expect_nothing();
}

// v3 MQTT-3.2.2-1, v5 MQTT-3.2.2-4.
TEST_P(BothVersions, ASessionThatThisEndDoesNotHaveIsNoBasis) {
  ClientScript lab(config());
  lab.client().start(lab.now());
  lab.dial().expect<Connect>();
  lab.server().send(Connack{.session_present = true});
  EXPECT_FALSE(lab.client().connected());
  EXPECT_TRUE(lab.event<Disconnected>().violation);
}

// v3 MQTT-3.1.2-23, v5 MQTT-3.1.2-20.
TEST_P(BothVersions, AnIdleClientPings) {
  ClientConfig patient = config();
  patient.keep_alive_s = 10;
  ClientScript lab(patient);
  lab.connect();
  lab.after(10 * second);
  lab.server().expect<Pingreq>();
}

// MQTT-3.3.4-1, MQTT-4.5.0-2, MQTT-4.6.0-2 and -3; v3 MQTT-4.3.2-2, v3 MQTT-4.3.3-2;
// v5 MQTT-4.3.2-4 and -5, v5 MQTT-4.3.3-8 and -10 to -12.
TEST_P(BothVersions, EveryMessageIsAnsweredAsItsQoSAsksInTheOrderOfArrival) {
  ClientScript lab(config());
  lab.connect();
  Script& server = lab.server();
  const auto send = [&](const char* topic, QoS qos, std::uint16_t id, bool dup = false) {
    server.send(Publish{text(topic), text("x"), qos, false, dup, id});
  };
  for (const bool dup : {false, true}) {  // answered: the id is free, whatever DUP says
    send("0", q0, 0);
    send("1", q1, 5, dup);
    send("2", q2, 6, dup);
    send("2", q2, 6, true);
    send("3", q1, 7, dup);
    send("4", q2, 8, dup);
    EXPECT_EQ(lab.take_messages(), (std::vector<std::string>{"0", "1", "2", "3", "4"}));
    EXPECT_EQ(server.expect<Puback>().packet_id, 5);
    EXPECT_EQ(server.expect<Pubrec>().packet_id, 6);
    EXPECT_EQ(server.expect<Pubrec>().packet_id, 6);
    EXPECT_EQ(server.expect<Puback>().packet_id, 7);
    EXPECT_EQ(server.expect<Pubrec>().packet_id, 8);
    for (const std::uint16_t id : {6, 8}) {
      server.send(Pubrel{id});
      EXPECT_EQ(server.expect<Pubcomp>().packet_id, id);
    }
    server.expect_nothing();
  }
}

// MQTT-4.6.0-4
TEST_P(BothVersions, PubrelsFollowTheOrderOfPubrecs) {
  ClientScript lab(config());
  lab.connect();
  std::uint16_t ids[2];
  for (int i = 0; i < 2; ++i) lab.publish("a", q2);
  for (std::uint16_t& id : ids) id = lab.server().expect<Publish>().packet_id;
  for (const std::uint16_t id : {ids[1], ids[0]}) lab.server().send(Pubrec{id});
  for (const std::uint16_t id : {ids[1], ids[0]})
    EXPECT_EQ(lab.server().expect<Pubrel>().packet_id, id);
}

// v3 MQTT-3.14.4-1 and -2, v5 MQTT-3.14.4-1 and -2.
TEST_P(BothVersions, NothingFollowsDisconnectButTheClose) {
  ClientScript lab(config(true));
  lab.connect(true);
  lab.server().send(Publish{text("a"), text("x"), q1, false, false, 5});
  lab.client().stop(lab.now());
  lab.publish("b", q1);
  static_cast<void>(lab.take_messages());
  lab.server().expect<Disconnect>();
  lab.server().expect_nothing();
  EXPECT_TRUE(lab.server().wants_close());
}

// v3 MQTT-4.8.0-1, v5 MQTT-4.13.2-1: 5.0 says why before it closes.
TEST_P(BothVersions, AViolationOfTheServerEndsTheConnection) {
  ClientScript lab(config());
  lab.connect();
  const std::uint8_t no_such_packet[] = {0x00, 0x00};
  lab.server().send(Bytes(no_such_packet));
  if (v5()) {
    EXPECT_EQ(lab.server().expect<Disconnect>().reason, ReasonCode::malformed_packet);
  }
  lab.server().expect_nothing();
  EXPECT_TRUE(lab.server().wants_close());
}

}  // namespace
}  // namespace mqttlab::testing
