// PUBLISH to a server of MQTT 5.0: properties, aliases, expiry, its limits and its answers.
#include <gtest/gtest.h>

#include "tests/support/client_script.h"

namespace mqttlab::testing {
namespace {

using Id = PropertyId;
using Completions = std::vector<std::pair<Token, Outcome>>;

std::variant<Token, Misuse> publish(ClientScript& lab, QoS qos, Properties properties,
                                    bool retain = false, std::string_view payload = "x") {
  return lab.client().publish(text("a"), text(payload), qos, retain, lab.now(),
                              std::move(properties));
}
/// Every completion that waits, with its reason.
std::vector<Completed> completed(ClientScript& lab) {
  std::vector<Completed> all;
  while (auto event = lab.client().poll(lab.now())) {
    if (auto* done = std::get_if<Completed>(&*event)) all.push_back(std::move(*done));
  }
  return all;
}

TEST(ClientPublish5, PropertiesAreWrittenAsGivenAndAgainOnResume) {
  Properties properties;
  properties.add(Id::payload_format_indicator, 1).add(Id::content_type, "text/plain");
  properties.add(Id::response_topic, "r").add(Id::correlation_data, "id");
  properties.add_user("k", "1").add_user("k", "2");
  ClientScript lab(v5());
  lab.connect();
  publish(lab, QoS::at_least_once, properties);
  EXPECT_EQ(lab.server().expect<Publish>().properties, properties);
  lab.reconnect(true);
  EXPECT_EQ(lab.server().expect<Publish>().properties, properties);
}

TEST(ClientPublish5, WrongPropertiesAreAMisuse_MQTT_3_3_4_6_MQTT_3_3_2_13_MQTT_3_3_2_14) {
  ClientScript lab(v5());
  lab.connect();
  const auto misuse = [&](Properties properties) {
    return std::get<Misuse>(publish(lab, QoS::at_most_once, std::move(properties)));
  };
  EXPECT_EQ(misuse(only(Id::subscription_identifier, 1)), Misuse::bad_argument);
  EXPECT_EQ(misuse(only(Id::topic_alias, 1)), Misuse::bad_argument);
  EXPECT_EQ(misuse(only(Id::receive_maximum, 1)), Misuse::bad_argument);
  EXPECT_EQ(misuse(only(Id::payload_format_indicator, 2)), Misuse::bad_argument);
  EXPECT_EQ(misuse(Properties().add(Id::response_topic, "a/#")), Misuse::bad_argument);
  EXPECT_EQ(misuse(Properties().add(Id::response_topic, "\xff")), Misuse::bad_argument);
  EXPECT_EQ(misuse(Properties().add(Id::content_type, "\xff")), Misuse::bad_argument);
  ClientScript old({.client_id = "c"});
  EXPECT_EQ(std::get<Misuse>(publish(old, QoS::at_least_once, Properties().add_user("a", "b"))),
            Misuse::bad_argument);
}

TEST(ClientPublish5, AliasesStayBelowBothLimitsAndEndWithTheLink_MQTT_3_2_2_17_MQTT_3_3_2_7) {
  ClientConfig config = v5();
  config.send_topic_alias_maximum = 2;
  ClientScript lab(config);
  lab.connect(false, only(Id::topic_alias_maximum, 1));
  const auto alias = [&](const char* topic, const char* expected) {
    lab.publish(topic, QoS::at_least_once);
    const auto packet = lab.server().expect<Publish>();
    EXPECT_EQ(packet.topic.text(), expected);
    return packet.properties.get<Id::topic_alias>().value_or(0);
  };
  EXPECT_EQ(alias("a", "a"), 1U);
  EXPECT_EQ(alias("a", ""), 1U);
  EXPECT_EQ(alias("b", "b"), 0U);
  lab.reconnect(true, only(Id::topic_alias_maximum, 9));
  for (const char* topic : {"a", "", "b"})
    EXPECT_EQ(lab.server().expect<Publish>().topic, text(topic));
  EXPECT_EQ(alias("c", "c"), 0U);
  lab.reconnect(false);  // MQTT-3.2.2-18
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(lab.server().expect<Publish>().properties.empty());
}

TEST(ClientPublish5, ExpiryCountsFromTheCallAndEndsAMessageThatWaits) {
  ClientScript lab(v5());
  const auto expiry = [](std::uint32_t s) { return only(Id::message_expiry_interval, s); };
  const Token early = std::get<Token>(publish(lab, QoS::at_least_once, expiry(5)));
  publish(lab, QoS::exactly_once, expiry(60));
  lab.after(20 * second);
  lab.connect();
  EXPECT_EQ(lab.server().expect<Publish>().properties.get<Id::message_expiry_interval>(), 40U);
  lab.server().expect_nothing();
  EXPECT_EQ(lab.completions(), (Completions{{early, Outcome::expired}}));
  lab.server().close(CloseCause::reset);
  lab.after(60 * second);
  lab.connect(true);
  const auto again = lab.server().expect<Publish>();
  EXPECT_TRUE(again.dup) << "sent before: goes on (MQTT-4.3.3-7)";
  EXPECT_EQ(again.properties.get<Id::message_expiry_interval>(), 0U);
  publish(lab, QoS::at_most_once, expiry(9));
  EXPECT_EQ(lab.server().expect<Publish>().properties.get<Id::message_expiry_interval>(), 9U);
}

TEST(ClientPublish5, AnExpiredMessageMakesRoomInTheQueue) {
  ClientConfig config = v5();
  config.queue_messages = 1;
  ClientScript lab(config);
  const Token first =
      std::get<Token>(publish(lab, QoS::at_least_once, only(Id::message_expiry_interval, 5)));
  EXPECT_EQ(std::get<Misuse>(publish(lab, QoS::at_least_once, {})), Misuse::queue_full);
  lab.after(5 * second);
  EXPECT_TRUE(std::holds_alternative<Token>(publish(lab, QoS::at_least_once, {})));
  EXPECT_EQ(lab.completions(), (Completions{{first, Outcome::expired}}));
}

TEST(ClientPublish5, AnErrorEndsTheExchangeAsRefused_MQTT_4_4_0_2) {
  ClientScript lab(v5());
  lab.connect();
  const Token one = lab.publish("1", QoS::at_least_once);
  const Token two = lab.publish("2", QoS::exactly_once);
  lab.server().rest();
  const Properties why = Properties().add(Id::reason_string, "full");
  lab.server().send(Puback{1, ReasonCode::quota_exceeded, why});
  lab.server().send(Pubrec{2, ReasonCode::not_authorized, {}});
  lab.server().expect_nothing();
  const auto all = completed(lab);
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].token, one);
  EXPECT_EQ(all[0].outcome, Outcome::refused);
  EXPECT_EQ(all[0].reason, ReasonCode::quota_exceeded);
  EXPECT_EQ(all[0].properties, why);
  EXPECT_EQ(all[1].token, two);
  EXPECT_EQ(all[1].outcome, Outcome::refused);
  EXPECT_EQ(all[1].reason, ReasonCode::not_authorized);
  lab.reconnect(true);
  lab.server().expect_nothing();
}

