// STREAM-OK, CONVERGE.
#include <gtest/gtest.h>

#include "tests/oracle/trace_builder.h"

namespace mqttlab::oracle_test {
namespace {

using oracle::Status;

struct Convergence : testing::Test {
  TraceBuilder t;
  Client a = t.client("a");
};

TEST_F(Convergence, StreamOk_bytes_that_are_no_packet_are_found_once) {
  a.connect();
  t.malformed(a.connection(), trace::End::client, false, "MQTT-3.3.1-4");
  t.malformed(a.connection(), trace::End::broker, true, "MQTT-3.3.1-4");
  EXPECT_EQ(t.broken(), "STREAM-OK");
  EXPECT_EQ(t.violations().size(), 1U);
}

TEST_F(Convergence, StreamOk_first_packets) {
  a.opens();
  a.writes(pingreq());
  EXPECT_EQ(t.broken(), "STREAM-OK");
}

TEST_F(Convergence, StreamOk_the_broker_speaks_before_CONNACK) {
  a.opens();
  a.sends_connect({});
  a.is_sent(pingresp());
  EXPECT_EQ(t.broken(), "STREAM-OK");
}

TEST_F(Convergence, StreamOk_a_second_CONNECT) {
  a.connect();
  a.sends_connect({});
  EXPECT_EQ(t.broken(), "STREAM-OK");
}

TEST_F(Convergence, StreamOk_nothing_follows_DISCONNECT) {
  a.connect();
  a.writes(disconnect());
  a.writes(pingreq());
  EXPECT_EQ(t.broken(), "STREAM-OK");
}

TEST_F(Convergence, StreamOk_packets_do_not_appear_from_nowhere) {
  a.connect();
  a.reaches(pingreq());
  EXPECT_EQ(t.broken(), "STREAM-OK");
}

TEST_F(Convergence, A_tail_that_a_fault_cut_is_legal) {
  a.connect();
  t.tail(a.connection(), trace::End::client, false);
  t.tail(a.connection(), trace::End::broker, true);
  a.cut();
  EXPECT_EQ(t.broken(), "");
}

TEST_F(Convergence, Converge_a_client_that_never_comes_back) {
  a.connect();
  a.cut();
  t.settle();
  EXPECT_EQ(t.broken(), "CONVERGE");
}

TEST_F(Convergence, Converge_a_client_that_loses_each_connection_soon_after_it_began) {
  for (const int losses : {2, 3}) {
    TraceBuilder trace;
    Client client = trace.client("c");
    trace.settle();
    trace.wait(-29);
    for (int loss = 0; loss < losses; ++loss) {
      client.connect();
      client.cut();
      trace.wait(9);
    }
    trace.wait(8);
    EXPECT_EQ(trace.broken(), losses == 2 ? "" : "CONVERGE");
  }
}

TEST_F(Convergence, A_client_that_loses_connections_that_have_stood_may_be_away_at_the_end) {
  t.settle();
  for (int loss = 0; loss < 3; ++loss) {
    a.connect();
    t.wait(31);
    a.cut();
  }
  EXPECT_EQ(t.broken(), "");
}

TEST_F(Convergence, Converge_an_exchange_that_never_ends) {
  a.connect();
  a.calls("x", "m", 1);
  a.sends(publish("x", "m", 1, 1));
  t.settle();
  EXPECT_EQ(t.broken(), "CONVERGE");
}

TEST_F(Convergence, Converge_a_delivery_that_never_ends) {
  Client sub = t.client("sub");
  a.connect();
  sub.connect();
  sub.subscribe("x", 1);
  a.publishes("x", "m", 1);
  sub.is_sent(publish("x", "m", 1, 1));
  t.settle();
  EXPECT_EQ(t.broken(), "CONVERGE");
}

TEST_F(Convergence, Converge_a_call_that_never_completes) {
  a.connect();
  a.calls("x", "m", 1);
  t.settle();
  EXPECT_EQ(t.broken(), "CONVERGE");
}

TEST_F(Convergence, Messages_in_flight_at_the_end_are_not_late) {
  Client sub = t.client("sub");
  a.connect();
  sub.connect();
  sub.subscribe("x", 2);
  t.settle();
  a.calls("x", "1", 2, 1);
  a.sends(publish("x", "1", 2, 1));
  a.calls("x", "2", 1, 2);
  a.sends(publish("x", "2", 1, 2));
  a.gets(puback(2));
  EXPECT_EQ(t.broken(), "");
}

TEST_F(Convergence, Who_left_was_refused_or_died_need_not_be_connected) {
  Client refused = t.client("refused"), dead = t.client("dead");
  a.connect();
  a.leaves();
  refused.connect({.code = 5});
  refused.cut();
  dead.connect();
  dead.dies(trace::Death::fin);
  dead.cut();
  t.settle();
  EXPECT_EQ(t.broken(), "");
}

TEST_F(Convergence, Who_was_stopped_while_offline_need_not_be_connected_and_the_others_must) {
  Client sub = t.client("sub");
  a.connect();
  sub.connect();
  a.cut();
  sub.cut();
  a.is_stopped();
  t.settle();
  EXPECT_EQ(t.broken(), "CONVERGE");
  ASSERT_EQ(t.violations().size(), 1U);
  EXPECT_NE(t.violations()[0].what.find("'sub'"), std::string::npos) << t.violations()[0].what;
}

TEST_F(Convergence, Converge_who_was_stopped_after_that_had_to_be_connected_until_then) {
  a.connect();
  a.cut();
  t.settle();
  a.is_stopped();
  EXPECT_EQ(t.broken(), "CONVERGE");
  t.wait(100);
  EXPECT_EQ(t.broken(), "CONVERGE");
}

TEST_F(Convergence, Who_was_stopped_soon_after_it_was_lost_or_faults_had_stopped_need_not_be) {
  Client late = t.client("late");
  a.connect();
  late.connect();
  a.cut();
  t.wait(100);
  t.event({.kind = trace::Kind::phase, .text = t.log().intern("settle")});
  t.wait(19);
  a.is_stopped();
  t.wait(50);
  late.cut();
  t.wait(19);
  late.is_stopped();
  t.wait(100);
  EXPECT_EQ(t.broken(), "");
  EXPECT_EQ(t.verdict("CONVERGE").checked, 1U);
}

TEST_F(Convergence, Without_a_settle_phase_convergence_is_not_observable) {
  a.connect();
  a.cut();
  EXPECT_EQ(t.verdict("CONVERGE").status, Status::not_observable);
  EXPECT_NE(t.verdict("CONVERGE").why, "");
}

TEST_F(Convergence, A_run_that_stops_too_early_says_so) {
  a.connect();
  a.cut();
  t.settle();
  t.wait(-15);
  EXPECT_EQ(t.verdict("CONVERGE").status, Status::not_observable);
  EXPECT_NE(t.verdict("CONVERGE").why.find("15 s"), std::string::npos);
}

TEST_F(Convergence, A_call_made_just_before_the_end_is_not_late) {
  a.connect();
  t.settle();
  a.calls("x", "m", 1);
  EXPECT_EQ(t.broken(), "");
}

}  // namespace
}  // namespace mqttlab::oracle_test
