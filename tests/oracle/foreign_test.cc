// Brokers that are none of ours: free where the standard leaves them free, and watched from the
// path.
#include <gtest/gtest.h>

#include "tests/oracle/trace_builder.h"

namespace mqttlab::oracle_test {
namespace {

struct Foreign : testing::Test {
  TraceBuilder t;
  Client pub = t.client("pub"), sub = t.client("sub");

  // The broker has said PUBREC, and then the publisher is gone for a while, or for good.
  void leave_before_pubrel() {
    pub.connect({.keep_alive_s = 10});
    sub.connect();
    sub.subscribe("a/#", 2);
    pub.calls("a/b", "m", 2);
    pub.sends(publish("a/b", "m", 2, 1));
    pub.gets(pubrec(1));
  }
  void come_back_and_release() {
    pub.cut();
    pub.connect();
    pub.sends(pubrel(1));
    pub.gets(pubcomp(1));
    pub.completes();
  }
};

TEST_F(Foreign, What_never_was_released_may_be_kept_back_by_Method_A) {
  leave_before_pubrel();
  pub.dies();
  t.wait(15);
  pub.is_closed();
  t.settle();
  EXPECT_EQ(t.broken(), "Q2-ONCE Q2-HONEST");
  t.settings.passes_on_at_pubrel = true;
  EXPECT_EQ(t.broken(), "");
}

TEST_F(Foreign, What_was_released_in_the_end_is_owed_by_Method_A_too) {
  t.settings.passes_on_at_pubrel = true;
  leave_before_pubrel();
  come_back_and_release();
  t.settle();
  EXPECT_EQ(t.broken(), "Q2-ONCE Q2-HONEST");
}

TEST_F(Foreign, Who_subscribes_before_PUBREL_may_get_the_message_by_Method_A) {
  Client late = t.client("late");
  late.connect();
  leave_before_pubrel();
  late.subscribe("a/#", 2);
  come_back_and_release();
  sub.receives("a/b", "m", 2);
  late.receives("a/b", "m", 2);
  t.settle();
  EXPECT_EQ(t.broken(), "NO-FABRICATION");
  t.settings.passes_on_at_pubrel = true;
  EXPECT_EQ(t.broken(), "");
}

// Who had not subscribed when it first arrived is due one copy of it as well as of its equal.
TEST_F(Foreign, What_is_released_after_its_equal_was_accepted_is_one_message_more_by_Method_A) {
  t.settings.passes_on_at_pubrel = true;
  Client late = t.client("late");
  pub.connect();
  late.connect();
  pub.sends(publish("a/b", "m", 2, 1));
  pub.gets(pubrec(1));
  late.subscribe("a/#", 1);
  pub.publishes("a/b", "m", 1, 2);
  pub.sends(pubrel(1));
  pub.gets(pubcomp(1));
  late.receives("a/b", "m", 1, 1);
  late.receives("a/b", "m", 1, 2);
  t.wait(1);
  late.cut();
  late.connect();
  pub.publishes("a/b", "m", 1, 3);
  late.receives("a/b", "m", 1, 3);
  t.settle();
  EXPECT_EQ(t.broken(), "");
}

TEST_F(Foreign, What_is_retained_last_is_what_was_released_last_by_Method_A) {
  Client other = t.client("other");
  other.connect();
  pub.connect();
  pub.calls("a/b", "m", 2);
  pub.sends(publish("a/b", "m", 2, 1).retained());
  pub.gets(pubrec(1));
  other.publishes("a/b", "n", 1, 1, true);
  pub.sends(pubrel(1));
  pub.gets(pubcomp(1));
  pub.completes();
  sub.connect();
  sub.subscribe("a/#", 2);
  sub.receives("a/b", "m", 2, 1, true);
  t.settle();
  EXPECT_EQ(t.broken(), "RET-CONVERGE");
  t.settings.passes_on_at_pubrel = true;
  EXPECT_EQ(t.broken(), "");
}

TEST_F(Foreign, StreamOk_is_all_that_a_connection_without_a_CONNECT_breaks) {
  Client lost = t.client("lost");
  lost.opens();
  lost.gets_connack({});
  lost.sends(publish("a/b", "n", 1, 1));
  lost.gets(puback(1));
  pub.connect();
  sub.connect();
  sub.subscribe("a/#", 1);
  pub.publishes("a/b", "m", 1);
  sub.receives("a/b", "m", 1);
  t.settle();
  EXPECT_EQ(t.broken(), "STREAM-OK");
}

TEST_F(Foreign, Of_a_broker_inside_TLS_the_clients_end_is_enough_to_see_who_is_connected) {
  pub.connect();
  sub.connect();
  sub.subscribe("a/#", 2);
  pub.publishes("a/b", "m", 2);
  sub.receives("a/b", "m", 2);
  pub.cut();
  t.settle();
  oracle::Oracle judge(t.settings);
  for (const trace::Event& event : t.log().events())
    if (event.end == trace::End::client) judge.on(event, t.log());
  judge.finish(t.now(), t.log());
  ASSERT_EQ(judge.violations().size(), 1U);
  EXPECT_EQ(judge.violations().front().invariant, "CONVERGE");
  EXPECT_EQ(judge.violations().front().what.find("client 'pub' has not been connected"), 0U);
}

TEST_F(Foreign, A_broker_that_counts_whole_seconds_may_close_a_little_early) {
  sub.connect({.keep_alive_s = 10});
  sub.dies();
  t.wait(14.2);
  sub.is_closed();
  EXPECT_EQ(t.broken(), "KA-FAIR");
  t.settings.keep_alive_early = second;
  EXPECT_EQ(t.broken(), "");
}

// Its client says the same will again each time: what comes with RETAIN 1 is what is retained.
TEST_F(Foreign, A_retained_will_that_nobody_asked_for_is_no_will_of_the_next_connection) {
  const ConnectOptions with_will{.will_topic = "a/will", .will_retain = true};
  sub.connect();
  sub.subscribe("a/#", 2);
  pub.connect(with_will);
  pub.cut();
  sub.receives("a/will", "pub is gone", 2);
  pub.connect(with_will);
  t.wait(1);
  sub.receives("a/will", "pub is gone", 2, 2, true);
  t.wait(1);
  EXPECT_EQ(t.broken(), "RET-SET");
}

TEST_F(Foreign, A_will_that_had_to_wait_and_comes_with_RETAIN_is_no_will_of_the_next_connection) {
  const ConnectOptions with_will{.will_topic = "a/will", .will_retain = true};
  sub.connect();
  sub.subscribe("a/#", 2);
  sub.cut();
  pub.connect(with_will);
  pub.cut();
  pub.connect(with_will);
  sub.connect();
  sub.receives("a/will", "pub is gone", 2, 1, true);
  t.wait(1);
  EXPECT_EQ(t.broken(), "RET-FLAG");
}

TEST_F(Foreign, A_message_that_had_to_wait_and_comes_with_RETAIN_is_not_lost) {
  for (const bool comes : {true, false}) {
    TraceBuilder trace;
    Client from = trace.client("from"), to = trace.client("to");
    from.connect();
    to.connect();
    to.subscribe("a/#", 1);
    to.cut();
    from.publishes("a/b", "m", 1);
    to.connect();
    if (comes) to.receives("a/b", "m", 1, 1, true);
    trace.settle();
    EXPECT_EQ(trace.broken(), comes ? "RET-FLAG" : "Q1-NOLOSS");
  }
}

TEST_F(Foreign, A_will_above_the_QoS_of_its_reader_is_no_will_of_the_next_connection) {
  const ConnectOptions with_will{.will_topic = "a/will"};
  sub.connect();
  sub.subscribe("a/#", 1);
  pub.connect(with_will);
  pub.cut();
  pub.connect(with_will);
  sub.receives("a/will", "pub is gone", 2);
  t.settle();
  EXPECT_EQ(t.broken(), "NO-FABRICATION");
}

TEST_F(Foreign, Another_message_that_says_the_same_is_not_the_first_under_another_id) {
  pub.connect();
  sub.connect();
  sub.subscribe("a/#", 1);
  pub.publishes("a/b", "m", 1);
  sub.is_sent(publish("a/b", "m", 1, 1));
  pub.publishes("a/b", "m", 1, 2);
  sub.cut();
  sub.connect();
  sub.gets(publish("a/b", "m", 1, 2).again());
  EXPECT_EQ(t.broken(), "ORD-RESEND");
}

}  // namespace
}  // namespace mqttlab::oracle_test
