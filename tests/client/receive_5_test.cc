// PUBLISH from a server of MQTT 5.0, and what it may not send.
#include <gtest/gtest.h>

#include "tests/support/client_script.h"

namespace mqttlab::testing {
namespace {

using Id = PropertyId;
using Topics = std::vector<std::string>;

Publish message(std::string_view topic, QoS qos = QoS::at_most_once, std::uint16_t id = 0,
                Properties properties = {}) {
  return {text(topic), text("x"), qos, false, false, id, std::move(properties)};
}
/// The server has sent what it may not: DISCONNECT says why, and nothing follows.
void expect_violation(ClientScript& lab, ReasonCode reason, std::string_view statement) {
  EXPECT_EQ(lab.server().expect<Disconnect>().reason, reason);
  lab.server().expect_nothing();
  EXPECT_TRUE(lab.server().wants_close());
  const auto how = lab.event<Disconnected>();
  ASSERT_TRUE(how.violation);
  EXPECT_EQ(how.violation->statement, statement);
}

TEST(ClientReceive5, PropertiesReachTheApplicationWithoutTheAlias_MQTT_3_3_2_10) {
  ClientConfig config = v5();
  config.topic_alias_maximum = 2;
  ClientScript lab(config);
  lab.connect();
  Properties kept;
  kept.add(Id::subscription_identifier, 3).add(Id::subscription_identifier, 300);
  kept.add_user("a", "1").add_user("a", "2").add(Id::response_topic, "r");
  Properties sent = kept;
  sent.add(Id::topic_alias, 2);
  lab.server().send(message("long/topic", QoS::at_least_once, 1, sent));
  lab.server().send(message("", QoS::at_most_once, 0, only(Id::topic_alias, 2)));
  auto received = lab.event<Received>();
  EXPECT_EQ(received.topic.text(), "long/topic");
  EXPECT_EQ(received.properties, kept);
  received = lab.event<Received>();
  EXPECT_EQ(received.topic.text(), "long/topic");
  EXPECT_TRUE(received.properties.empty());
  lab.reconnect(true);  // MQTT-3.3.2-7: no alias lives longer than its link
  lab.event<Connected>();
  lab.server().send(message("", QoS::at_most_once, 0, only(Id::topic_alias, 2)));
  expect_violation(lab, ReasonCode::protocol_error, "U-3.3.4-3");
}

TEST(ClientReceive5, WrongAliasesEndTheLink_U_3_3_4_2_U_3_3_4_3_U_3_3_2_1_1) {
  struct Case {
    const char* topic;
    std::uint32_t alias;
    ReasonCode reason;
    const char* statement;
  };
  for (const Case& wrong : {Case{"a", 3, ReasonCode::topic_alias_invalid, "U-3.3.4-2"},
                            Case{"", 2, ReasonCode::protocol_error, "U-3.3.4-3"}}) {
    ClientConfig config = v5();
    config.topic_alias_maximum = 2;
    ClientScript lab(config);
    lab.connect();
    lab.server().send(
        message(wrong.topic, QoS::at_most_once, 0, only(Id::topic_alias, wrong.alias)));
    expect_violation(lab, wrong.reason, wrong.statement);
  }
  ClientScript lab(v5());  // takes none
  lab.connect();
  lab.server().send(message("a", QoS::at_most_once, 0, only(Id::topic_alias, 1)));
  expect_violation(lab, ReasonCode::topic_alias_invalid, "U-3.3.4-2");
  ClientScript bare(v5());
  bare.connect();
  bare.server().send(message(""));
  expect_violation(bare, ReasonCode::protocol_error, "U-3.3.2.1-1");
}

TEST(ClientReceive5, MoreThanTheReceiveMaximumEndsTheLink_MQTT_3_3_4_9_U_3_3_4_4) {
  ClientConfig config = v5();
  config.receive_maximum = 2;
  ClientScript lab(config);
  lab.connect();
  lab.server().send(message("1", QoS::at_least_once, 1));
  lab.server().send(message("2", QoS::exactly_once, 2));
  lab.server().send(message("0"));
  EXPECT_EQ(lab.take_messages(), (Topics{"1", "2", "0"}));
  lab.server().rest();
  lab.server().send(message("3", QoS::at_least_once, 3));  // 1 has its PUBACK
  lab.server().send(Pubrel{2});
  EXPECT_EQ(lab.server().expect<Pubcomp>().reason, ReasonCode::success);
  lab.server().send(message("4", QoS::exactly_once, 4));  // 2 has its PUBCOMP
  EXPECT_TRUE(lab.client().connected());
  lab.server().send(message("5", QoS::at_least_once, 5));  // 3 and 4 wait in the inbox
  expect_violation(lab, ReasonCode::receive_maximum_exceeded, "U-3.3.4-4");
}

TEST(ClientReceive5, CountingBeginsAnewOnEachLink) {
  ClientConfig config = v5();
  config.receive_maximum = 1;
  ClientScript lab(config);
  lab.connect();
  for (int link = 0; link < 3; ++link) {
    lab.server().send(message("1", QoS::exactly_once, 1));
    lab.reconnect(true);
  }
  EXPECT_TRUE(lab.client().connected());
}

TEST(ClientReceive5, APubrelOfAnUnknownIdSaysSo) {
  ClientScript lab(v5());
  lab.connect();
  lab.server().send(Pubrel{9});
  EXPECT_EQ(lab.server().expect<Pubcomp>().reason, ReasonCode::packet_identifier_not_found);
}

TEST(ClientReceive5, ProblemInformationThatWasNotAskedForEndsTheLink_U_3_1_2_11_7_3) {
  const Properties why = Properties().add(Id::reason_string, "because");
  const Properties user = Properties().add_user("a", "b");
  const auto suback = [](Properties with) { return Suback{1, {0}, std::move(with)}; };
  struct Case {
    Packet packet;
    bool allowed;
  };
  for (const Case& one : std::vector<Case>{
           {Puback{1, {}, why}, false},
           {Pubrec{1, {}, user}, false},
           {Pubrel{1, {}, why}, false},
           {Pubcomp{1, {}, why}, false},
           {suback(user), false},
           {Unsuback{1, {ReasonCode::success}, why}, false},
           {suback({}), true},
           {Disconnect{ReasonCode::server_busy, why}, true},
           {message("a", QoS::at_most_once, 0, user), true},
       }) {
    SCOPED_TRACE(describe(one.packet));
    for (const bool asked : {true, false}) {
      ClientConfig config = v5();
      config.request_problem_information = asked;
      ClientScript lab(config);
      lab.connect(false, why);  // CONNACK may always have it
      lab.server().send(one.packet);
      if (asked || one.allowed) {
        while (auto event = lab.client().poll(lab.now())) {
          const auto* how = std::get_if<Disconnected>(&*event);
          EXPECT_FALSE(how && how->violation);
        }
      } else {
        expect_violation(lab, ReasonCode::protocol_error, "U-3.1.2.11.7-3");
      }
    }
  }
}

}  // namespace
}  // namespace mqttlab::testing
