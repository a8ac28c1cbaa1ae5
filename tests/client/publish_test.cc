#include <gtest/gtest.h>

#include "tests/support/client_script.h"

namespace mqttlab::testing {
namespace {

using Completions = std::vector<std::pair<Token, Outcome>>;
constexpr auto done = Outcome::done;
constexpr auto failed = Outcome::failed;

TEST(ClientPublish, Qos0IsDoneWhenTheTransportTookItWhole_MQTT_4_3_1_1) {
  ClientScript lab(persistent());
  lab.connect();
  const Token token = lab.publish("a", QoS::at_most_once, "payload");
  std::array<Bytes, 8> pieces;
  ASSERT_EQ(lab.server().peer().pending(pieces), 1U);
  lab.server().peer().sent(pieces[0].size() - 1, lab.now());
  EXPECT_EQ(lab.completions(), Completions{});
  lab.server().peer().sent(1, lab.now());
  EXPECT_EQ(lab.completions(), (Completions{{token, done}}));
}

TEST(ClientPublish, Qos0CarriesNoIdAndNoDup_MQTT_3_3_1_2) {
  ClientScript lab(persistent());
  lab.connect();
  static_cast<void>(lab.client().publish(text("a"), text("b"), QoS::at_most_once, true, lab.now()));
  const auto publish = lab.server().expect<Publish>();
  EXPECT_EQ(publish.packet_id, 0);
  EXPECT_FALSE(publish.dup);
  EXPECT_TRUE(publish.retain);
}

TEST(ClientPublish, Qos0IsNeverKept) {
  ClientScript lab(persistent());
  const Token offline = lab.publish("a", QoS::at_most_once);
  EXPECT_EQ(lab.completions(), (Completions{{offline, failed}}));
  lab.connect();
  const Token unsent = lab.publish("b", QoS::at_most_once);
  lab.server().close(CloseCause::reset);
  EXPECT_EQ(lab.completions(), (Completions{{unsent, failed}}));
  lab.redial();
  lab.connect(true);
  lab.server().expect_nothing();
}

TEST(ClientPublish, Qos0OverTheOutboxLimitFails) {
  ClientConfig config = persistent();
  config.outbox_bytes = 100;
  ClientScript lab(config);
  lab.connect();
  const std::string payload(100, 'x');
  lab.publish("a", QoS::at_most_once, payload);
  const Token dropped = lab.publish("a", QoS::at_most_once, payload);
  EXPECT_EQ(lab.completions(), (Completions{{dropped, failed}}));
  lab.server().expect<Publish>();
  lab.server().expect_nothing();
}

TEST(ClientPublish, Qos1_MQTT_4_3_2_1) {
  ClientScript lab(persistent());
  lab.connect();
  const Token token = lab.publish("a", QoS::at_least_once);
  const auto publish = lab.server().expect<Publish>();
  EXPECT_FALSE(publish.dup);
  EXPECT_NE(publish.packet_id, 0);
  EXPECT_EQ(lab.completions(), Completions{});
  lab.server().send(Puback{publish.packet_id});
  lab.server().send(Puback{publish.packet_id});  // once too often: ignored
  EXPECT_EQ(lab.completions(), (Completions{{token, done}}));
  EXPECT_EQ(lab.client().in_flight(), 0U);
}

TEST(ClientPublish, Qos2_MQTT_4_3_3_1) {
  ClientScript lab(persistent());
  lab.connect();
  const Token token = lab.publish("a", QoS::exactly_once);
  const std::uint16_t id = lab.server().expect<Publish>().packet_id;
  lab.server().send(Pubrec{id});
  EXPECT_EQ(lab.server().expect<Pubrel>().packet_id, id);
  EXPECT_EQ(lab.completions(), Completions{});
  lab.server().send(Pubcomp{id});
  EXPECT_EQ(lab.completions(), (Completions{{token, done}}));
}

TEST(ClientPublish, PubrelsFollowTheOrderOfPubrecs_MQTT_4_6_0_4) {
  ClientScript lab(persistent());
  lab.connect();
  for (int i = 0; i < 3; ++i) lab.publish("a", QoS::exactly_once);
  lab.server().rest();
  for (const std::uint16_t id : {3, 1, 2}) lab.server().send(Pubrec{id});
  for (const std::uint16_t id : {3, 1, 2}) EXPECT_EQ(lab.server().expect<Pubrel>().packet_id, id);
}

TEST(ClientPublish, WindowHoldsBackAndLetsGoInOrder) {
  ClientConfig config = persistent();
  config.window = 2;
  ClientScript lab(config);
  lab.connect();
  for (const char* topic : {"1", "2", "3", "4"}) lab.publish(topic, QoS::exactly_once);
  EXPECT_EQ(lab.server().expect<Publish>().topic.text(), "1");
  EXPECT_EQ(lab.server().expect<Publish>().topic.text(), "2");
  lab.server().expect_nothing();
  EXPECT_EQ(lab.client().queued(), 2U);
  lab.publish("0", QoS::at_most_once);
  EXPECT_EQ(lab.server().expect<Publish>().topic.text(), "0") << "QoS 0 needs no window";
  lab.server().send(Pubrec{2});
  lab.server().expect<Pubrel>();
  lab.server().expect_nothing();
  lab.server().send(Pubcomp{2});
  EXPECT_EQ(lab.server().expect<Publish>().topic.text(), "3");
  EXPECT_EQ(lab.client().in_flight(), 2U);
}

TEST(ClientPublish, OfflineQueueIsBoundedByMessagesAndBytes) {
  ClientConfig config = persistent();
  config.queue_messages = 3;
  config.queue_bytes = 10;
  ClientScript lab(config);
  const auto publish = [&](std::string_view payload) {
    return lab.client().publish(text("t"), text(payload), QoS::at_least_once, false, lab.now());
  };
  EXPECT_TRUE(std::holds_alternative<Token>(publish("1234")));         // 5 bytes
  EXPECT_EQ(std::get<Misuse>(publish("123456")), Misuse::queue_full);  // 12 bytes
  EXPECT_TRUE(std::holds_alternative<Token>(publish("")));
  EXPECT_TRUE(std::holds_alternative<Token>(publish("")));
  EXPECT_EQ(std::get<Misuse>(publish("")), Misuse::queue_full);
  EXPECT_EQ(lab.client().queued(), 3U);
  lab.connect();
  EXPECT_EQ(lab.server().rest().size(), 3U);
  EXPECT_EQ(lab.client().queued(), 0U);
  EXPECT_TRUE(std::holds_alternative<Token>(publish("12345678901")))
      << "the limit is the queue's: what goes out at once does not count";
  lab.server().close(CloseCause::reset);
  EXPECT_TRUE(std::holds_alternative<Token>(publish("123456789")))
      << "sent messages gave room back";
}

TEST(ClientPublish, AQueueLargerThanTheWindowDrainsCompletelyAndInOrder) {
  ClientConfig config = persistent();
  config.window = 3;
  ClientScript lab(config);
  for (int i = 0; i < 100; ++i) lab.publish(std::to_string(i), QoS::at_least_once);
  lab.connect();
  for (int i = 0; i < 100; ++i) {
    const auto publish = lab.server().expect<Publish>();
    ASSERT_EQ(publish.topic.text(), std::to_string(i));
    lab.server().send(Puback{publish.packet_id});
  }
  EXPECT_EQ(lab.completions().size(), 100U);
}

TEST(ClientPublish, SlowTransportHoldsTheQueueNotTheOutbox) {
  ClientConfig config = persistent();
  config.outbox_bytes = 1'000;
  config.window = 1'000;
  ClientScript lab(config);
  lab.connect();
  for (int i = 0; i < 100; ++i) lab.publish("t", QoS::at_least_once, std::string(100, 'x'));
  EXPECT_LE(lab.client().in_flight(), 10U);
  EXPECT_EQ(lab.server().rest().size(), 100U) << "each sent() lets more follow";
}

TEST(ClientPublish, CompletionsThatNobodyTakesStopTheCalls) {
  ClientConfig config = persistent();
  config.inbox_messages = 3;
  ClientScript lab(config);
  for (int i = 0; i < 3; ++i) lab.publish("a", QoS::at_most_once);  // offline: failed
  const auto publish = [&](QoS qos) {
    return lab.client().publish(text("a"), text("x"), qos, false, lab.now());
  };
  for (const QoS qos : {QoS::at_most_once, QoS::at_least_once}) {
    EXPECT_EQ(std::get<Misuse>(publish(qos)), Misuse::queue_full);
  }
  const auto subscribed = lab.client().subscribe({{text("a"), QoS::at_most_once}}, lab.now());
  EXPECT_EQ(std::get<Misuse>(subscribed), Misuse::queue_full);
  lab.event<Completed>();
  EXPECT_TRUE(std::holds_alternative<Token>(publish(QoS::at_most_once)));
}

TEST(ClientPublish, MisuseIsRefusedAndNamed) {
  ClientScript lab(persistent());
  const auto refusal = [&](std::string_view topic, QoS qos) {
    return std::get<Misuse>(lab.client().publish(text(topic), text("x"), qos, false, lab.now()));
  };
  EXPECT_EQ(refusal("", QoS::at_most_once), Misuse::bad_topic);
  EXPECT_EQ(refusal("a/#", QoS::at_most_once), Misuse::bad_topic);
  EXPECT_EQ(refusal(std::string_view("a\0b", 3), QoS::at_most_once), Misuse::bad_topic);
  EXPECT_EQ(refusal(std::string(65'536, 'a'), QoS::at_most_once), Misuse::too_large);
  EXPECT_EQ(refusal("a", static_cast<QoS>(3)), Misuse::bad_argument);
  EXPECT_FALSE(lab.client().has_events());
}

// Resume.

TEST(ClientResume, EachExchangeGoesOnAtItsStage_MQTT_4_4_0_1) {
  ClientScript lab(persistent());
  lab.connect();
  const Token one = lab.publish("1", QoS::at_least_once);
  const Token two = lab.publish("2", QoS::exactly_once);
  const Token three = lab.publish("3", QoS::exactly_once);
  lab.server().rest();
  lab.server().send(Pubrec{2});
  for (int link = 0; link < 3; ++link) {
    lab.reconnect(true);
    EXPECT_EQ(lab.server().rest(),
              (std::vector<std::string>{
                  describe(Pubrel{2}),
                  describe(Publish{text("1"), text("x"), QoS::at_least_once, false, true, 1}),
                  describe(Publish{text("3"), text("x"), QoS::exactly_once, false, true, 3})}));
  }
  lab.server().send(Puback{1});
  lab.server().send(Pubcomp{2});
  lab.server().send(Pubrec{3});
  lab.server().expect<Pubrel>();
  lab.server().send(Pubcomp{3});
  EXPECT_EQ(lab.completions(), (Completions{{one, done}, {two, done}, {three, done}}));
}

TEST(ClientResume, NewMessagesFollowThoseSentAgainAndANewCutLosesNone) {
  ClientConfig config = persistent();
  config.window = 4;
  config.outbox_bytes = 1;  // one PUBLISH at a time
  ClientScript lab(config);
  lab.connect();
  for (const char* topic : {"1", "2", "3"}) lab.publish(topic, QoS::at_least_once);
  lab.server().rest();
  lab.server().close(CloseCause::reset);
  lab.publish("4", QoS::at_least_once);
  lab.redial();
  lab.connect(true);
  lab.publish("5", QoS::at_least_once);
  std::array<Bytes, 8> pieces;
  ASSERT_EQ(lab.server().peer().pending(pieces), 1U);  // "1" again; cut in the middle of the resume
  EXPECT_EQ(pieces[0].size(),
            bytes_of(Publish{text("1"), text("x"), QoS::at_least_once, false, true, 1}).size());
  lab.reconnect(true);
  std::string order;
  for (int i = 0; i < 4; ++i) order += lab.server().expect<Publish>().topic.text();
  EXPECT_EQ(order, "1234");
  lab.server().send(Puback{2});
  EXPECT_EQ(lab.server().expect<Publish>().topic.text(), "5");
}

TEST(ClientResume, AServerThatLostTheSessionGetsFreshExchangesOrNone) {
  ClientConfig config = persistent();
  config.window = 3;
  ClientScript lab(config);
  lab.connect();
  const Token one = lab.publish("1", QoS::at_least_once);
  const Token two = lab.publish("2", QoS::exactly_once);
  const Token three = lab.publish("3", QoS::exactly_once);
  lab.publish("4", QoS::at_least_once);  // behind the window
  lab.server().rest();
  lab.server().send(Pubrec{2});
  lab.server().expect<Pubrel>();
  lab.reconnect(false);
  EXPECT_EQ(lab.completions(), (Completions{{two, failed}}));
  std::string order;
  for (int i = 0; i < 3; ++i) {
    const auto publish = lab.server().expect<Publish>();
    EXPECT_FALSE(publish.dup) << "a new exchange in a new session";
    order += publish.topic.text();
    if (publish.qos == QoS::at_least_once) lab.server().send(Puback{publish.packet_id});
  }
  EXPECT_EQ(order, "134");
  const auto completions = lab.completions();
  EXPECT_EQ(completions.front(), std::pair(one, done));
  EXPECT_EQ(lab.client().in_flight(), 1U);
  static_cast<void>(three);
}

TEST(ClientResume, ACleanSessionEndsWithItsLink_MQTT_3_1_2_6) {
  ClientScript lab({.client_id = "c", .window = 2});
  lab.connect();
  const Token one = lab.publish("1", QoS::at_least_once);
  const Token two = lab.publish("2", QoS::exactly_once);
  const Token three = lab.publish("3", QoS::exactly_once);  // not sent: stays queued
  lab.server().rest();
  lab.server().close(CloseCause::fin);
  EXPECT_EQ(lab.completions(), (Completions{{one, failed}, {two, failed}}));
  lab.redial();
  lab.connect(false);
  const auto publish = lab.server().expect<Publish>();
  EXPECT_EQ(publish.topic.text(), "3");
  EXPECT_FALSE(publish.dup);
  lab.server().expect_nothing();
  lab.server().send(Pubrec{publish.packet_id});
  lab.server().expect<Pubrel>();
  lab.server().send(Pubcomp{publish.packet_id});
  EXPECT_EQ(lab.completions(), (Completions{{three, done}}));
}

TEST(ClientResume, AcknowledgementsThatArriveBeforeTheEndCount_MQTT_4_4_0_1) {
  enum class End : std::uint8_t { closed, stopped, silent, stopped_before };
  for (const End end : {End::closed, End::stopped, End::silent, End::stopped_before}) {
    ClientConfig config = persistent();
    config.outbox_bytes = 2;
    config.keep_alive_s = 10;
    ClientScript lab(config);
    lab.connect();
    lab.event<Connected>();
    const Token token = lab.publish("a", QoS::at_least_once);
    lab.server().rest();
    const auto stop = [&] { lab.client().stop(lab.now()); };
    if (end == End::stopped_before) stop();
    std::vector<std::uint8_t> burst;
    for (const Packet& packet : {Packet(Pubrel{9}), Packet(Puback{1}), Packet(Pubrec{2}),
                                 Packet(Publish{text("m"), text("x")})}) {
      const auto bytes = bytes_of(packet);
      burst.insert(burst.end(), bytes.begin(), bytes.end());
    }
    lab.server().send(Bytes(burst));  // the outbox is full after the first: the others wait
    if (end == End::stopped) stop();
    if (end == End::silent) lab.after(60 * second);
    EXPECT_EQ(lab.client().connected(), end == End::closed);
    if (end == End::stopped_before) {
      lab.server().expect<Disconnect>();
      EXPECT_TRUE(lab.server().rest().empty());
    }
    lab.server().close(CloseCause::fin);
    EXPECT_EQ(lab.completions(), (Completions{{token, done}})) << static_cast<int>(end);
    lab.client().start(lab.now());
    lab.redial();
    lab.connect(true);
    EXPECT_TRUE(lab.server().rest().empty()) << "nothing is sent again";
  }
}

TEST(ClientTrace, NamesEveryPublishAndItsEnd) {
  ClientScript lab(persistent());
  const Token lost = lab.publish("t", QoS::at_most_once, "p");
  static_cast<void>(
      lab.client().publish(text("#"), text("p"), QoS::at_most_once, false, lab.now()));
  const auto& events = lab.log().events();
  ASSERT_EQ(events.size(), 3U);
  EXPECT_EQ(events[0].kind, trace::Kind::publish_called);
  EXPECT_EQ(events[0].detail, lost);
  EXPECT_EQ(lab.log().text(events[0].text), "t");
  EXPECT_EQ(events[0].message, trace::Log::identity("t", text("p").bytes()));
  EXPECT_EQ(events[1].kind, trace::Kind::publish_completed);
  EXPECT_EQ(events[1].detail, lost);
  EXPECT_EQ(events[1].code, static_cast<std::uint8_t>(failed));
  EXPECT_EQ(events[2].kind, trace::Kind::publish_refused);
  EXPECT_EQ(events[2].code, static_cast<std::uint8_t>(Misuse::bad_topic));
}

}  // namespace
}  // namespace mqttlab::testing
