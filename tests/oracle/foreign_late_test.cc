// Brokers of others that are late with what they do, or do it while a connection ends.
#include <gtest/gtest.h>

#include "tests/oracle/trace_builder.h"

namespace mqttlab::oracle_test {
namespace {

struct ForeignLate : testing::Test {
  TraceBuilder t;
  Client pub = t.client("pub"), sub = t.client("sub"), other = t.client("other");

  void judged(const char* of_ours, const char* of_others) {
    EXPECT_EQ(t.broken(), of_ours);
    t.settings.passes_on_later = true;
    EXPECT_EQ(t.broken(), of_others);
  }
};

TEST_F(ForeignLate, Who_subscribes_before_a_message_is_passed_on_to_anybody_may_get_it) {
  pub.connect();
  sub.connect();
  other.connect();
  sub.subscribe("a/#", 1);
  pub.publishes("a/b", "m", 1);
  t.wait(1);
  other.subscribe("a/b", 2);
  sub.receives("a/b", "m", 1);
  other.receives("a/b", "m", 1);
  t.settle();
  judged("NO-FABRICATION", "");
}

TEST_F(ForeignLate, Who_subscribes_after_that_may_not) {
  pub.connect();
  sub.connect();
  other.connect();
  sub.subscribe("a/#", 1);
  pub.publishes("a/b", "m", 1);
  sub.receives("a/b", "m", 1);
  t.wait(1);
  other.subscribe("a/b", 2);
  other.receives("a/b", "m", 1);
  t.settle();
  judged("NO-FABRICATION", "NO-FABRICATION");
}

TEST_F(ForeignLate, Nor_may_anybody_get_it_twice) {
  pub.connect();
  other.connect();
  pub.publishes("a/b", "m", 0);
  other.subscribe("a/b", 2);
  other.receives("a/b", "m", 0);
  other.receives("a/b", "m", 0);
  t.settle();
  judged("NO-FABRICATION", "Q0-ATMOST");
}

// Before it is passed on, by Method A, the older value is in force, and is what a subscription asks
// for.
TEST_F(ForeignLate, Who_subscribes_before_a_retained_message_is_released_may_get_it_as_a_live_one) {
  t.settings.passes_on_at_pubrel = true;
  pub.connect();
  other.connect();
  pub.publishes("a/b", "old", 1, 1, true);
  other.sends(publish("a/b", "new", 2, 2).retained());
  const trace::FilterDetail filter{t.log().intern("a/b"), 1};
  other.sends({.type = PacketType::subscribe, .id = 9, .filters = {filter}});
  other.gets(pubrec(2));
  other.sends(pubrel(2));
  other.gets(pubcomp(2));
  other.gets({.type = PacketType::suback, .id = 9, .filters = {{0, 1}}});
  other.receives("a/b", "old", 1, 1, true);
  other.receives("a/b", "new", 1, 2);
  t.settle();
  judged("RET-FLAG", "");
}

TEST_F(ForeignLate, A_retained_copy_is_not_passed_on_later_without_RETAIN) {
  pub.connect();
  other.connect();
  pub.publishes("a/b", "m", 1, 1, true);
  other.subscribe("a/b", 1);
  other.receives("a/b", "m", 1);
  t.settle();
  judged("RET-FLAG", "RET-FLAG");
}

TEST_F(ForeignLate, What_is_older_than_ten_seconds_is_not_passed_on_later) {
  pub.connect();
  other.connect();
  pub.publishes("a/b", "m", 0);
  t.wait(11);
  other.subscribe("a/b", 2);
  other.receives("a/b", "m", 0);
  t.settle();
  judged("NO-FABRICATION", "NO-FABRICATION");
}

TEST_F(ForeignLate, Who_has_subscribed_again_since_UNSUBACK_may_get_it) {
  pub.connect();
  sub.connect();
  sub.subscribe("a/#", 1);
  sub.unsubscribe("a/#");
  pub.publishes("a/b", "m", 1);
  t.wait(1);
  sub.subscribe("a/#", 1);
  sub.receives("a/b", "m", 1);
  t.settle();
  judged("SUB-DURABLE", "");
}

TEST_F(ForeignLate, A_new_session_may_get_what_was_accepted_before_it_began) {
  pub.connect();
  sub.connect();
  sub.subscribe("a/#", 1);
  pub.publishes("a/b", "m", 1);
  sub.cut();
  sub.connect({.clean = true});
  sub.subscribe("a/#", 1);
  sub.receives("a/b", "m", 1);
  t.settle();
  judged("SESS-DISCARD", "");
}

// The session of the older connection is over: what comes there need not be taken.
TEST_F(ForeignLate, What_comes_on_a_connection_whose_session_is_over_is_not_owed) {
  sub.connect();
  sub.subscribe("a/#", 2);
  pub.connect();
  Client again = pub;
  again.connect({.clean = true});
  pub.sends(publish("a/b", "m", 2, 1));
  pub.is_closed();
  t.settle();
  EXPECT_EQ(t.broken(), "CONVERGE");
}

TEST_F(ForeignLate,
       Seen_from_the_path_a_PUBREC_a_moment_before_the_PUBLISH_may_have_come_behind_it) {
  for (const bool excused : {true, false}) {
    TraceBuilder trace;
    trace.settings.from_the_path = excused;
    Client from = trace.client("from");
    from.connect();
    from.gets(pubrec(7));
    from.calls("a/b", "m", 2);
    from.writes(publish("a/b", "m", 2, 7));
    from.writes(pubrel(7));
    EXPECT_EQ(trace.broken(), excused ? "ACK-CAUSAL" : "ACK-CAUSAL Q2-RESUME");
  }
}

TEST_F(ForeignLate, A_PUBREL_that_came_with_the_end_of_the_connection_may_not_have_been_read) {
  for (const double wait_s : {0.0, 1.0}) {
    TraceBuilder trace;
    trace.settings.passes_on_later = true;
    Client from = trace.client("from");
    from.connect();
    from.calls("a/b", "m", 2);
    from.sends(publish("a/b", "m", 2, 7));
    from.gets(pubrec(7));
    from.sends(pubrel(7));
    trace.wait(wait_s);
    from.cut();
    from.connect();
    from.gets(pubrec(7));
    EXPECT_EQ(trace.broken(), wait_s == 0 ? "" : "ACK-CAUSAL");
    from.sends(pubrel(7));
    from.gets(pubcomp(7));
    from.cut();
    from.connect();
    from.gets(pubrec(7));
    EXPECT_EQ(trace.broken(), "ACK-CAUSAL");
  }
}

TEST_F(ForeignLate, A_will_that_says_what_waits_for_PUBACK_is_not_that_under_another_id) {
  for (const bool has_will : {true, false}) {
    TraceBuilder trace;
    trace.settings.from_the_path = true;
    Client from = trace.client("from"), to = trace.client("to");
    const ConnectOptions options{.will_topic = has_will ? "a/will" : "", .will_qos = 1};
    to.connect();
    to.subscribe("a/#", 1);
    from.connect(options);
    from.publishes("a/will", "from is gone", 1);
    to.is_sent(publish("a/will", "from is gone", 1, 1));
    to.cut();
    to.connect();
    to.is_sent(publish("a/will", "from is gone", 1, 2).again());
    EXPECT_EQ(trace.broken().find("PID-STABLE") == std::string::npos, has_will) << trace.broken();
  }
}

// Nothing tells one from the other.
TEST_F(ForeignLate, A_will_that_is_sent_too_often_is_not_said_to_be_an_older_sessions) {
  sub.connect();
  sub.subscribe("a/#", 1);
  pub.connect({.will_topic = "a/will", .will_qos = 1});
  sub.cut();
  pub.cut();
  sub.connect({.clean = true});
  sub.subscribe("a/#", 1);
  sub.receives("a/will", "pub is gone", 1);
  EXPECT_EQ(t.broken(), "NO-FABRICATION");
}

}  // namespace
}  // namespace mqttlab::oracle_test
