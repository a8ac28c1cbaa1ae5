// CONNECT-BOUND, BACKOFF, SUB-INTENT, TOKEN-COMPLETE, APP-Q1: what a client library keeps to.
#include <gtest/gtest.h>

#include "tests/oracle/pub_sub.h"

namespace mqttlab::oracle_test {
namespace {

using oracle::Status;

constexpr oracle::DeviceFacts careful{.connect_timeout = 5 * second,
                                      .backoff_initial = 1 * second,
                                      .backoff_maximum = 8 * second,
                                      .backoff_stable = 10 * second,
                                      .backoff_factor = 2,
                                      .backoff_jitter = 0.5,
                                      .resubscribes = true};

struct Library : PubSub {
  Client a = t.client("a");
  void short_connection() {
    a.connect();
    a.cut();
  }
};

TEST_F(Library, ConnectBound_a_client_that_waits_for_CONNACK_for_ever) {
  t.know(a, careful);
  a.opens();
  a.sends_connect({});
  t.wait(6);
  EXPECT_EQ(t.broken(), "CONNECT-BOUND");
  EXPECT_EQ(t.verdict("CONNECT-BOUND").status, Status::departs);
  a.cut();
  EXPECT_EQ(t.broken(), "CONNECT-BOUND");
}

TEST_F(Library, An_attempt_that_is_given_up_in_time_or_while_its_process_slept_is_none_too_long) {
  t.know(a, careful);
  a.opens();
  a.sends_connect({});
  t.wait(4.9);
  a.cut();
  t.wait(1);
  a.opens();
  a.sends_connect({});
  a.suffers(trace::Kind::paused);
  t.wait(60);
  a.suffers(trace::Kind::went_on);
  t.wait(4.9);
  a.closes();
  a.is_closed(CloseCause::fin);
  EXPECT_EQ(t.broken(), "");
  EXPECT_EQ(t.verdict("CONNECT-BOUND").status, Status::pass);
}

TEST_F(Library, How_long_others_wait_is_not_known) {
  a.opens();
  a.sends_connect({});
  t.wait(600);
  a.cut();
  EXPECT_EQ(t.broken(), "");
  EXPECT_EQ(t.verdict("CONNECT-BOUND").status, Status::not_observable);
}

TEST_F(Library, Backoff_a_client_that_comes_back_at_once) {
  t.know(a, careful);
  short_connection();
  t.wait(0.3);
  a.connect();
  EXPECT_EQ(t.broken(), "BACKOFF");
}

TEST_F(Library, Backoff_CONNACK_alone_does_not_begin_it_anew) {
  t.know(a, careful);
  for (int i = 0; i < 4; ++i) {
    a.connect();
    t.wait(0.1);
    a.cut();
    t.wait(0.6);
  }
  EXPECT_EQ(t.broken(), "BACKOFF");
  EXPECT_EQ(t.violations().size(), 2U);
}

TEST_F(Library, Backoff_grows_and_begins_anew_after_a_connection_that_stood) {
  t.know(a, careful);
  for (const double wait : {0.5, 1.0, 2.0, 4.0, 4.0}) {
    short_connection();
    t.wait(wait);
  }
  a.connect();
  t.wait(11);
  a.cut();
  t.wait(0.5);
  a.connect();
  EXPECT_EQ(t.broken(), "");
  EXPECT_EQ(t.verdict("BACKOFF").status, Status::pass);
}

TEST_F(Library, Who_is_told_to_connect_need_not_wait) {
  t.know(a, careful);
  short_connection();
  t.started(a);
  a.connect();
  a.leaves();
  a.connect();
  EXPECT_EQ(t.broken(), "");
}

TEST_F(Library, SubIntent_a_client_that_leaves_it_at_a_lost_session) {
  t.know(sub, careful);
  begin(1);
  sub.cut();
  t.wait(1);
  sub.connect({.present = 0});
  t.wait(31);
  sub.cut();
  EXPECT_EQ(t.broken(), "SP-TRUTH SUB-INTENT");
}

TEST_F(Library, SubIntent_a_SUBSCRIBE_that_was_cut_before_its_answer) {
  t.know(sub, careful);
  sub.connect();
  sub.sends({.type = PacketType::subscribe, .id = 1, .filters = {{t.log().intern("x"), 1}}});
  sub.cut();
  t.wait(1);
  sub.connect();
  t.wait(31);
  sub.cut();
  EXPECT_EQ(t.broken(), "SUB-INTENT");
}

TEST_F(Library, Who_subscribes_again_left_was_refused_or_had_no_time_has_kept_its_filters) {
  t.know(sub, careful);
  sub.connect({.clean = true});
  sub.subscribe("a/#", 1);
  sub.subscribe("refused", 1, 0x80);
  sub.subscribe("left", 1);
  sub.unsubscribe("left");
  sub.cut();
  t.wait(1);
  sub.connect({.clean = true});  // for a moment
  sub.cut();
  t.wait(3);
  sub.connect({.clean = true});
  sub.subscribe("a/#", 1);
  t.wait(31);
  sub.cut();
  EXPECT_EQ(t.broken(), "");
  EXPECT_EQ(t.verdict("SUB-INTENT").status, Status::pass);
}

// Look-alike: most libraries leave it to the application.
TEST_F(Library, A_library_that_does_not_promise_it_need_not_subscribe_again) {
  sub.connect({.clean = true});
  sub.subscribe("a/#", 1);
  sub.cut();
  sub.connect({.clean = true});
  t.wait(300);
  sub.cut();
  EXPECT_EQ(t.broken(), "");
  EXPECT_EQ(t.verdict("SUB-INTENT").status, Status::not_observable);
}

TEST_F(Library, An_application_that_begins_anew_may_want_something_else) {
  t.know(sub, careful);
  sub.connect({.clean = true});
  sub.subscribe("a/#", 1);
  sub.cut();
  t.started(sub);
  sub.connect({.clean = true});
  t.wait(300);
  sub.cut();
  EXPECT_EQ(t.broken(), "");
}

TEST_F(Library, TokenComplete_a_call_that_ends_twice) {
  pub.connect();
  pub.publishes("a", "1", 1, 1);
  pub.completes(1);
  EXPECT_EQ(t.broken(), "TOKEN-COMPLETE");
}

TEST_F(Library, TokenComplete_success_without_an_acknowledgement) {
  for (const int qos : {1, 2}) {
    TraceBuilder trace;
    Client client = trace.client("c");
    client.connect();
    client.calls("a", "1", qos);
    client.sends(publish("a", "1", qos, 1));
    if (qos == 2) client.gets(pubrec(1));
    client.completes();
    EXPECT_EQ(trace.broken(), "TOKEN-COMPLETE") << qos;
  }
}

TEST_F(Library, TokenComplete_failure_although_it_was_acknowledged) {
  pub.connect();
  pub.calls("a", "1", 1);
  pub.sends(publish("a", "1", 1, 1));
  pub.gets(puback(1));
  pub.completes(1, 1);
  EXPECT_EQ(t.broken(), "TOKEN-COMPLETE");
}

TEST_F(Library, Calls_end_in_success_refusal_and_failure) {
  pub.connect({.version = ProtocolVersion::v5_0});
  pub.publishes("a", "1", 0, 1);
  pub.publishes("a", "2", 2, 2);
  pub.calls("a", "3", 1, 3);
  pub.sends(publish("a", "3", 1, 3));
  pub.gets(puback(3).reason(0x87));
  pub.completes(3, 2);
  pub.calls("a", "4", 1, 4);
  pub.completes(4, 1);
  EXPECT_EQ(t.broken(), "");
  EXPECT_EQ(t.verdict("TOKEN-COMPLETE").checked, 4U);
}

TEST_F(Library, Tokens_of_two_clients_on_a_device_are_not_told_apart) {
  pub.connect();
  pub.calls("a", "1", 1, 1);
  pub.calls("b", "2", 1, 1);  // by the other client
  pub.completes(1);
  pub.completes(1);
  EXPECT_EQ(t.broken(), "");
  EXPECT_EQ(t.verdict("TOKEN-COMPLETE").status, Status::not_observable);
}

struct Strict : PubSub {
  void arrives(int qos) {
    begin(qos);
    pub.publishes("a/b", "m", qos);
    sub.gets(publish("a/b", "m", qos, 1));
  }
};

TEST_F(Strict, AppQ1_an_acknowledgement_before_the_application_has_the_message) {
  t.settings.strict = true;
  arrives(1);
  sub.sends(puback(1));
  sub.is_handed("a/b", "m", 1);
  EXPECT_EQ(t.broken(), "APP-Q1");
  EXPECT_EQ(t.verdict("APP-Q1").status, Status::fail);
}

TEST_F(Strict, The_standard_leaves_open_when_a_message_is_taken) {
  arrives(1);
  sub.sends(puback(1));
  sub.is_handed("a/b", "m", 1);
  EXPECT_EQ(t.broken(), "");
  EXPECT_EQ(t.verdict("APP-Q1").status, Status::not_observable);
}

TEST_F(Strict, An_acknowledgement_of_what_the_application_has) {
  t.settings.strict = true;
  arrives(2);
  sub.is_handed("a/b", "m", 2);
  sub.sends(pubrec(1));
  EXPECT_EQ(t.broken(), "");
  EXPECT_EQ(t.verdict("APP-Q1").status, Status::pass);
}

TEST_F(Strict, A_recommendation_is_demanded) {
  t.settings.strict = true;
  t.know(pub, careful);
  pub.opens();
  t.wait(6);
  EXPECT_EQ(t.verdict("CONNECT-BOUND").status, Status::fail);
}

}  // namespace
}  // namespace mqttlab::oracle_test
