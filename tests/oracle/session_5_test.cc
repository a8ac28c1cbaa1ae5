// SESS-EXPIRY, SESS-QUEUE, SESS-DISCARD, TAKEOVER-TERM, and SP-TRUTH and ONE-CONN in 5.0.
#include <gtest/gtest.h>

#include "tests/oracle/trace_builder.h"

namespace mqttlab::oracle_test {
namespace {

using oracle::Status;

ConnectOptions v5(std::uint32_t outlives_s, bool clean = false, int present = -1) {
  ConnectOptions options;
  options.version = ProtocolVersion::v5_0;
  options.clean = clean;
  options.present = present;
  options.says.session_expiry_s = outlives_s;
  return options;
}
constexpr std::uint32_t for_ever = endless_expiry_s;

struct Sessions5 : testing::Test {
  TraceBuilder t;
  Client a = t.client("a"), pub = t.client("pub");

  // `a` comes back so long after its connection has ended, and is told of a session or not.
  std::string comes_back(double after_s, bool present, std::uint32_t outlives_s = 10) {
    a.connect(v5(outlives_s));
    t.wait(60);
    a.cut();
    t.wait(after_s);
    a.connect(v5(outlives_s, false, present));
    return t.broken();
  }
};

TEST_F(Sessions5, SessExpiry_gone_before_its_time) {
  EXPECT_EQ(comes_back(9, false), "SESS-EXPIRY");
}
TEST_F(Sessions5, SessExpiry_there_after_its_time) {
  EXPECT_EQ(comes_back(11, true), "SESS-EXPIRY");
}
TEST_F(Sessions5, It_is_there_until_its_time_and_gone_after_it) {
  EXPECT_EQ(comes_back(9, true), "");
  EXPECT_EQ(t.verdict("SESS-EXPIRY").status, Status::pass);
}
TEST_F(Sessions5, It_is_gone_after_its_time) {
  EXPECT_EQ(comes_back(11, false), "");
  EXPECT_EQ(t.verdict("SESS-EXPIRY").status, Status::pass);
}
TEST_F(Sessions5, At_the_instant_itself_either_is_right) { EXPECT_EQ(comes_back(9.995, true), ""); }
TEST_F(Sessions5, SpTruth_an_interval_of_0xFFFFFFFF_does_not_end) {
  EXPECT_EQ(comes_back(1e6, false, for_ever), "SP-TRUTH");
}
TEST_F(Sessions5, SpTruth_a_session_without_an_interval_ends_with_its_connection) {
  EXPECT_EQ(comes_back(0.5, true, 0), "SP-TRUTH");
}

TEST_F(Sessions5, The_interval_that_CONNACK_grants_counts) {
  ConnectOptions options = v5(1'000);
  options.answered.session_expiry_s = 10;
  a.connect(options);
  a.cut();
  t.wait(20);
  options.present = 0;
  a.connect(options);
  EXPECT_EQ(t.broken(), "");
  EXPECT_EQ(t.verdict("SESS-EXPIRY").checked, 1U);
}

TEST_F(Sessions5, DISCONNECT_changes_the_interval) {
  a.connect(v5(10));
  Packet leave = disconnect();
  leave.session_expiry_s = 100;
  a.sends(leave);
  a.closes();
  a.is_closed(CloseCause::fin);
  t.wait(50);
  a.connect(v5(10, false, 0));
  EXPECT_EQ(t.broken(), "SESS-EXPIRY");
}

TEST_F(Sessions5, DISCONNECT_cannot_keep_what_CONNECT_wanted_gone) {  // U-3.14.2.2.2-2
  a.connect(v5(0));
  Packet leave = disconnect();
  leave.session_expiry_s = 100;
  a.sends(leave);
  a.closes();
  a.is_closed(CloseCause::fin);
  a.connect(v5(0, false, 1));
  EXPECT_EQ(t.broken(), "SP-TRUTH");
}

TEST_F(Sessions5, A_3_1_1_client_goes_on_with_a_session_of_5_0_for_ever) {
  a.connect(v5(10));
  a.cut();
  t.wait(5);
  a.connect();
  a.cut();
  t.wait(1'000);
  a.connect(v5(10));
  EXPECT_EQ(t.broken(), "");
  EXPECT_EQ(t.verdict("SP-TRUTH").checked, 3U);
}

TEST_F(Sessions5, An_identifier_that_the_broker_assigns_names_the_session) {
  Client nameless = t.client("");
  ConnectOptions options = v5(for_ever);
  options.answered.assigned_client_id = t.log().intern("auto-1");
  nameless.connect(options);
  nameless.subscribe("x", 1);
  nameless.cut();
  pub.connect();
  pub.publishes("x", "m", 1);
  Client named = t.client("auto-1");
  named.connect(v5(for_ever, false, 1));
  named.receives("x", "m", 1);
  EXPECT_EQ(t.broken(), "");
}

TEST_F(Sessions5, SessQueue_what_was_queued_is_not_there_after_the_resume) {
  pub.connect();
  a.connect(v5(for_ever));
  a.subscribe("x", 1);
  a.cut();
  for (const char* payload : {"1", "2"}) pub.publishes("x", payload, 1);
  a.connect(v5(for_ever));
  a.receives("x", "2", 1);
  t.wait(15);
  a.gets(pingresp());
  t.wait(2);
  a.cut();
  EXPECT_EQ(t.broken(), "SESS-QUEUE");
}

TEST_F(Sessions5, SessQueue_what_was_done_with_is_sent_again) {
  pub.connect();
  a.connect(v5(for_ever));
  a.subscribe("x", 1);
  pub.publishes("x", "m", 1);
  a.receives("x", "m", 1, 1);
  t.wait(1);
  a.cut();
  a.connect(v5(for_ever));
  a.receives("x", "m", 1, 2);
  EXPECT_EQ(t.broken(), "SESS-QUEUE");
}

TEST_F(Sessions5, A_queue_that_waits_for_acknowledgements_is_not_lost) {
  pub.connect();
  a.connect(v5(for_ever));
  a.subscribe("x", 1);
  a.cut();
  for (const char* payload : {"1", "2"}) pub.publishes("x", payload, 1);
  a.connect(v5(for_ever));
  a.gets(publish("x", "1", 1, 1));
  t.wait(15);
  a.gets(pingresp());
  t.wait(2);
  a.cut();
  EXPECT_EQ(t.broken(), "");
  EXPECT_EQ(t.verdict("SESS-QUEUE").status, Status::pass);
}

TEST_F(Sessions5, SessDiscard_a_message_of_the_older_session) {
  pub.connect();
  a.connect(v5(for_ever));
  a.subscribe("x", 1);
  a.cut();
  pub.publishes("x", "m", 1);
  a.connect(v5(for_ever, true));
  a.receives("x", "m", 1);
  EXPECT_EQ(t.broken(), "SESS-DISCARD");
}

TEST_F(Sessions5, SessDiscard_a_message_of_a_session_that_expired) {
  pub.connect();
  a.connect(v5(10));
  a.subscribe("x", 1);
  a.cut();
  pub.publishes("x", "m", 1);
  t.wait(20);
  a.connect(v5(10, false, 0));
  a.subscribe("x", 1);
  a.receives("x", "m", 1);
  EXPECT_EQ(t.broken(), "SESS-DISCARD");
}

TEST_F(Sessions5, SessDiscard_PUBREL_of_the_older_session) {
  pub.connect();
  a.connect(v5(for_ever));
  a.subscribe("x", 2);
  pub.publishes("x", "m", 2);
  a.gets(publish("x", "m", 2, 7));
  a.sends(pubrec(7));
  a.cut();
  a.connect(v5(for_ever, true));
  a.gets(pubrel(7));
  EXPECT_EQ(t.broken(), "ACK-CAUSAL SESS-DISCARD");
}

TEST_F(Sessions5, SessDiscard_a_client_that_goes_on_where_nothing_is_left) {
  for (const bool released : {false, true}) {
    TraceBuilder trace;
    Client client = trace.client("a");
    client.connect(v5(for_ever));
    client.calls("x", "m", 2);
    client.sends(publish("x", "m", 2, 3));
    client.gets(pubrec(3));
    if (released) client.writes(pubrel(3));
    client.cut();
    trace.wait(1);
    client.connect(v5(for_ever, true));
    client.sends(released ? pubrel(3) : publish("x", "m", 2, 3).again());
    EXPECT_EQ(trace.broken(), released ? "ACK-CAUSAL SESS-DISCARD" : "SESS-DISCARD");
  }
}

TEST_F(Sessions5, A_client_may_publish_anew_what_its_lost_session_held) {
  a.connect(v5(for_ever));
  a.calls("x", "m", 1);
  a.sends(publish("x", "m", 1, 3));
  a.cut();
  a.connect(v5(for_ever, true));
  a.sends(publish("x", "m", 1, 3));
  a.gets(puback(3));
  a.completes();
  EXPECT_EQ(t.broken(), "");
  EXPECT_EQ(t.verdict("SESS-DISCARD").status, Status::pass);
}

struct Takeover5 : Sessions5 {
  // `a` connects again; its old link is closed by the broker after this packet, if it is one.
  std::string taken_over(const Packet* farewell, CloseCause cause = CloseCause::local) {
    a.connect(v5(for_ever));
    t.wait(5);
    const auto old = a.connection();
    a.connect(v5(for_ever));
    const auto fresh = a.connection();
    a.use(old);
    if (farewell) a.is_sent(*farewell);
    a.is_closed(cause);
    a.use(fresh);
    return t.broken();
  }
};

TEST_F(Takeover5, OneConn_the_older_link_is_closed_without_a_word) {  // MQTT-3.1.4-3
  EXPECT_EQ(taken_over(nullptr), "ONE-CONN");
}
TEST_F(Takeover5, OneConn_the_older_link_is_told_something_else) {
  const Packet farewell = disconnect().reason(0x8B);
  EXPECT_EQ(taken_over(&farewell), "ONE-CONN");
}
TEST_F(Takeover5, The_older_link_is_told_by_DISCONNECT_0x8E) {
  const Packet farewell = disconnect().reason(0x8E);
  EXPECT_EQ(taken_over(&farewell), "");
}
TEST_F(Takeover5, A_link_that_is_lost_anyway_need_not_be_told) {
  EXPECT_EQ(taken_over(nullptr, CloseCause::reset), "");
}

TEST_F(Takeover5, A_link_that_is_stuck_may_linger_with_DISCONNECT_unsent) {
  a.connect(v5(for_ever));
  a.is_sent(pingresp());
  t.wait(5);
  const auto old = a.connection();
  a.connect(v5(for_ever));
  const auto fresh = a.connection();
  t.wait(20);
  a.use(old);
  a.is_closed();
  a.use(fresh);
  EXPECT_EQ(t.broken(), "");
}

// What of a PUBLISH or PUBREL the transport had taken when the newer link came goes out whole.
TEST_F(Takeover5, The_end_of_a_packet_on_the_older_link_is_not_part_of_the_resumed_exchanges) {
  for (const bool on_the_older : {true, false}) {
    TraceBuilder trace;
    Client pub = trace.client("pub"), sub = trace.client("sub");
    ConnectOptions one = v5(for_ever);
    one.says.receive_maximum = 1;
    for (Client* client : {&pub, &sub}) client->connect(one);
    sub.subscribe("x", 1);
    for (const char* payload : {"1", "2"}) pub.publishes("x", payload, 1);
    const auto old = sub.connection();
    sub.connect(one);
    const auto fresh = sub.connection();
    sub.gets(publish("x", "1", 1, 1).again());
    if (on_the_older) sub.use(old);
    sub.is_sent(publish("x", "1", 1, 1));
    sub.use(old);
    sub.is_sent(disconnect().reason(0x8E));
    sub.is_closed();
    sub.use(fresh);
    sub.is_handed("x", "1", 1);
    sub.sends(puback(1));
    sub.receives("x", "2", 1, 2);
    EXPECT_EQ(trace.broken(), on_the_older ? "" : "NO-LIVE-RESEND DUP-RULE");
  }
}

TEST_F(Takeover5, TakeoverTerm_the_newer_link_waits_for_the_older) {
  a.connect(v5(for_ever));
  const auto old = a.connection();
  a.opens();
  a.sends_connect(v5(for_ever));
  const auto fresh = a.connection();
  t.wait(100);
  a.use(old);
  a.is_closed(CloseCause::timeout);
  a.use(fresh);
  a.gets_connack(v5(for_ever));
  EXPECT_NE(t.broken().find("TAKEOVER-TERM"), std::string::npos) << t.broken();
}

TEST_F(Takeover5, A_newer_link_that_is_answered_in_time) {
  const Packet farewell = disconnect().reason(0x8E);
  EXPECT_EQ(taken_over(&farewell), "");
  EXPECT_EQ(t.verdict("TAKEOVER-TERM").status, Status::pass);
}

TEST_F(Takeover5, Who_was_taken_over_by_another_need_not_come_back) {
  a.connect();
  const trace::Actor other = t.log().add_actor("other");
  Client namesake(t, "a", other);
  namesake.connect({.present = 1});
  a.is_closed();
  a.closes(CloseCause::fin);
  t.settle();
  EXPECT_EQ(t.broken(), "");
}

TEST_F(Takeover5, KaEnforce_the_keep_alive_that_the_server_sets) {  // MQTT-3.2.2-21
  ConnectOptions options = v5(for_ever);
  options.keep_alive_s = 600;
  options.answered.server_keep_alive_s = 10;
  a.connect(options);
  t.wait(30);
  a.sends(pingreq());
  EXPECT_NE(t.broken().find("KA-ENFORCE"), std::string::npos) << t.broken();
}

TEST_F(Takeover5, A_broker_that_says_why_it_closes_does_not_close_for_keep_alive) {
  ConnectOptions options = v5(for_ever);
  options.keep_alive_s = 60;
  a.connect(options);
  t.wait(5);
  a.gets(disconnect().reason(0x98));
  a.is_closed();
  EXPECT_EQ(t.broken(), "");
}

TEST_F(Takeover5, KaFair_DISCONNECT_0x8D_before_the_keep_alive_is_over) {
  ConnectOptions options = v5(for_ever);
  options.keep_alive_s = 60;
  a.connect(options);
  t.wait(5);
  a.gets(disconnect().reason(0x8D));
  a.is_closed();
  EXPECT_EQ(t.broken(), "KA-FAIR");
}

TEST_F(Takeover5, StreamOk_in_5_0) {
  const auto broken = [](const auto& story) {
    TraceBuilder trace;
    Client client = trace.client("a");
    story(client);
    return trace.broken();
  };
  const Packet auth{.type = PacketType::auth};
  EXPECT_EQ(broken([&](Client& client) {
              client.connect(v5(0));
              client.gets(disconnect().reason(0x8B));
              client.gets(pingresp());
            }),
            "STREAM-OK");
  EXPECT_EQ(broken([&](Client& client) {
              client.connect(v5(0));
              client.sends(auth);
            }),
            "STREAM-OK");
  ConnectOptions limited = v5(0);
  limited.answered.max_packet_size = 100;
  EXPECT_EQ(broken([&](Client& client) {
              client.connect(limited);
              client.sends(publish("x", "m", 0).size(101));
            }),
            "STREAM-OK");
  ConnectOptions authenticating = v5(0);
  authenticating.says.authenticates = true;
  EXPECT_EQ(broken([&](Client& client) {
              client.opens();
              client.sends_connect(authenticating);
              client.gets(auth);
              client.sends(auth);
              client.gets_connack(authenticating);
              client.sends(auth);
              client.gets(auth);
            }),
            "");
  EXPECT_EQ(broken([&](Client& client) {
              client.opens();
              client.sends_connect(authenticating);
              client.sends(pingreq());
            }),
            "STREAM-OK");
}

}  // namespace
}  // namespace mqttlab::oracle_test
