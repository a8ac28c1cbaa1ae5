// What a client sends behind its CONNECT, before CONNACK: the broker may handle it once it has
// accepted the client, and may not if it refuses it.
#include <gtest/gtest.h>

#include "tests/oracle/trace_builder.h"

namespace mqttlab::oracle_test {
namespace {

struct AheadOfConnack : testing::Test {
  TraceBuilder t;
  Client pub = t.client("pub"), sub = t.client("sub"), other = t.client("other");

  void begin() {
    sub.connect();
    sub.subscribe("a/#", 2);
  }
  static void sends_ahead(Client& client, int qos,
                          ProtocolVersion version = ProtocolVersion::v3_1_1) {
    client.opens();
    client.sends_connect({.version = version});
    client.sends(publish("a/b", "m", qos, 1));
  }
  // The broker runs on, and serves who was there before.
  static void is_served(TraceBuilder& trace, Client& client) {
    trace.wait(2);
    client.sends(pingreq());
    client.gets(pingresp());
  }
};

// v5 MQTT-3.1.4-6
TEST_F(AheadOfConnack, NoFabrication_what_a_client_sent_that_is_then_refused) {
  begin();
  sends_ahead(pub, 1);
  const std::uint64_t arrived = t.log().events().size() - 1;
  sub.receives("a/b", "m", 1);
  pub.gets_connack({.code = 5});
  const std::uint64_t answer = t.log().events().size() - 2;
  pub.cut();
  t.settle();
  EXPECT_EQ(t.broken(), "NO-FABRICATION");
  const auto violations = t.violations();
  ASSERT_EQ(violations.size(), 1U);
  EXPECT_EQ(violations[0].events.front(), arrived);
  EXPECT_EQ(violations[0].events.back(), answer);
  EXPECT_NE(violations[0].what.find("client 'pub'"), std::string::npos) << violations[0].what;
}

TEST_F(AheadOfConnack, NoFabrication_what_a_client_sent_that_is_turned_away_without_a_word) {
  begin();
  sends_ahead(pub, 0);
  sub.receives("a/b", "m", 0);
  pub.is_closed();
  const std::uint64_t closed = t.log().events().size() - 1;
  is_served(t, sub);
  EXPECT_EQ(t.broken(), "NO-FABRICATION");
  ASSERT_EQ(t.violations().size(), 1U);
  EXPECT_EQ(t.violations()[0].events.back(), closed);
}

// The broker may have accepted them, and could not say so any more.
TEST_F(AheadOfConnack, Whose_link_ends_before_the_answer_may_have_been_accepted) {
  enum class How {
    cut,
    within_connack,
    goodbye,
    late,
    taken_over,
    offence,
    alias,
    throttled,
    path
  };
  for (const How how : {How::cut, How::within_connack, How::goodbye, How::late, How::taken_over,
                        How::offence, How::alias, How::throttled, How::path}) {
    TraceBuilder trace;
    Client client = trace.client("pub"), reader = trace.client("sub"), again = trace.client("pub");
    trace.settings.from_the_path = how == How::path;
    reader.connect();
    reader.subscribe("a/#", 2);
    if (how == How::throttled) client.suffers(trace::Kind::fault);
    sends_ahead(client, 0, how == How::alias ? ProtocolVersion::v5_0 : ProtocolVersion::v3_1_1);
    if (how == How::offence) client.sends(publish("not/allowed", "m", 1, 2));  // MQTT-3.3.5-2
    if (how == How::alias) client.sends(publish("c/d", "m", 0).alias(9, true));
    reader.receives("a/b", "m", 0);
    if (how == How::within_connack) trace.tail(client.connection(), trace::End::broker, false);
    if (how == How::goodbye) client.sends(disconnect());
    if (how == How::late) trace.wait(10);
    if (how == How::taken_over) {
      again.opens();
      again.sends_connect({});
    }
    client.is_closed(how == How::cut ? CloseCause::reset : CloseCause::local);
    is_served(trace, reader);
    EXPECT_EQ(trace.broken(), "") << static_cast<int>(how);
  }
}

// Its connections end with it, one by one, whoever was accepted.
TEST_F(AheadOfConnack, A_broker_that_stops_has_turned_nobody_away) {
  for (const bool crashes : {false, true}) {
    TraceBuilder trace;
    Client client = trace.client("pub"), reader = trace.client("sub");
    reader.connect({.clean = true, .version = ProtocolVersion::v5_0});
    reader.subscribe("a/#", 2);
    sends_ahead(client, 0);
    reader.receives("a/b", "m", 0);
    if (crashes) trace.crash(trace::StoreFate::kept, CloseCause::local);
    client.is_closed();
    if (!crashes) reader.gets(disconnect().reason(0x8B));  // Server shutting down
    reader.is_closed();
    reader.closes(CloseCause::fin);
    if (crashes) trace.restart();
    trace.wait(10);
    reader.connect({.clean = true, .version = ProtocolVersion::v5_0});
    is_served(trace, reader);
    EXPECT_EQ(trace.broken(), "") << crashes;
  }
}

TEST_F(AheadOfConnack, One_message_is_passed_on_once) {
  for (const int qos : {0, 2}) {
    for (const bool accepted_between : {false, true}) {
      TraceBuilder trace;
      Client client = trace.client("pub"), reader = trace.client("sub");
      reader.connect();
      reader.subscribe("a/#", 2);
      sends_ahead(client, qos);
      reader.receives("a/b", "m", qos, 1);
      if (accepted_between) client.gets_connack({});
      reader.receives("a/b", "m", qos, 2);
      if (!accepted_between) client.gets_connack({});
      EXPECT_EQ(trace.broken(), qos == 0 ? "Q0-ATMOST" : "Q2-ONCE") << accepted_between;
    }
  }
}

TEST_F(AheadOfConnack, Each_of_two_filters_has_its_copy) {
  begin();
  sub.subscribe("a/b", 2);
  sends_ahead(pub, 0);
  sub.receives("a/b", "m", 0);
  pub.gets_connack({});
  sub.receives("a/b", "m", 0);
  EXPECT_EQ(t.broken(), "");
  sub.receives("a/b", "m", 0);
  EXPECT_EQ(t.broken(), "Q0-ATMOST");
}

TEST_F(AheadOfConnack, It_is_another_message_than_an_equal_one_before_and_behind_it) {
  begin();
  other.connect();
  other.publishes("a/b", "m", 0);
  sub.receives("a/b", "m", 0);
  sends_ahead(pub, 0);
  sub.receives("a/b", "m", 0);
  pub.sends(publish("a/b", "m", 0));
  sub.receives("a/b", "m", 0);
  pub.gets_connack({});
  pub.publishes("a/b", "m", 0);
  sub.receives("a/b", "m", 0);
  EXPECT_EQ(t.broken(), "");
  sub.receives("a/b", "m", 0);
  EXPECT_EQ(t.broken(), "Q0-ATMOST");
}

// What was passed on is the accepted one's, whoever said it first.
TEST_F(AheadOfConnack, Of_two_that_say_the_same_one_is_accepted) {
  for (const bool refused_first : {false, true}) {
    TraceBuilder trace;
    Client one = trace.client("one"), two = trace.client("two"), reader = trace.client("sub");
    reader.connect();
    reader.subscribe("a/#", 2);
    sends_ahead(one, 0);
    sends_ahead(two, 0);
    reader.receives("a/b", "m", 0);
    if (refused_first) one.gets_connack({.code = 5});
    two.gets_connack({});
    if (!refused_first) one.gets_connack({.code = 5});
    EXPECT_EQ(trace.broken(), "") << refused_first;
    reader.receives("a/b", "m", 0);
    EXPECT_EQ(trace.broken(), "Q0-ATMOST") << refused_first;
  }
}

}  // namespace
}  // namespace mqttlab::oracle_test
