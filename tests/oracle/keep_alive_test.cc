// KA-SEND, KA-ENFORCE, KA-FAIR, KA-DETECT, KA-FALSE.
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

TEST_F(Liveness, KaSend_counts_from_CONNECT_but_ahead_of_CONNACK_nothing_is_due) {
  for (const double connack_at : {0.5, 9.0, 15.0}) {
    for (const double pinged_at : {10.0, 10.4, 15.0}) {
      if (pinged_at < connack_at) continue;
      TraceBuilder trace;
      Client client = trace.client("a");
      client.opens();
      client.sends_connect(ten);
      trace.wait(connack_at);
      client.gets_connack(ten);
      trace.wait(pinged_at - connack_at);
      client.sends(pingreq());
      EXPECT_EQ(trace.broken(), pinged_at > std::max(10.0, connack_at) ? "KA-SEND" : "")
          << connack_at << " s, " << pinged_at << " s";
    }
  }
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

// A cut of this connection, or one that took all the device had, and was not over when faults were.
TEST_F(SoundLink, A_connection_that_was_cut_in_silence_proves_nothing) {
  for (const bool is_named : {true, false}) {
    t.event({.kind = trace::Kind::fault,
             .actor = a.actor(),
             .connection = is_named ? a.connection() : 0});
    if (!is_named) t.event({.kind = trace::Kind::phase, .text = t.log().intern("settle")});
    a.is_sent(pingresp());
    t.wait(10);
    a.closes();
    EXPECT_EQ(t.broken(), "");
    EXPECT_EQ(t.verdict("KA-FALSE").status, Status::not_observable);
    a.is_closed(CloseCause::timeout);
    a.connect(ten);
  }
}

TEST_F(SoundLink, KaFalse_on_the_connection_after_it_once_faults_have_stopped) {
  t.event({.kind = trace::Kind::fault, .actor = a.actor(), .connection = a.connection()});
  a.cut();
  t.event({.kind = trace::Kind::phase, .text = t.log().intern("settle")});
  a.connect(ten);
  t.wait(10);
  a.sends(pingreq());
  a.is_sent(pingresp());
  t.wait(10);
  a.closes();
  EXPECT_EQ(t.broken(), "KA-FALSE");
}

// What a link that was bad has lost comes late, when it is good again.
TEST_F(SoundLink, A_connection_that_has_seen_a_fault_proves_nothing) {
  a.suffers(trace::Kind::link_down);
  a.is_sent(pingresp());
  t.wait(9);
  a.suffers(trace::Kind::link_up);
  t.wait(1);
  a.closes();
  EXPECT_EQ(t.broken(), "");
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

}  // namespace
}  // namespace mqttlab::oracle_test
