// SP-TRUTH, ONE-CONN, WILL-IFF, WILL-ONCE, RET-CONVERGE.
#include <gtest/gtest.h>

#include "tests/oracle/trace_builder.h"

namespace mqttlab::oracle_test {
namespace {

using oracle::Status;

struct Sessions : testing::Test {
  TraceBuilder t;
  Client a = t.client("a"), sub = t.client("sub");
  const ConnectOptions with_will{.will_topic = "status/a"};

  void observed() {
    sub.connect();
    sub.subscribe("status/#", 2);
    t.wait(1);
  }
  void gets_will(std::uint16_t id = 1) { sub.receives("status/a", "a is gone", 2, id); }
};

TEST_F(Sessions, SpTruth_a_session_that_was_lost) {
  a.connect();
  a.cut();
  a.connect({.present = 0});
  EXPECT_EQ(t.broken(), "SP-TRUTH");
}

TEST_F(Sessions, SpTruth_a_session_that_never_was) {
  a.connect({.present = 1});
  EXPECT_EQ(t.broken(), "SP-TRUTH");
}

TEST_F(Sessions, SpTruth_a_clean_session_that_outlived_its_connection) {
  a.connect({.clean = true});
  a.cut();
  a.connect({.present = 1});
  EXPECT_EQ(t.broken(), "SP-TRUTH");
}

TEST_F(Sessions, SpTruth_a_refusal_with_session_present) {
  a.connect({.present = 1, .code = 5});
  EXPECT_EQ(t.broken(), "SP-TRUTH");
}

TEST_F(Sessions, A_clean_CONNECT_ends_the_session_that_was_kept) {
  a.connect();
  a.cut();
  a.connect({.clean = true});
  a.cut();
  a.connect({.present = 0});
  EXPECT_EQ(t.broken(), "");
  EXPECT_EQ(t.verdict("SP-TRUTH").checked, 3U);
}

TEST_F(Sessions, A_CONNECT_that_was_never_answered_leaves_a_doubt) {
  a.opens();
  a.sends_connect({});
  a.cut();
  a.connect({.present = 1});
  EXPECT_EQ(t.broken(), "");
}

TEST_F(Sessions, MQTT_3_1_has_no_session_present) {
  a.connect({.version = ProtocolVersion::v3_1});
  a.cut();
  a.connect({.present = 0, .version = ProtocolVersion::v3_1});
  EXPECT_EQ(t.broken(), "");
}

TEST_F(Sessions, OneConn_the_older_connection_stays) {
  a.connect();
  a.closes(CloseCause::timeout);
  a.connect();
  t.wait(5);
  EXPECT_EQ(t.broken(), "ONE-CONN");
}

TEST_F(Sessions, A_takeover_closes_the_half_open_link) {
  a.connect({.keep_alive_s = 60});
  const auto old = a.connection();
  a.closes(CloseCause::timeout);
  a.connect({.keep_alive_s = 60});
  const auto fresh = a.connection();
  a.use(old);
  a.is_closed();
  a.use(fresh);
  t.wait(5);
  EXPECT_EQ(t.broken(), "");
  EXPECT_EQ(t.verdict("ONE-CONN").checked, 1U);
}

TEST_F(Sessions, A_takeover_counts_if_the_older_link_is_closed_before_CONNACK) {
  a.connect();
  const auto old = a.connection();
  a.closes(CloseCause::timeout);
  a.opens();
  a.sends_connect({});
  const auto fresh = a.connection();
  a.use(old);
  a.is_closed();
  a.use(fresh);
  a.gets_connack({});
  t.wait(5);
  EXPECT_EQ(t.broken(), "");
  EXPECT_EQ(t.verdict("ONE-CONN").checked, 1U);
}

TEST_F(Sessions, WillIff_a_will_that_is_due_and_never_published) {
  observed();
  a.connect(with_will);
  a.dies();
  a.is_closed(CloseCause::reset);
  t.settle();
  EXPECT_EQ(t.broken(), "WILL-IFF");
}

TEST_F(Sessions, WillIff_a_will_published_after_DISCONNECT) {
  observed();
  a.connect(with_will);
  a.leaves();
  gets_will();
  EXPECT_EQ(t.broken(), "WILL-IFF");
}

TEST_F(Sessions, WillIff_a_will_published_while_the_connection_lives) {
  observed();
  a.connect(with_will);
  t.wait(1);
  gets_will();
  t.wait(1);
  EXPECT_EQ(t.broken(), "WILL-IFF");
}

TEST_F(Sessions, WillIff_on_a_takeover_the_will_of_3_1_1_is_due) {
  observed();
  a.connect(with_will);
  const auto old = a.connection();
  a.connect(with_will);
  const auto fresh = a.connection();
  a.use(old);
  a.is_closed();
  a.closes();
  a.use(fresh);
  t.settle();
  EXPECT_EQ(t.broken(), "WILL-IFF");
}

TEST_F(Sessions, A_will_on_a_takeover_may_go_out_before_the_old_link_is_closed) {
  observed();
  a.connect(with_will);
  const auto old = a.connection();
  a.closes(CloseCause::timeout);
  a.opens();
  a.sends_connect(with_will);
  sub.is_sent(publish("status/a", "a is gone", 2, 1));
  a.gets_connack(with_will);
  const auto fresh = a.connection();
  a.use(old);
  a.is_closed();
  a.use(fresh);
  sub.hears(publish("status/a", "a is gone", 2, 1));
  sub.is_handed("status/a", "a is gone", 2);
  sub.sends(pubrec(1));
  sub.gets(pubrel(1));
  sub.sends(pubcomp(1));
  t.settle();
  EXPECT_EQ(t.broken(), "");
  EXPECT_EQ(t.verdict("WILL-IFF").status, Status::pass);
}

TEST_F(Sessions, WillOnce_a_will_published_twice) {
  observed();
  a.connect(with_will);
  a.dies();
  a.is_closed(CloseCause::reset);
  gets_will();
  gets_will();
  t.settle();
  EXPECT_EQ(t.broken(), "WILL-ONCE");
}

TEST_F(Sessions, Each_connection_has_a_will_of_its_own) {
  observed();
  for (int i = 0; i < 3; ++i) {
    a.connect(with_will);
    a.cut();
    gets_will();
  }
  a.connect(with_will);
  a.leaves();
  t.settle();
  EXPECT_EQ(t.broken(), "");
  EXPECT_EQ(t.verdict("WILL-ONCE").checked, 3U);
}

TEST_F(Sessions, A_will_that_was_dropped_for_a_legal_reason_is_not_missed) {
  observed();
  a.connect(with_will);
  a.dies();
  t.drops("sub", publish("status/a", "a is gone", 2), trace::DropReason::queue_full);
  a.is_closed(CloseCause::reset);
  t.settle();
  EXPECT_EQ(t.broken(), "");
}

struct Retained : Sessions {
  void retains(const std::string& payload, int qos = 1) {
    a.publishes("r/1", payload, qos, 1, true);
  }
};

TEST_F(Retained, RetConverge_an_older_value) {
  a.connect();
  retains("old");
  retains("new");
  sub.connect();
  sub.subscribe("r/+", 1);
  sub.receives("r/1", "old", 1, 1, true);
  EXPECT_EQ(t.broken(), "RET-CONVERGE");
}

TEST_F(Retained, RetConverge_a_value_that_was_cleared) {
  a.connect();
  retains("old");
  retains("");
  sub.connect();
  sub.subscribe("r/+", 1);
  sub.receives("r/1", "old", 1, 1, true);
  EXPECT_EQ(t.broken(), "RET-CONVERGE");
}

TEST_F(Retained, RetConverge_a_value_that_is_never_sent) {
  a.connect();
  retains("value");
  sub.connect();
  sub.subscribe("r/+", 1);
  t.settle();
  EXPECT_EQ(t.broken(), "RET-CONVERGE");
}

TEST_F(Retained, A_subscriber_gets_the_value_as_of_its_SUBSCRIBE_or_a_newer_one) {
  a.connect();
  retains("old");
  sub.connect();
  sub.subscribe("r/+", 1);
  retains("new");
  sub.receives("r/1", "old", 1, 1, true);
  sub.receives("r/1", "new", 1, 2);
  sub.subscribe("r/+", 1);
  sub.receives("r/1", "new", 1, 3, true);
  t.settle();
  EXPECT_EQ(t.broken(), "");
  EXPECT_EQ(t.verdict("RET-CONVERGE").status, Status::pass);
}

TEST_F(Retained, A_retained_PUBLISH_may_precede_SUBACK) {
  a.connect();
  retains("value");
  sub.connect();
  sub.sends({.type = PacketType::subscribe, .id = 9, .filters = {{t.log().intern("r/1"), 1}}});
  sub.receives("r/1", "value", 1, 1, true);
  sub.gets({.type = PacketType::suback, .id = 9, .filters = {{0, 1}}});
  t.settle();
  EXPECT_EQ(t.broken(), "");
}

TEST_F(Retained, A_QoS_0_message_need_not_be_kept) {
  a.connect();
  retains("value", 0);
  sub.connect();
  sub.subscribe("r/1", 1);
  t.settle();
  EXPECT_EQ(t.broken(), "");
}

TEST_F(Retained, A_value_that_the_broker_did_not_acknowledge_may_be_in_force_or_not) {
  a.connect();
  retains("old");
  a.sends(publish("r/1", "new", 1, 2).retained());
  a.cut();
  sub.connect();
  sub.subscribe("r/1", 1);
  sub.receives("r/1", "old", 1, 1, true);
  EXPECT_EQ(t.broken(), "");
}

TEST_F(Retained, A_will_with_RETAIN_becomes_the_value) {
  a.connect({.will_topic = "r/1", .will_retain = true});
  retains("birth");
  a.dies();
  a.is_closed(CloseCause::timeout);
  sub.connect();
  sub.subscribe("r/1", 1);
  sub.receives("r/1", "birth", 1, 1, true);
  EXPECT_EQ(t.broken(), "RET-CONVERGE");
}

TEST_F(Retained, A_value_that_was_replaced_before_it_was_sent_is_not_missed) {
  a.connect();
  retains("old");
  sub.connect();
  sub.subscribe("r/1", 1);
  retains("new");
  sub.receives("r/1", "new", 1);
  t.settle();
  EXPECT_EQ(t.broken(), "");
}

TEST_F(Retained, A_value_that_was_never_acknowledged_is_not_missed) {
  a.connect();
  a.sends(publish("r/1", "new", 1, 2).retained());
  a.cut();
  a.connect({.clean = true});
  sub.connect();
  sub.subscribe("r/1", 1);
  t.settle();
  EXPECT_EQ(t.broken(), "");
}

TEST_F(Sessions, SpTruth_a_clean_session_is_not_continued_by_a_takeover) {
  a.connect({.clean = true});
  const auto old = a.connection();
  a.connect({.present = 1});
  a.use(old);
  a.cut();
  EXPECT_EQ(t.broken(), "SP-TRUTH");
}

}  // namespace
}  // namespace mqttlab::oracle_test
