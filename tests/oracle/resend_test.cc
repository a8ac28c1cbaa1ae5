// ORD-RESEND, PID-STABLE, PID-RELEASE and NO-LIVE-RESEND, and what 5.0 changes for exchanges.
#include <gtest/gtest.h>

#include "tests/oracle/trace_builder.h"

namespace mqttlab::oracle_test {
namespace {

using oracle::Status;

struct Resend : testing::Test {
  TraceBuilder t;
  Client pub = t.client("pub"), sub = t.client("sub");

  static ConnectOptions v5() {
    ConnectOptions options;
    options.version = ProtocolVersion::v5_0;
    options.says.session_expiry_s = endless_expiry_s;
    return options;
  }
  void begin(const ConnectOptions& options = {}) {
    pub.connect(options);
    sub.connect(options);
    sub.subscribe("a/#", 2);
  }
  void opens(Client& client, std::uint16_t messages, int qos = 1) {
    for (std::uint16_t id = 1; id <= messages; ++id) {
      client.calls("a/b", std::to_string(id), qos, id);
      client.writes(publish("a/b", std::to_string(id), qos, id));
    }
  }
  static Packet message(std::uint16_t id, int qos = 1) {
    return publish("a/b", std::to_string(id), qos, id);
  }
};

TEST_F(Resend, OrdResend_the_younger_first) {
  for (const ConnectOptions& options : {ConnectOptions{}, v5()}) {
    TraceBuilder trace;
    Client client = trace.client("client");
    client.connect(options);
    opens(client, 3);
    client.cut();
    client.connect(options);
    for (const std::uint16_t id : {1, 3, 2}) client.writes(message(id).again());
    EXPECT_EQ(trace.broken(), "ORD-RESEND");
  }
}

TEST_F(Resend, OrdResend_a_new_message_of_the_topic_overtakes) {
  begin();
  opens(pub, 1);
  pub.cut();
  pub.connect();
  pub.calls("a/b", "new", 1, 9);
  pub.writes(publish("a/b", "new", 1, 9));
  pub.writes(message(1).again());
  EXPECT_EQ(t.broken(), "ORD-RESEND");
}

TEST_F(Resend, OrdResend_a_broker_of_5_0_within_one_publishers_topic) {
  begin(v5());
  for (const std::uint16_t id : {1, 2}) pub.publishes("a/b", std::to_string(id), 1, id);
  for (const std::uint16_t id : {1, 2}) sub.is_sent(message(id));
  sub.cut();
  sub.connect(v5());
  for (const std::uint16_t id : {2, 1}) sub.is_sent(message(id).again());
  EXPECT_EQ(t.broken(), "ORD-RESEND");
}

TEST_F(Resend, A_broker_of_5_0_may_order_different_topics_as_it_likes) {
  begin(v5());
  pub.publishes("a/b", "1", 1);
  pub.publishes("a/c", "2", 1);
  sub.is_sent(publish("a/b", "1", 1, 1));
  sub.is_sent(publish("a/c", "2", 1, 2));
  sub.cut();
  sub.connect(v5());
  sub.is_sent(publish("a/c", "2", 1, 2).again());
  sub.is_sent(publish("a/b", "1", 1, 1).again());
  EXPECT_EQ(t.broken(), "");
}

TEST_F(Resend, The_order_holds_over_two_resumes_and_around_what_is_settled) {
  begin();
  opens(pub, 3);
  pub.cut();
  pub.connect();
  pub.writes(message(1).again());
  pub.cut();
  pub.connect();
  pub.writes(message(1).again());
  pub.gets(puback(1));
  pub.writes(message(2).again());
  pub.writes(message(3).again());
  pub.calls("a/b", "new", 1, 4);
  pub.writes(publish("a/b", "new", 1, 1));
  EXPECT_EQ(t.broken(), "ACK-CAUSAL") << "of the broker, which had not got 1, and nothing else";
  EXPECT_EQ(t.verdict("ORD-RESEND").status, Status::pass);
}

TEST_F(Resend, A_new_message_of_another_topic_or_QoS_may_go_before) {
  begin();
  opens(pub, 1);
  pub.cut();
  pub.connect();
  pub.calls("a/c", "new", 1, 8);
  pub.writes(publish("a/c", "new", 1, 8));
  pub.calls("a/b", "new", 2, 9);
  pub.writes(publish("a/b", "new", 2, 9));
  pub.writes(message(1).again());
  EXPECT_EQ(t.broken(), "");
}

TEST_F(Resend, PidStable_the_message_comes_again_under_another_id) {
  begin();
  opens(pub, 1);
  pub.cut();
  pub.connect();
  Packet moved = message(1).again();
  moved.id = 7;
  pub.sends(moved);
  pub.gets(puback(7));
  t.wait(15);
  pub.sends(pingreq());
  pub.gets(pingresp());
  pub.cut();
  EXPECT_EQ(t.broken(), "PID-STABLE");
}

TEST_F(Resend, PidStable_of_the_one_copy_for_all_filters_that_match) {
  begin();
  sub.subscribe("a/b", 2);
  pub.publishes("a/b", "1", 1);
  sub.is_sent(message(1));
  sub.cut();
  sub.connect();
  Packet moved = message(1).again();
  moved.id = 7;
  sub.gets(moved);
  sub.is_handed("a/b", "1", 1);
  sub.sends(puback(7));
  EXPECT_EQ(t.broken(), "PID-STABLE");
}

TEST_F(Resend, A_copy_for_each_filter_that_matches_has_an_id_of_its_own) {
  begin(v5());
  sub.subscribe("a/b", 1);
  pub.publishes("a/b", "1", 2);
  sub.is_sent(message(1, 2));
  t.tail(sub.connection(), trace::End::broker, false);  // the other, not written whole
  sub.cut();
  sub.connect(v5());
  Packet other = message(1).again();
  other.id = 2;
  sub.gets(other);
  sub.is_handed("a/b", "1", 1);
  sub.sends(puback(2));
  EXPECT_EQ(t.broken(), "");
}

TEST_F(Resend, Equal_messages_have_ids_of_their_own) {
  begin();
  pub.calls("a/b", "1", 1, 1);
  pub.writes(publish("a/b", "1", 1, 1));
  pub.calls("a/b", "1", 1, 2);
  t.tail(pub.connection(), trace::End::client, false);  // the second, not written whole
  pub.cut();
  pub.connect();
  pub.writes(publish("a/b", "1", 1, 1).again());
  pub.writes(publish("a/b", "1", 1, 2).again());
  EXPECT_EQ(t.broken(), "");
  EXPECT_EQ(t.verdict("PID-STABLE").status, Status::pass);
}

TEST_F(Resend, PidRelease_PUBREC_is_taken_for_the_end) {
  begin();
  opens(pub, 1, 2);
  pub.reaches(message(1, 2));
  pub.gets(pubrec(1));
  pub.calls("a/b", "new", 2, 2);
  pub.writes(publish("a/b", "new", 2, 1));
  EXPECT_EQ(t.broken(), "PID-RELEASE");
}

TEST_F(Resend, PidRelease_a_SUBSCRIBE_that_is_never_answered) {
  begin();
  sub.sends({.type = PacketType::subscribe, .id = 4, .filters = {{t.log().intern("x"), 0}}});
  t.settle();
  EXPECT_EQ(t.broken(), "PID-RELEASE");
}

TEST_F(Resend, PidRelease_answers_free_their_ids) {
  begin();
  sub.subscribe("x", 0);
  sub.unsubscribe("x");
  t.settle();
  EXPECT_EQ(t.broken(), "");
  pub.publishes("b", "m", 1);
  EXPECT_EQ(t.verdict("PID-RELEASE").status, Status::pass);
}

TEST_F(Resend, NoLiveResend_PUBLISH_after_a_while) {
  begin(v5());
  opens(pub, 1);
  t.wait(20);
  pub.writes(message(1).again());
  EXPECT_EQ(t.broken(), "NO-LIVE-RESEND");
}

TEST_F(Resend, NoLiveResend_PUBREL_after_a_while) {
  begin(v5());
  opens(pub, 1, 2);
  pub.reaches(message(1, 2));
  pub.gets(pubrec(1));
  pub.writes(pubrel(1));
  pub.writes(pubrel(1));
  EXPECT_EQ(t.broken(), "NO-LIVE-RESEND");
}

TEST_F(Resend, On_3_1_1_a_live_connection_may_carry_a_message_twice) {
  begin();
  opens(pub, 1);
  pub.writes(message(1).again());
  EXPECT_EQ(t.broken(), "DUP-BOUND");
  EXPECT_EQ(t.verdict("DUP-BOUND").status, Status::departs);
  EXPECT_EQ(t.verdict("NO-LIVE-RESEND").status, Status::not_observable);
}

TEST_F(Resend, Once_a_connection_is_no_live_resend) {
  begin(v5());
  opens(pub, 2, 2);
  pub.reaches(message(1, 2));
  pub.gets(pubrec(1));
  pub.writes(pubrel(1));
  for (int i = 0; i < 2; ++i) {
    pub.cut();
    pub.connect(v5());
    pub.writes(pubrel(1));
    pub.writes(message(2, 2).again());
  }
  EXPECT_EQ(t.broken(), "");
  EXPECT_EQ(t.verdict("NO-LIVE-RESEND").status, Status::pass);
}

TEST_F(Resend, A_refused_message_is_not_sent_again_and_not_missed) {
  begin(v5());
  opens(pub, 1, 2);
  pub.reaches(message(1, 2));
  pub.gets(pubrec(1).reason(0x87));
  pub.calls("a/b", "2", 1, 2);
  pub.sends(publish("a/b", "2", 1, 2));
  pub.gets(puback(2).reason(0x97));
  pub.cut();
  pub.connect(v5());
  t.wait(15);
  pub.sends(pingreq());
  pub.gets(pingresp());
  pub.cut();
  EXPECT_EQ(t.broken(), "");
}

// Whoever may not send a message again can still have its receiver let go of the id.
TEST_F(Resend, PUBREL_may_take_the_place_of_what_is_too_long_for_the_connection) {
  for (const std::uint32_t most : {19u, 23u}) {
    TraceBuilder trace;
    Client client = trace.client("client");
    ConnectOptions narrow = v5();
    narrow.answered.max_packet_size = most;
    client.connect(v5());
    client.calls("a/b", "1", 2);
    client.writes(message(1, 2));
    client.cut();
    client.connect(narrow);
    client.sends(pubrel(1).size(4));
    client.gets(pubcomp(1).size(4));
    client.writes(publish("a/b", "2", 2, 1).size(10));
    EXPECT_EQ(trace.broken(), most == 19 ? "" : "Q2-RESUME");
  }
}

TEST_F(Resend, PUBCOMP_0x92_ends_a_resumed_exchange) {
  begin(v5());
  opens(pub, 1, 2);
  pub.reaches(message(1, 2));
  pub.gets(pubrec(1));
  pub.sends(pubrel(1));
  pub.is_sent(pubcomp(1));
  pub.cut();
  pub.connect(v5());
  pub.sends(pubrel(1));
  pub.gets(pubcomp(1).reason(0x92));
  pub.completes(1);
  pub.calls("a/b", "2", 1, 2);
  pub.writes(publish("a/b", "2", 1, 1));
  EXPECT_EQ(t.broken(), "");
}

}  // namespace
}  // namespace mqttlab::oracle_test