TEST(ClientPublish5, OtherAnswersAreDoneWithTheirReason) {
  ClientScript lab(v5());
  lab.connect();
  lab.publish("1", QoS::at_least_once);
  lab.publish("2", QoS::exactly_once);
  lab.server().rest();
  lab.server().send(Puback{1, ReasonCode::no_matching_subscribers});
  lab.server().send(Pubrec{2, ReasonCode::no_matching_subscribers});
  EXPECT_EQ(lab.server().expect<Pubrel>().packet_id, 2);  // MQTT-4.3.3-4
  lab.server().send(Pubcomp{2, ReasonCode::packet_identifier_not_found});
  const auto all = completed(lab);
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].outcome, Outcome::done);
  EXPECT_EQ(all[0].reason, ReasonCode::no_matching_subscribers);
  EXPECT_EQ(all[1].outcome, Outcome::done) << "the server had it before it forgot the id";
}

TEST(ClientPublish5, APubrecOfAnUnknownIdIsAnswered) {
  ClientScript lab(v5());
  lab.connect();
  lab.server().send(Pubrec{77});
  const auto pubrel = lab.server().expect<Pubrel>();
  EXPECT_EQ(pubrel.packet_id, 77);
  EXPECT_EQ(pubrel.reason, ReasonCode::packet_identifier_not_found);
}

TEST(ClientPublish5, NothingIsRepeatedOnALiveLink_MQTT_4_4_0_1) {
  ClientScript lab(v5());
  lab.connect();
  lab.publish("a", QoS::exactly_once);
  lab.server().expect<Publish>();
  lab.server().send(Pubrec{1});
  lab.server().expect<Pubrel>();
  lab.server().send(Pubrec{1});
  lab.server().expect_nothing();
}

TEST(ClientPublish5, TheServersReceiveMaximumIsTheQuotaOfEachLink_MQTT_3_3_4_7_MQTT_3_3_4_8) {
  ClientScript lab(v5());
  lab.connect(false, only(Id::receive_maximum, 2));
  for (const char* topic : {"1", "2", "3"}) lab.publish(topic, QoS::exactly_once);
  lab.publish("0", QoS::at_most_once);
  lab.subscribe("s");
  EXPECT_EQ(lab.server().expect<Publish>().topic.text(), "1");
  EXPECT_EQ(lab.server().expect<Publish>().topic.text(), "2");
  EXPECT_EQ(lab.server().expect<Publish>().topic.text(), "0");
  lab.server().send(Suback{lab.server().expect<Subscribe>().packet_id, {0}, {}});
  lab.server().expect_nothing();
  lab.server().send(Pubrec{1});
  lab.server().expect<Pubrel>();
  lab.server().expect_nothing();
  lab.reconnect(true, only(Id::receive_maximum, 1));
  EXPECT_EQ(lab.server().expect<Pubrel>().packet_id, 1);
  EXPECT_EQ(lab.server().expect<Publish>().topic.text(), "2");
  lab.server().rest();
  lab.server().send(Pubrec{2, ReasonCode::quota_exceeded});
  EXPECT_EQ(lab.server().expect<Publish>().topic.text(), "3");
}

