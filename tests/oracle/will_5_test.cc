// WILL-IFF with the delays and reason codes of 5.0, and WILL-ORDER.
#include <gtest/gtest.h>

#include "tests/oracle/trace_builder.h"

namespace mqttlab::oracle_test {
namespace {

using oracle::Status;

struct Wills5 : testing::Test {
  TraceBuilder t;
  Client a = t.client("a"), sub = t.client("sub");

  static ConnectOptions with_will(std::uint32_t delay_s,
                                  std::uint32_t outlives_s = endless_expiry_s) {
    ConnectOptions options;
    options.version = ProtocolVersion::v5_0;
    options.will_topic = "status/a";
    options.will_qos = 1;
    options.says.session_expiry_s = outlives_s;
    options.says.will_delay_s = delay_s;
    return options;
  }
  // The will has this delay; the connection is cut after `sub` has subscribed, and time passes.
  void cut_with(std::uint32_t delay_s, double then_s, std::uint32_t outlives_s = endless_expiry_s) {
    sub.connect();
    sub.subscribe("status/#", 1);
    t.wait(1);
    a.connect(with_will(delay_s, outlives_s));
    a.dies();
    a.cut();
    t.wait(then_s);
  }
  void gets_will(std::uint16_t id = 1) { sub.receives("status/a", "a is gone", 1, id); }
  // It came back so late that the will may have been published, and says so.
  void is_back_at_the_last_moment() {
    sub.connect();
    sub.subscribe("status/#", 1);
    a.connect(with_will(5));
    a.cut();
    t.wait(4.95);
    a.connect(with_will(5));
    a.publishes("status/a", "back", 1);
    sub.receives("status/a", "back", 1, 1);
  }
};

TEST_F(Wills5, WillIff_before_its_delay_is_over) {
  cut_with(10, 5);
  gets_will();
  t.settle();
  EXPECT_EQ(t.broken(), "WILL-IFF");
}

TEST_F(Wills5, WillIff_never_after_its_delay) {
  cut_with(10, 20);
  t.settle();
  EXPECT_EQ(t.broken(), "WILL-IFF");
}

TEST_F(Wills5, WillIff_long_after_its_delay) {
  cut_with(10, 60);
  gets_will();
  t.settle();
  EXPECT_EQ(t.broken(), "WILL-IFF");
}

TEST_F(Wills5, WillIff_a_delay_that_outlives_the_session_ends_with_it) {
  cut_with(100, 10, 5);
  t.settle();
  EXPECT_EQ(t.broken(), "WILL-IFF");
}

// That of an older connection may have been in a link's outbox until the link was closed, and its
// client's session may be another one by then.
TEST_F(Wills5, A_drop_with_an_old_link_is_no_sign_of_a_will) {
  for (const auto why : {trace::DropReason::offline_qos0, trace::DropReason::queue_full}) {
    TraceBuilder trace;
    Client client = trace.client("a"), reader = trace.client("sub");
    reader.connect();
    reader.subscribe("status/#", why == trace::DropReason::offline_qos0 ? 0 : 1);
    trace.wait(1);
    client.connect(with_will(10));
    trace.wait(1);
    trace.drops("sub", publish("status/a", "a is gone", why == trace::DropReason::queue_full), why);
    EXPECT_EQ(trace.broken(), why == trace::DropReason::queue_full ? "WILL-IFF" : "");
  }
}

TEST_F(Wills5, WillIff_the_client_came_back_in_time) {
  cut_with(10, 5);
  a.connect(with_will(10));
  t.wait(6);
  gets_will();
  t.settle();
  EXPECT_EQ(t.broken(), "WILL-IFF");
}

TEST_F(Wills5, WillIff_while_the_connection_lives) {
  sub.connect();
  sub.subscribe("status/#", 1);
  a.connect(with_will(10));
  t.wait(1);
  gets_will();
  a.cut();
  EXPECT_EQ(t.broken(), "WILL-IFF");
}

TEST_F(Wills5, WillIff_DISCONNECT_0x04_asks_for_it) {
  cut_with(0, 0);
  gets_will(1);
  a.connect(with_will(0));
  a.sends(disconnect().reason(0x04));
  a.closes();
  a.is_closed(CloseCause::fin);
  t.settle();
  EXPECT_EQ(t.broken(), "WILL-IFF");
}

TEST_F(Wills5, WillIff_after_DISCONNECT_0x00) {
  sub.connect();
  sub.subscribe("status/#", 1);
  a.connect(with_will(0));
  a.leaves();
  gets_will();
  EXPECT_EQ(t.broken(), "WILL-IFF");
}

TEST_F(Wills5, It_comes_when_its_delay_is_over) {
  cut_with(10, 10);
  gets_will();
  t.settle();
  EXPECT_EQ(t.broken(), "");
  EXPECT_EQ(t.verdict("WILL-IFF").status, Status::pass);
  EXPECT_EQ(t.verdict("WILL-ORDER").status, Status::pass);
}

TEST_F(Wills5, It_comes_when_its_session_ends) {
  cut_with(100, 5, 5);
  gets_will();
  t.settle();
  EXPECT_EQ(t.broken(), "");
}

TEST_F(Wills5, It_does_not_come_when_the_client_is_back_in_time) {
  cut_with(10, 5);
  a.connect(with_will(10));
  a.leaves();
  t.settle();
  EXPECT_EQ(t.broken(), "");
  EXPECT_EQ(t.verdict("WILL-IFF").checked, 2U);
}

TEST_F(Wills5, It_comes_at_once_when_a_clean_start_ends_the_session) {
  for (const bool before_connack : {false, true}) {
    TraceBuilder trace;
    Client client = trace.client("a"), watch = trace.client("watch");
    watch.connect();
    watch.subscribe("status/#", 1);
    trace.wait(1);
    client.connect(with_will(1'000));
    client.cut();
    trace.wait(5);
    ConnectOptions anew = with_will(0);
    anew.clean = true;
    client.opens();
    client.sends_connect(anew);
    if (before_connack) watch.receives("status/a", "a is gone", 1);
    client.gets_connack(anew);
    if (!before_connack) watch.receives("status/a", "a is gone", 1);
    trace.settle();
    EXPECT_EQ(trace.broken(), "") << before_connack;
  }
}

TEST_F(Wills5, A_takeover_that_goes_on_with_the_session_cancels_what_would_have_waited) {
  for (const std::uint32_t delay_s : {0U, 10U}) {
    TraceBuilder trace;
    Client client = trace.client("a"), watch = trace.client("watch");
    watch.connect();
    watch.subscribe("status/#", 1);
    trace.wait(1);
    client.connect(with_will(delay_s));
    const auto old = client.connection();
    client.connect(with_will(delay_s));
    const auto fresh = client.connection();
    client.use(old);
    client.gets(disconnect().reason(0x8E));
    client.is_closed();
    client.closes();
    client.use(fresh);
    trace.settle();
    EXPECT_EQ(trace.broken(), delay_s == 0 ? "WILL-IFF" : "");
  }
}

TEST_F(Wills5, Whoever_comes_back_at_the_last_moment_may_be_too_late) {
  for (const bool published : {false, true}) {
    TraceBuilder trace;
    Client client = trace.client("a"), watch = trace.client("watch");
    watch.connect();
    watch.subscribe("status/#", 1);
    trace.wait(1);
    client.connect(with_will(10));
    client.cut();
    trace.wait(9.95);
    client.connect(with_will(10));
    trace.wait(0.1);
    if (published) watch.receives("status/a", "a is gone", 1);
    trace.settle();
    EXPECT_EQ(trace.broken(), "") << published;
  }
}

TEST_F(Wills5, Wills_of_different_delays_come_each_at_its_time) {
  Client b = t.client("b");
  ConnectOptions other = with_will(2);
  other.will_topic = "status/b";
  sub.connect();
  sub.subscribe("status/#", 1);
  t.wait(1);
  a.connect(with_will(20));
  b.connect(other);
  for (Client* client : {&a, &b}) {
    client->dies();
    client->cut();
  }
  t.wait(2);
  sub.receives("status/b", "b is gone", 1, 1);
  t.wait(18);
  gets_will(2);
  t.settle();
  EXPECT_EQ(t.broken(), "");
  EXPECT_EQ(t.verdict("WILL-ONCE").checked, 2U);
}

TEST_F(Wills5, An_absent_subscriber_gets_it_late) {
  cut_with(10, 0);
  sub.cut();
  t.wait(60);
  sub.connect();
  gets_will();
  t.settle();
  EXPECT_EQ(t.broken(), "");
}

// Then the members of a share may have been due the will before; now it is due to a session.
TEST_F(Wills5, Whoever_came_back_at_the_last_moment_has_a_will_again) {
  for (const bool own : {true, false}) {
    TraceBuilder trace;
    Client client = trace.client("a"), member = trace.client("member");
    ConnectOptions anew;
    anew.version = ProtocolVersion::v5_0;
    anew.clean = true;
    member.connect(anew);
    member.subscribe("$share/g/status/#", 1);
    client.connect(with_will(10));
    client.cut();
    trace.wait(9.95);
    client.connect(with_will(10));
    member.cut();
    member.connect(anew);
    if (own) member.subscribe("status/#", 0);
    member.subscribe("$share/g/status/#", 1);
    client.cut();
    trace.wait(9.95);
    member.receives("status/a", "a is gone", 0);
    if (own) member.receives("status/a", "a is gone", 1);
    client.connect(with_will(10));
    trace.settle();
    EXPECT_EQ(trace.broken(), own ? "" : "NO-FABRICATION");
  }
}

TEST_F(Wills5, WillOrder_after_what_its_client_has_published_since) {
  cut_with(0, 0);
  a.connect(with_will(0));
  a.publishes("status/a", "back", 1);
  sub.receives("status/a", "back", 1, 1);
  gets_will(2);
  t.settle();
  EXPECT_EQ(t.broken(), "WILL-ORDER");
}

// The first may have been published: then that is over. The last is no older one, although it says
// the same.
TEST_F(Wills5, A_will_that_may_have_been_due_is_not_taken_for_the_next_one) {
  is_back_at_the_last_moment();
  a.dies();
  a.cut();
  t.wait(4.99);
  gets_will(2);
  t.settle();
  EXPECT_EQ(t.broken(), "");
}

TEST_F(Wills5, WillOnce_the_next_one_comes_once_whatever_has_become_of_the_older_one) {
  is_back_at_the_last_moment();
  a.dies();
  a.cut();
  t.wait(4.99);
  gets_will(2);
  gets_will(3);
  t.settle();
  EXPECT_EQ(t.broken(), "WILL-ONCE");
}

// Another client says the same, and its will is due.
TEST_F(Wills5, WillOnce_an_older_one_is_no_second_copy_of_another_clients) {
  Client b = t.client("b");
  is_back_at_the_last_moment();
  a.leaves();
  ConnectOptions same = with_will(5);
  same.will_payload = "a is gone";
  b.connect(same);
  b.dies();
  b.cut();
  t.wait(4.99);
  gets_will(2);
  EXPECT_EQ(t.broken(), "");
  gets_will(3);
  EXPECT_EQ(t.broken(), "WILL-ONCE");
}

TEST_F(Wills5, What_its_client_published_before_may_come_after_it_only_in_another_order_of_QoS) {
  cut_with(0, 0);
  a.connect(with_will(0));
  a.publishes("status/a", "back", 0);
  sub.receives("status/a", "back", 0);
  gets_will(2);
  t.settle();
  EXPECT_EQ(t.broken(), "");
}

}  // namespace
}  // namespace mqttlab::oracle_test
