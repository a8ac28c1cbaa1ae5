#include <gtest/gtest.h>

#include "tests/support/client_script.h"

namespace mqttlab::testing {
namespace {

TEST(ClientSubscribe, CompletesWithTheCodesOfSuback) {
  ClientScript lab(persistent());
  lab.connect();
  const auto token = std::get<Token>(lab.client().subscribe(
      {{text("a/+"), QoS::at_least_once}, {text("b/#"), QoS::exactly_once}}, lab.now()));
  const auto subscribe = lab.server().expect<Subscribe>();
  EXPECT_EQ(filters_of(subscribe), (Filters{"a/+", "b/#"}));
  EXPECT_EQ(subscribe.subscriptions[1].qos, QoS::exactly_once);
  lab.server().send(Suback{subscribe.packet_id, {0, suback_failure}});
  const auto completed = lab.event<Completed>();
  EXPECT_EQ(completed.token, token);
  EXPECT_EQ(completed.codes, (std::vector<std::uint8_t>{0, suback_failure}));
  lab.server().send(Suback{subscribe.packet_id, {0, 0}});
  EXPECT_FALSE(lab.client().has_events()) << "each call completes once";
}

TEST(ClientSubscribe, SharesPacketIdsWithPublish_MQTT_2_3_1_2) {
  ClientScript lab(persistent());
  lab.connect();
  lab.publish("a", QoS::at_least_once);
  lab.subscribe("b");
  lab.unsubscribe("c");
  lab.publish("d", QoS::exactly_once);
  EXPECT_EQ(lab.server().expect<Publish>().packet_id, 1);
  EXPECT_EQ(lab.server().expect<Subscribe>().packet_id, 2);
  EXPECT_EQ(lab.server().expect<Unsubscribe>().packet_id, 3);
  EXPECT_EQ(lab.server().expect<Publish>().packet_id, 4);
}

TEST(ClientSubscribe, AFullWindowDoesNotHoldItBack) {
  ClientConfig config = persistent();
  config.window = 1;
  ClientScript lab(config);
  lab.connect();
  lab.publish("a", QoS::exactly_once);
  lab.publish("b", QoS::exactly_once);
  lab.subscribe("c");
  lab.server().expect<Publish>();
  lab.server().expect<Subscribe>();
  lab.server().expect_nothing();
}

TEST(ClientSubscribe, MisuseIsRefusedAndNamed) {
  ClientConfig config = persistent();
  config.queue_messages = 1;
  ClientScript lab(config);
  const auto refusal = [&](std::vector<Subscription> subscriptions) {
    return std::get<Misuse>(lab.client().subscribe(std::move(subscriptions), lab.now()));
  };
  EXPECT_EQ(refusal({}), Misuse::bad_argument);
  EXPECT_EQ(refusal({{text("a#"), QoS::at_most_once}}), Misuse::bad_topic);
  EXPECT_EQ(refusal({{text(std::string(65'536, 'a')), QoS::at_most_once}}), Misuse::too_large);
  EXPECT_EQ(refusal({{text("a"), static_cast<QoS>(3)}}), Misuse::bad_argument);
  EXPECT_EQ(std::get<Misuse>(lab.client().unsubscribe({}, lab.now())), Misuse::bad_argument);
  EXPECT_EQ(std::get<Misuse>(lab.client().unsubscribe({text("")}, lab.now())), Misuse::bad_topic);
  lab.subscribe("a");
  EXPECT_EQ(refusal({{text("b"), QoS::at_most_once}}), Misuse::queue_full);
}

TEST(ClientSubscribe, ASubackWithTheWrongNumberOfCodesClosesTheLink_MQTT_3_8_4_5) {
  ClientScript lab(persistent());
  lab.connect();
  const Token token = lab.subscribe("a");
  const std::uint16_t id = lab.server().expect<Subscribe>().packet_id;
  lab.server().send(Suback{id, {0, 0}});
  EXPECT_EQ(lab.event<Disconnected>().violation->statement, "MQTT-3.8.4-5");
  lab.reconnect(true);
  EXPECT_EQ(filters_of(lab.server().expect<Subscribe>()), Filters{"a"}) << "still unanswered";
  lab.server().send(Suback{id, {0}});
  EXPECT_EQ(lab.event<Completed>().token, token);
}

TEST(ClientSubscribe, UnansweredRequestsAreRepeatedInOrderUnderTheirIdsAndCompleteOnce) {
  for (const bool session_present : {true, false}) {
    SCOPED_TRACE(session_present);
    ClientScript lab(persistent());
    lab.connect();
    const Token subscribed = lab.subscribe("a");
    const Token unsubscribed = lab.unsubscribe("a");
    const Token again = lab.subscribe("a");
    for (int link = 0; link < 2; ++link) {
      lab.server().rest();
      lab.reconnect(session_present);
    }
    const auto first = lab.server().expect<Subscribe>();
    const auto second = lab.server().expect<Unsubscribe>();
    const auto third = lab.server().expect<Subscribe>();
    lab.server().expect_nothing();
    if (session_present) {
      EXPECT_EQ(first.packet_id, 1);
      EXPECT_EQ(second.packet_id, 2);
      EXPECT_EQ(third.packet_id, 3);
    }
    lab.server().send(Suback{first.packet_id, {0}});
    lab.server().send(Unsuback{second.packet_id});
    lab.server().send(Suback{third.packet_id, {0}});
    using Completions = std::vector<std::pair<Token, Outcome>>;
    EXPECT_EQ(lab.completions(), (Completions{{subscribed, Outcome::done},
                                              {unsubscribed, Outcome::done},
                                              {again, Outcome::done}}));
  }
}

/// Subscribes and has it granted.
void subscribed(ClientScript& lab, std::string_view filter) {
  lab.subscribe(filter);
  lab.server().send(Suback{lab.server().expect<Subscribe>().packet_id, {0}});
  lab.completions();
}

TEST(ClientResubscribe, OnlyWhenTheSessionIsNotPresent) {
  ClientScript lab(persistent());
  lab.connect();
  subscribed(lab, "a");
  lab.reconnect(true);
  lab.server().expect_nothing();
  for (int link = 0; link < 3; ++link) {
    lab.reconnect(false);
    const auto subscribe = lab.server().expect<Subscribe>();
    EXPECT_EQ(filters_of(subscribe), Filters{"a"});
    lab.server().expect_nothing();
    if (link != 1) lab.server().send(Suback{subscribe.packet_id, {0}});  // one answer is cut off
    EXPECT_TRUE(lab.completions().empty()) << "the application's call had completed long ago";
  }
}

TEST(ClientResubscribe, AnUnansweredResubscriptionGoesOnInTheNewSession) {
  ClientScript lab(persistent());
  lab.connect();
  subscribed(lab, "a");
  lab.reconnect(false);
  lab.server().expect<Subscribe>();
  lab.reconnect(true);  // a session again, but perhaps without the filter
  EXPECT_EQ(filters_of(lab.server().expect<Subscribe>()), Filters{"a"});
}

TEST(ClientResubscribe, EveryCleanSessionGetsTheWantedFilters) {
  ClientScript lab({.client_id = "c"});
  lab.connect();
  for (const char* filter : {"a", "b", "c"}) subscribed(lab, filter);
  lab.unsubscribe("b");
  lab.server().rest();
  lab.subscribe("d");
  lab.reconnect(false);
  EXPECT_EQ(filters_of(lab.server().expect<Subscribe>()), (Filters{"a", "c"}));
  EXPECT_EQ(lab.server().expect<Unsubscribe>().filters[0].text(), "b");
  EXPECT_EQ(filters_of(lab.server().expect<Subscribe>()), Filters{"d"});
  lab.server().expect_nothing();
}

TEST(ClientResubscribe, WithTheLastQosAskedForAndWithoutRefusedFilters) {
  ClientScript lab({.client_id = "c"});
  lab.connect();
  lab.subscribe("a", QoS::at_most_once);
  lab.subscribe("a", QoS::exactly_once);
  lab.subscribe("secret");
  for (const std::uint8_t code : {std::uint8_t{0}, std::uint8_t{2}, suback_failure}) {
    lab.server().send(Suback{lab.server().expect<Subscribe>().packet_id, {code}});
  }
  lab.reconnect(false);
  const auto subscribe = lab.server().expect<Subscribe>();
  EXPECT_EQ(filters_of(subscribe), Filters{"a"});
  EXPECT_EQ(subscribe.subscriptions[0].qos, QoS::exactly_once);
}

TEST(ClientResubscribe, ManyFiltersAreSplitIntoPacketsThatAnyServerTakes) {
  ClientConfig config{.client_id = "c"};
  config.queue_messages = 10'000;
  ClientScript lab(config);
  lab.connect();
  for (int i = 0; i < 1'000; ++i) subscribed(lab, "filter/" + std::to_string(i));
  for (int i = 0; i < 10; ++i) subscribed(lab, std::to_string(i) + std::string(10'000, 'x'));
  lab.reconnect(false);
  std::size_t filters = 0;
  while (filters < 1'010) {
    const auto subscribe = lab.server().expect<Subscribe>();
    ASSERT_FALSE(subscribe.subscriptions.empty());
    EXPECT_LT(bytes_of(subscribe).size(), 20'000U);
    filters += subscribe.subscriptions.size();
  }
  lab.server().expect_nothing();
}

}  // namespace
}  // namespace mqttlab::testing
