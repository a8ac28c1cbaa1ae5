// SUBSCRIBE and UNSUBSCRIBE of MQTT 5.0: options, identifiers, codes, and what a server may not
// take.
#include <gtest/gtest.h>

#include "tests/support/client_script.h"

namespace mqttlab::testing {
namespace {

using Id = PropertyId;

Properties identifier(std::uint32_t id) {
  return Properties().add(Id::subscription_identifier, id);
}
std::variant<Token, Misuse> subscribe(ClientScript& lab, Subscription subscription,
                                      Properties properties = {}) {
  return lab.client().subscribe({std::move(subscription)}, lab.now(), std::move(properties));
}
/// Answers the next SUBSCRIBE with the same code for each of its filters.
Subscribe answer(ClientScript& lab, std::uint8_t code) {
  const auto packet = lab.server().expect<Subscribe>();
  lab.server().send(
      Suback{packet.packet_id, std::vector<std::uint8_t>(packet.subscriptions.size(), code), {}});
  return packet;
}

TEST(ClientSubscribe5, OptionsIdentifierAndUserPropertiesAreWrittenAsGiven) {
  ClientScript lab(v5(true));
  lab.connect();
  const Subscription wanted{text("a/+"), QoS::at_least_once, true, true,
                            RetainHandling::send_if_new};
  Properties properties = identifier(7);
  properties.add_user("k", "v");
  subscribe(lab, wanted, properties);
  const auto packet = lab.server().expect<Subscribe>();
  EXPECT_EQ(packet.subscriptions, std::vector{wanted});
  EXPECT_EQ(packet.properties, properties);
}

TEST(ClientSubscribe5, MisuseIsRefused_MQTT_3_8_3_4_MQTT_4_8_2_1_MQTT_4_8_2_2_U_3_8_3_1_2) {
  ClientScript lab(v5(true));
  const auto refusal = [&](Subscription subscription, Properties properties = {}) {
    return std::get<Misuse>(subscribe(lab, std::move(subscription), std::move(properties)));
  };
  EXPECT_EQ(refusal({.filter = text("$share/g/a"), .no_local = true}), Misuse::bad_argument);
  EXPECT_EQ(refusal({.filter = text("a"), .retain_handling = static_cast<RetainHandling>(3)}),
            Misuse::bad_argument);
  EXPECT_EQ(refusal({text("$share//a")}), Misuse::bad_topic);
  EXPECT_EQ(refusal({text("$share/g+/a")}), Misuse::bad_topic);
  EXPECT_EQ(refusal({text("a")}, identifier(0)), Misuse::bad_argument);  // U-3.8.2.1.2-2
  EXPECT_EQ(refusal({text("a")}, Properties().add(Id::topic_alias, 1)), Misuse::bad_argument);
  EXPECT_EQ(std::get<Misuse>(lab.client().unsubscribe({text("a")}, lab.now(), identifier(1))),
            Misuse::bad_argument);
  ClientScript old({.client_id = "c"});
  EXPECT_EQ(std::get<Misuse>(subscribe(old, {text("a")}, identifier(1))), Misuse::bad_argument);
  EXPECT_EQ(std::get<Misuse>(subscribe(old, {.filter = text("a"), .no_local = true})),
            Misuse::bad_argument);
}

TEST(ClientSubscribe5, AnswersAreCompletedWithCodesAndProperties) {
  ClientScript lab(v5(true));
  lab.connect();
  lab.subscribe("a");
  const Properties why = Properties().add(Id::reason_string, "because");
  lab.server().send(Suback{lab.server().expect<Subscribe>().packet_id, {0x87}, why});
  auto completed = lab.event<Completed>();
  EXPECT_EQ(completed.codes, std::vector<std::uint8_t>{0x87});
  EXPECT_EQ(completed.properties, why);
  const Token token = lab.unsubscribe("a");
  const auto id = lab.server().expect<Unsubscribe>().packet_id;
  lab.server().send(Unsuback{id, {ReasonCode::no_subscription_existed}, why});
  completed = lab.event<Completed>();
  EXPECT_EQ(completed.token, token);
  EXPECT_EQ(completed.outcome, Outcome::done);
  EXPECT_EQ(completed.codes, std::vector<std::uint8_t>{0x11});
  EXPECT_EQ(completed.properties, why);
}

TEST(ClientSubscribe5, AnswersWithTheWrongNumberOfCodesEndTheLink_MQTT_3_8_4_6_MQTT_3_11_3_1) {
  for (const bool subscribing : {true, false}) {
    ClientScript lab(v5(true));
    lab.connect();
    subscribing ? lab.subscribe("a") : lab.unsubscribe("a");
    lab.server().rest();
    lab.server().send(subscribing
                          ? Packet(Suback{1, {0, 0}})
                          : Packet(Unsuback{1, {ReasonCode::success, ReasonCode::success}}));
    EXPECT_EQ(lab.server().expect<Disconnect>().reason, ReasonCode::protocol_error);
    EXPECT_EQ(lab.event<Disconnected>().violation->statement,
              subscribing ? "MQTT-3.8.4-6" : "MQTT-3.11.3-1");
  }
}

TEST(ClientSubscribe5, AResubscriptionKeepsOptionsAndIdentifiers) {
  ClientScript lab(v5(true));
  lab.connect();
  const Subscription plain{text("a"), QoS::exactly_once};
  const Subscription special{text("b"), QoS::at_least_once, true, true,
                             RetainHandling::do_not_send};
  const Subscription other{text("c"), QoS::at_most_once};
  subscribe(lab, special, identifier(9));
  subscribe(lab, plain);
  subscribe(lab, other, identifier(9));
  for (int i = 0; i < 3; ++i) answer(lab, 0);
  for (int link = 0; link < 2; ++link) {
    lab.reconnect(false);
    const auto without = answer(lab, 0);
    EXPECT_EQ(without.subscriptions, std::vector{plain});
    EXPECT_TRUE(without.properties.empty());
    const auto with = answer(lab, 0);
    EXPECT_EQ(with.subscriptions, (std::vector{special, other}));
    EXPECT_EQ(with.properties, identifier(9));
    lab.server().expect_nothing();
  }
}

TEST(ClientSubscribe5, ARefusedResubscriptionIsToldAndNotWantedAnyMore) {
  for (const auto version : {ProtocolVersion::v3_1_1, v5_0}) {
    ClientConfig config = v5(true);
    config.version = version;
    ClientScript lab(config);
    lab.connect();
    lab.subscribe("a");
    lab.subscribe("b");
    for (int i = 0; i < 2; ++i) answer(lab, 0);
    lab.reconnect(false);
    const auto again = lab.server().expect<Subscribe>();
    EXPECT_EQ(filters_of(again), (Filters{"a", "b"}));
    lab.server().send(Suback{again.packet_id, {0, suback_failure}});
    const auto lost = lab.event<SubscriptionLost>();
    EXPECT_EQ(lost.filter.text(), "b");
    EXPECT_EQ(lost.code, suback_failure);
    EXPECT_FALSE(lab.client().has_events());
    lab.reconnect(false);
    EXPECT_EQ(filters_of(lab.server().expect<Subscribe>()), Filters{"a"});
  }
}

struct SubscribeLimit {
  const char* filter;
  Properties with;
  Id told;
  ReasonCode reason;
};
const std::vector<SubscribeLimit> limits{
    {"$share/g/a",
     {},
     Id::shared_subscription_available,
     ReasonCode::shared_subscriptions_not_supported},
    {"a/+",
     {},
     Id::wildcard_subscription_available,
     ReasonCode::wildcard_subscriptions_not_supported},
    {"a", identifier(1), Id::subscription_identifier_available,
     ReasonCode::subscription_identifiers_not_supported},
};

TEST(ClientSubscribe5, WhatTheServerDoesNotTakeIsAMisuse_U_3_2_2_3_11_3_and_12_3_and_13_3) {
  for (const SubscribeLimit& limit : limits) {
    SCOPED_TRACE(limit.filter);
    ClientScript lab(v5(true));
    lab.connect(false, Properties().add(limit.told, 0));
    EXPECT_EQ(std::get<Misuse>(subscribe(lab, {text(limit.filter)}, limit.with)),
              Misuse::not_supported);
    lab.server().expect_nothing();
    ClientScript able(v5(true));
    able.connect(false, Properties().add(limit.told, 1));
    EXPECT_TRUE(std::holds_alternative<Token>(subscribe(able, {text(limit.filter)}, limit.with)));
    able.server().expect<Subscribe>();
  }
}

TEST(ClientSubscribe5, WhatWasAskedForBeforeTheServerSaidNoIsRefused) {
  for (const SubscribeLimit& limit : limits) {
    SCOPED_TRACE(limit.filter);
    ClientScript lab(v5(true));
    const Token token = std::get<Token>(subscribe(lab, {text(limit.filter)}, limit.with));
    lab.connect(false, Properties().add(limit.told, 0));
    lab.server().expect_nothing();
    const auto completed = lab.event<Completed>();
    EXPECT_EQ(completed.token, token);
    EXPECT_EQ(completed.outcome, Outcome::refused);
    EXPECT_EQ(completed.reason, limit.reason);
    lab.reconnect(false);
    lab.server().expect_nothing();
  }
}

TEST(ClientSubscribe5, OfAResubscriptionTheServerGetsWhatItTakes) {
  ClientScript lab(v5(true));
  lab.connect();
  for (const char* filter : {"a", "b/+", "c", "d", "e"}) {
    lab.subscribe(filter);
    answer(lab, 0);
  }
  lab.reconnect(false, Properties().add(Id::wildcard_subscription_available, 0));
  Filters again;
  while (again.size() < 4) {
    const Filters some = filters_of(answer(lab, 0));
    ASSERT_FALSE(some.empty());
    again.insert(again.end(), some.begin(), some.end());
  }
  lab.server().expect_nothing();
  EXPECT_EQ(again, (Filters{"a", "c", "d", "e"}));
  const auto lost = lab.event<SubscriptionLost>();
  EXPECT_EQ(lost.filter.text(), "b/+");
  EXPECT_EQ(lost.code, 0xA2);
  EXPECT_FALSE(lab.client().has_events());
}

TEST(ClientSubscribe5, NoPacketIsLargerThanTheServerTakes_MQTT_3_2_2_15) {
  const Properties small = Properties().add(Id::maximum_packet_size, 100);
  ClientScript lab(v5(true));
  const std::string longest(91, 'x');  // fixed header 2, id 2, properties 1, length 2, options 1
  for (const std::string& filter : {std::string("a"), longest + "yy", longest}) {
    lab.subscribe(filter);
  }
  lab.connect(false, small);
  EXPECT_EQ(filters_of(answer(lab, 0)), Filters{"a"});
  EXPECT_EQ(filters_of(answer(lab, 0)), Filters{longest});
  lab.server().expect_nothing();
  bool refused = false;
  while (auto event = lab.client().poll(lab.now())) {
    const auto* completed = std::get_if<Completed>(&*event);
    if (!completed || completed->outcome != Outcome::refused) continue;
    refused = true;
    EXPECT_EQ(completed->reason, ReasonCode::packet_too_large);
  }
  EXPECT_TRUE(refused);
  EXPECT_EQ(std::get<Misuse>(subscribe(lab, {text(longest + "yy")})), Misuse::too_large);
  const std::vector<Slice> filters{text(longest + "yyy")};
  EXPECT_EQ(std::get<Misuse>(lab.client().unsubscribe(filters, lab.now())), Misuse::too_large);
  for (int i = 0; i < 20; ++i) lab.subscribe("filter/" + std::to_string(i));
  for (int i = 0; i < 20; ++i) answer(lab, 0);
  lab.reconnect(false, small);
  std::size_t filters_again = 0;
  while (filters_again < 22) {
    const auto packet = answer(lab, 0);
    ASSERT_FALSE(packet.subscriptions.empty());
    EXPECT_LE(bytes_of(packet, v5_0).size(), 100U);
    filters_again += packet.subscriptions.size();
  }
  lab.server().expect_nothing();
}

}  // namespace
}  // namespace mqttlab::testing
