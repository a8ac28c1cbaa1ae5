// KA-SEND, KA-ENFORCE, KA-FAIR, KA-DETECT, KA-FALSE, STREAM-OK, CONVERGE.
#include <gtest/gtest.h>

#include "tests/oracle/trace_builder.h"

namespace mqttlab::oracle_test {
namespace {

using oracle::Status;

struct Liveness : testing::Test {
  TraceBuilder t;
  Client a = t.client("a");
  const ConnectOptions ten{.keep_alive_s = 10};
};

TEST_F(Liveness, KaEnforce_a_silent_client_is_kept) {
  a.connect(ten);
  a.dies();
  t.wait(20);
  EXPECT_EQ(t.broken(), "KA-ENFORCE");
}

TEST_F(Liveness, KaEnforce_a_silent_client_is_closed_too_late) {
  a.connect(ten);
  a.dies();
  t.wait(16);
  a.is_closed();
  EXPECT_EQ(t.broken(), "KA-ENFORCE");
}

TEST_F(Liveness, KaEnforce_a_late_packet_is_still_read) {
  a.connect(ten);
  a.writes(pingreq());
  t.wait(16);
  a.reaches(pingreq());
  a.gets(pingresp());
  EXPECT_EQ(t.broken(), "KA-ENFORCE");
}

TEST_F(Liveness, One_and_a_half_keep_alives_of_silence_are_enough) {
  a.connect(ten);
  a.dies();
  t.wait(15.01);
  a.is_closed();
  EXPECT_EQ(t.broken(), "");
  EXPECT_EQ(t.verdict("KA-ENFORCE").status, Status::pass);
  EXPECT_EQ(t.verdict("KA-FAIR").status, Status::pass);
}

TEST_F(Liveness, A_packet_that_arrives_piece_by_piece_is_no_silence) {
  a.connect(ten);
  a.writes(publish("x", "large", 0).size(60'000));
  t.wait(16);
  a.reaches(publish("x", "large", 0).size(60'000));
  a.closes();
  a.is_closed(CloseCause::fin);
  EXPECT_EQ(t.broken(), "");
}

TEST_F(Liveness, KaSend_a_client_that_lets_its_keep_alive_pass) {
  a.connect(ten);
  t.wait(11);
  a.sends(pingreq());
  EXPECT_EQ(t.broken(), "KA-SEND");
  EXPECT_EQ(t.verdict("KA-SEND").status, Status::fail);
}

TEST_F(Liveness, KaSend_a_client_that_is_closed_for_it) {
  a.connect(ten);
  t.wait(15.05);
  a.is_closed();
  a.closes(CloseCause::fin);
  EXPECT_EQ(t.broken(), "KA-SEND");
}

TEST_F(Liveness, KaSend_counts_by_the_broker_s_keep_alive) {
  ConnectOptions options{.keep_alive_s = 60, .version = ProtocolVersion::v5_0};
  options.answered.server_keep_alive_s = 5;
  a.connect(options);
  t.wait(6);
  a.sends(pingreq());
  EXPECT_EQ(t.broken(), "KA-SEND");
}

TEST_F(Liveness, Who_speaks_in_time_sleeps_or_cannot_send_has_not_been_silent) {
  t.settings.ping_timeout = 100 * second;
  a.connect(ten);
  for (int i = 0; i < 3; ++i) {
    t.wait(9.9);
    a.sends(pingreq());
    a.gets(pingresp());
  }
  a.suffers(trace::Kind::paused);
  t.wait(14);
  a.suffers(trace::Kind::went_on);
  a.sends(pingreq());
  a.writes(pingreq());  // what is under way fills the link
  t.wait(14);
  a.writes(pingreq());
  EXPECT_EQ(t.broken(), "");
  EXPECT_EQ(t.verdict("KA-SEND").status, Status::pass);
}

struct SoundLink : Liveness {
  void SetUp() override {
    t.know(a, {.round_trip = 100 * millisecond});
    a.connect(ten);
    t.wait(10);
    a.sends(pingreq());
  }
};

TEST_F(SoundLink, KaFalse_a_client_that_gives_up_with_the_answer_before_it) {
  a.is_sent(pingresp());
  t.wait(10);
  a.closes();
  EXPECT_EQ(t.broken(), "KA-FALSE");
  EXPECT_EQ(t.verdict("KA-FALSE").status, Status::departs);
}

TEST_F(SoundLink, KaFalse_after_a_pause_the_answer_is_read_first) {
  a.suffers(trace::Kind::paused);
  a.is_sent(pingresp());
  t.wait(12);
  a.suffers(trace::Kind::went_on);
  a.closes();
  EXPECT_EQ(t.broken(), "KA-FALSE");
}

TEST_F(SoundLink, KaFalse_a_broker_that_does_not_read) {
  a.gets(pingresp());
  t.wait(10);
  a.writes(pingreq());
  t.wait(5.05);
  a.is_closed();
  EXPECT_EQ(t.broken(), "KA-FALSE");
}

TEST_F(SoundLink, Who_has_had_no_answer_may_give_up) {
  t.wait(10);
  a.closes();
  EXPECT_EQ(t.broken(), "");
  EXPECT_EQ(t.verdict("KA-FALSE").status, Status::pass);
}

TEST_F(SoundLink, On_a_link_that_is_down_nobody_is_blamed) {
  a.is_sent(pingresp());
  a.suffers(trace::Kind::link_down);
  t.wait(10);
  a.closes();
  EXPECT_EQ(t.broken(), "");
  EXPECT_EQ(t.verdict("KA-FALSE").status, Status::not_observable);
}

TEST_F(Liveness, KaFair_closed_after_one_keep_alive) {
  a.connect(ten);
  t.wait(10.5);
  a.is_closed();
  EXPECT_EQ(t.broken(), "KA-FAIR");
}

TEST_F(Liveness, KaFair_closed_although_no_keep_alive_was_asked_for) {
  a.connect();
  t.wait(100);
  a.is_closed();
  EXPECT_EQ(t.broken(), "KA-FAIR");
}

TEST_F(Liveness, Other_ends_of_a_connection_are_not_put_down_to_keep_alive) {
  a.connect(ten);
  t.wait(1);
  a.is_closed(CloseCause::timeout);
  a.closes();
  a.connect(ten);
  t.malformed(a.connection(), trace::End::client, false, "MQTT-3.3.1-4");
  t.malformed(a.connection(), trace::End::broker, true, "MQTT-3.3.1-4");
  a.is_closed();
  EXPECT_EQ(t.broken(), "STREAM-OK");
}

TEST_F(Liveness, KaDetect_a_client_that_holds_on_to_a_dead_link) {
  a.connect(ten);
  a.writes(pingreq());
  a.is_closed(CloseCause::reset);
  t.wait(25);
  EXPECT_EQ(t.broken(), "KA-DETECT");
}

TEST_F(Liveness, KaDetect_whatever_the_client_writes_itself) {
  a.connect(ten);
  a.is_closed(CloseCause::reset);
  for (int i = 0; i < 6; ++i) {
    t.wait(5);
    a.writes(publish("x", std::to_string(i), 0));
  }
  a.closes(CloseCause::timeout);
  EXPECT_EQ(t.broken(), "KA-DETECT");
}

TEST_F(Liveness, Keep_alive_and_ping_timeout_together_are_allowed) {
  a.connect(ten);
  a.writes(pingreq());
  a.is_closed(CloseCause::reset);
  t.wait(20);
  a.closes();
  EXPECT_EQ(t.broken(), "");
  EXPECT_EQ(t.verdict("KA-DETECT").status, Status::pass);
}

TEST_F(Liveness, Neither_a_dead_process_nor_keep_alive_0_need_notice_anything) {
  a.connect(ten);
  a.dies();
  t.wait(15.01);
  a.is_closed();
  Client b = t.client("b");
  b.connect();
  t.wait(1000);
  EXPECT_EQ(t.broken(), "");
}

TEST_F(Liveness, StreamOk_bytes_that_are_no_packet_are_found_once) {
  a.connect();
  t.malformed(a.connection(), trace::End::client, false, "MQTT-3.3.1-4");
  t.malformed(a.connection(), trace::End::broker, true, "MQTT-3.3.1-4");
  EXPECT_EQ(t.broken(), "STREAM-OK");
  EXPECT_EQ(t.violations().size(), 1U);
}

TEST_F(Liveness, StreamOk_first_packets) {
  a.opens();
  a.writes(pingreq());
  EXPECT_EQ(t.broken(), "STREAM-OK");
}

TEST_F(Liveness, StreamOk_the_broker_speaks_before_CONNACK) {
  a.opens();
  a.sends_connect({});
  a.is_sent(pingresp());
  EXPECT_EQ(t.broken(), "STREAM-OK");
}

TEST_F(Liveness, StreamOk_a_second_CONNECT) {
  a.connect();
  a.sends_connect({});
  EXPECT_EQ(t.broken(), "STREAM-OK");
}

TEST_F(Liveness, StreamOk_nothing_follows_DISCONNECT) {
  a.connect();
  a.writes(disconnect());
  a.writes(pingreq());
  EXPECT_EQ(t.broken(), "STREAM-OK");
}

TEST_F(Liveness, StreamOk_packets_do_not_appear_from_nowhere) {
  a.connect();
  a.reaches(pingreq());
  EXPECT_EQ(t.broken(), "STREAM-OK");
}

TEST_F(Liveness, A_tail_that_a_fault_cut_is_legal) {
  a.connect();
  t.tail(a.connection(), trace::End::client, false);
  t.tail(a.connection(), trace::End::broker, true);
  a.cut();
  EXPECT_EQ(t.broken(), "");
}

TEST_F(Liveness, Converge_a_client_that_never_comes_back) {
  a.connect();
  a.cut();
  t.settle();
  EXPECT_EQ(t.broken(), "CONVERGE");
}

TEST_F(Liveness, Converge_a_client_that_loses_each_connection_soon_after_it_began) {
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

TEST_F(Liveness, A_client_that_loses_connections_that_have_stood_may_be_away_at_the_end) {
  t.settle();
  for (int loss = 0; loss < 3; ++loss) {
    a.connect();
    t.wait(31);
    a.cut();
  }
  EXPECT_EQ(t.broken(), "");
}

TEST_F(Liveness, Converge_an_exchange_that_never_ends) {
  a.connect();
  a.calls("x", "m", 1);
  a.sends(publish("x", "m", 1, 1));
  t.settle();
  EXPECT_EQ(t.broken(), "CONVERGE");
}

TEST_F(Liveness, Converge_a_delivery_that_never_ends) {
  Client sub = t.client("sub");
  a.connect();
  sub.connect();
  sub.subscribe("x", 1);
  a.publishes("x", "m", 1);
  sub.is_sent(publish("x", "m", 1, 1));
  t.settle();
  EXPECT_EQ(t.broken(), "CONVERGE");
}

TEST_F(Liveness, Converge_a_call_that_never_completes) {
  a.connect();
  a.calls("x", "m", 1);
  t.settle();
  EXPECT_EQ(t.broken(), "CONVERGE");
}

TEST_F(Liveness, Messages_in_flight_at_the_end_are_not_late) {
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

TEST_F(Liveness, Who_left_was_refused_or_died_need_not_be_connected) {
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

TEST_F(Liveness, Who_was_stopped_while_offline_need_not_be_connected_and_the_others_must) {
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

TEST_F(Liveness, Converge_who_was_stopped_at_the_very_end_had_to_be_connected) {
  a.connect();
  a.cut();
  t.settle();
  a.is_stopped();
  EXPECT_EQ(t.broken(), "CONVERGE");
  t.wait(1);  // and before that it may go
  EXPECT_EQ(t.broken(), "");
}

TEST_F(Liveness, Without_a_settle_phase_convergence_is_not_observable) {
  a.connect();
  a.cut();
  EXPECT_EQ(t.verdict("CONVERGE").status, Status::not_observable);
  EXPECT_NE(t.verdict("CONVERGE").why, "");
}

TEST_F(Liveness, A_run_that_stops_too_early_says_so) {
  a.connect();
  a.cut();
  t.settle();
  t.wait(-15);
  EXPECT_EQ(t.verdict("CONVERGE").status, Status::not_observable);
  EXPECT_NE(t.verdict("CONVERGE").why.find("15 s"), std::string::npos);
}

TEST_F(Liveness, A_call_made_just_before_the_end_is_not_late) {
  a.connect();
  t.settle();
  a.calls("x", "m", 1);
  EXPECT_EQ(t.broken(), "");
}

}  // namespace
}  // namespace mqttlab::oracle_test