struct Limit {
  const char* what;
  Properties told;
  QoS qos;
  bool retain;
  std::size_t payload_bytes;
  Misuse misuse;
  ReasonCode reason;
};

TEST(ClientPublish5, TheServersLimitsHold_MQTT_3_2_2_11_MQTT_3_2_2_14_MQTT_3_2_2_15) {
  const std::vector<Limit> limits{
      {"QoS 2 over 1", only(Id::maximum_qos, 1), QoS::exactly_once, false, 1, Misuse::not_supported,
       ReasonCode::qos_not_supported},
      {"QoS 1 over 0", only(Id::maximum_qos, 0), QoS::at_least_once, false, 1,
       Misuse::not_supported, ReasonCode::qos_not_supported},
      {"RETAIN", only(Id::retain_available, 0), QoS::at_least_once, true, 1, Misuse::not_supported,
       ReasonCode::retain_not_supported},
      // Fixed header 2, topic 3, id 2, properties 1.
      {"size", only(Id::maximum_packet_size, 20), QoS::at_least_once, false, 13, Misuse::too_large,
       ReasonCode::packet_too_large},
  };
  for (const Limit& limit : limits) {
    SCOPED_TRACE(limit.what);
    ClientScript lab(v5());
    const std::string payload(limit.payload_bytes, 'x');
    const auto call = [&] { return publish(lab, limit.qos, {}, limit.retain, payload); };
    const Token token = std::get<Token>(call());  // before anybody knew
    const Token behind = lab.publish("b", QoS::at_most_once);
    EXPECT_EQ(lab.completions(), (Completions{{behind, Outcome::failed}}));
    lab.connect(false, limit.told);
    lab.server().expect_nothing();
    const auto all = completed(lab);
    ASSERT_EQ(all.size(), 1U);
    EXPECT_EQ(all[0].token, token);
    EXPECT_EQ(all[0].outcome, Outcome::refused);
    EXPECT_EQ(all[0].reason, limit.reason);
    EXPECT_EQ(std::get<Misuse>(call()), limit.misuse);
    lab.server().expect_nothing();
    lab.reconnect(true);
    EXPECT_TRUE(std::holds_alternative<Token>(call())) << "another link, other terms";
    lab.server().expect<Publish>();
  }
  ClientScript lab(v5());
  lab.connect(false, only(Id::maximum_packet_size, 20));
  publish(lab, QoS::at_least_once, {}, false, std::string(12, 'x'));
  EXPECT_EQ(bytes_of(lab.server().expect<Publish>(), v5_0).size(), 20U);
}

TEST(ClientPublish5, WhatIsInFlightGoesNoFurtherThanANewLinksLimits) {
  for (const auto& told : {only(Id::maximum_qos, 0), only(Id::maximum_packet_size, 10)}) {
    ClientScript lab(v5());
    lab.connect();
    const Token one = lab.publish("1", QoS::at_least_once, "0123456789");
    const Token two = lab.publish("2", QoS::exactly_once, "0123456789");
    const Token taken = lab.publish("3", QoS::exactly_once);
    lab.server().rest();
    lab.server().send(Pubrec{3});
    lab.server().expect<Pubrel>();
    lab.reconnect(true, told);
    EXPECT_EQ(lab.server().expect<Pubrel>().packet_id, 2) << "the server may have it";
    EXPECT_EQ(lab.server().expect<Pubrel>().packet_id, 3);
    lab.server().expect_nothing();
    EXPECT_EQ(lab.completions(), (Completions{{one, Outcome::refused}, {two, Outcome::refused}}));
    lab.server().send(Pubcomp{2, ReasonCode::packet_identifier_not_found});
    lab.server().send(Pubcomp{3});
    EXPECT_EQ(lab.completions(), (Completions{{taken, Outcome::done}})) << "each once";
  }
}

TEST(ClientPublish5, WhatGoesNoFurtherIsToldOnceThoughItsSessionIsLost) {
  ClientScript lab(v5());
  lab.connect();
  const Token token = lab.publish("1", QoS::exactly_once, "0123456789");
  lab.server().rest();
  lab.reconnect(true, only(Id::maximum_packet_size, 10));
  lab.reconnect(false);
  EXPECT_EQ(lab.completions(), (Completions{{token, Outcome::refused}}));
}

}  // namespace
}  // namespace mqttlab::testing
