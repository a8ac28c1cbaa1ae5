// Brokers that are pressed for room, pipelined requests, sessions that end at awkward moments:
// legal runs that random worlds have shown to look like breaches.
#include <gtest/gtest.h>

#include "tests/oracle/trace_builder.h"

namespace mqttlab::oracle_test {
namespace {

struct Late : testing::Test {
  TraceBuilder t;
  Client pub = t.client("pub"), sub = t.client("sub"), other = t.client("other");

  Packet request(PacketType type, std::uint16_t id, const std::string& filter, int qos = 0) {
    return {.type = type,
            .id = id,
            .filters = {{t.log().intern(filter), static_cast<std::uint8_t>(qos)}}};
  }
  void begin(int qos) {
    pub.connect();
    sub.connect();
    sub.subscribe("a/#", qos);
  }
};

TEST_F(Late, SUBSCRIBE_right_behind_UNSUBSCRIBE_stands) {
  begin(1);
  sub.sends(request(PacketType::unsubscribe, 7, "a/#"));
  sub.sends(request(PacketType::subscribe, 8, "a/#", 2));
  sub.gets({.type = PacketType::unsuback, .id = 7});
  sub.gets({.type = PacketType::suback, .id = 8, .filters = {{0, 2}}});
  pub.publishes("a/b", "m", 2);
  sub.receives("a/b", "m", 2);
  t.settle();
  EXPECT_EQ(t.broken(), "");
}

TEST_F(Late, UNSUBSCRIBE_right_behind_SUBSCRIBE_ends_it) {
  pub.connect();
  sub.connect();
  sub.sends(request(PacketType::subscribe, 8, "a/#", 2));
  sub.sends(request(PacketType::unsubscribe, 9, "a/#"));
  sub.gets({.type = PacketType::suback, .id = 8, .filters = {{0, 2}}});
  sub.gets({.type = PacketType::unsuback, .id = 9});
  pub.publishes("a/b", "m", 2);
  sub.receives("a/b", "m", 2);
  EXPECT_EQ(t.broken(), "SUB-DURABLE");
}

TEST_F(Late, What_a_clean_session_sent_and_the_broker_never_acknowledged_is_not_owed) {
  sub.connect();
  sub.subscribe("a/#", 1);
  pub.connect({.clean = true});
  pub.calls("a/b", "m", 1);
  pub.sends(publish("a/b", "m", 1, 1));
  t.ends_session("pub");  // before the link's end is seen
  pub.cut();
  pub.connect({.clean = true});
  pub.sends(publish("a/b", "m", 1, 5));
  pub.gets(puback(5));
  pub.completes();
  sub.receives("a/b", "m", 1);
  t.settle();
  EXPECT_EQ(t.broken(), "");
}

TEST_F(Late, A_message_that_is_acknowledged_on_the_next_connection_is_owed) {
  begin(2);
  pub.calls("a/b", "m", 2);
  pub.sends(publish("a/b", "m", 2, 1));
  pub.cut();
  pub.connect();
  pub.sends(publish("a/b", "m", 2, 1).again());
  pub.gets(pubrec(1));
  pub.sends(pubrel(1));
  pub.gets(pubcomp(1));
  pub.completes();
  t.settle();
  EXPECT_EQ(t.broken(), "Q2-ONCE Q2-HONEST");
}

TEST_F(Late, Who_subscribes_before_the_acknowledgement_may_get_the_message_and_is_not_owed_it) {
  for (const bool gets_it : {false, true}) {
    TraceBuilder trace;
    Client publisher = trace.client("pub"), late = trace.client("late");
    publisher.connect();
    late.connect();
    publisher.calls("a/b", "m", 1);
    publisher.sends(publish("a/b", "m", 1, 1));
    late.subscribe("a/#", 1);
    publisher.gets(puback(1));
    publisher.completes();
    if (gets_it) late.receives("a/b", "m", 1);
    trace.settle();
    EXPECT_EQ(trace.broken(), "") << gets_it;
  }
}

TEST_F(Late, Who_unsubscribes_before_the_acknowledgement_is_not_owed_the_message) {
  begin(1);
  pub.calls("a/b", "m", 1);
  pub.sends(publish("a/b", "m", 1, 1));
  sub.unsubscribe("a/#");
  pub.gets(puback(1));
  pub.completes();
  t.settle();
  EXPECT_EQ(t.broken(), "");
}

TEST_F(Late, The_retained_message_that_was_handled_last_may_be_the_one_that_arrived_first) {
  pub.connect();
  other.connect();
  pub.sends(publish("r", "slow", 1, 1).retained());
  other.publishes("r", "quick", 1, 1, true);
  pub.gets(puback(1));
  sub.connect();
  sub.subscribe("r", 1);
  sub.receives("r", "slow", 1, 1, true);
  EXPECT_EQ(t.broken(), "");
}

TEST_F(Late, What_waits_behind_a_stuck_window_is_late_and_not_lost) {
  begin(1);
  pub.publishes("a/b", "1", 1);
  pub.publishes("a/b", "2", 1);
  sub.is_sent(publish("a/b", "1", 1, 1));
  t.settle();
  EXPECT_EQ(t.broken(), "CONVERGE");
  EXPECT_EQ(t.violations().size(), 1U);
}

TEST_F(Late, A_change_of_QoS_lets_messages_of_two_levels_pass_each_other) {
  begin(1);
  pub.publishes("a/b", "1", 1);
  sub.subscribe("a/#", 0);
  pub.publishes("a/b", "2", 1);
  sub.receives("a/b", "2", 0);
  sub.receives("a/b", "1", 1);
  t.settle();
  EXPECT_EQ(t.broken(), "");
}

TEST_F(Late, The_loss_of_an_earlier_will_says_nothing_of_the_present_connection) {
  const ConnectOptions with_will{.will_topic = "a/will", .will_qos = 1};
  sub.connect({.clean = true});
  sub.subscribe("a/#", 1);
  t.wait(1);
  pub.connect(with_will);
  pub.cut();
  pub.connect(with_will);
  t.wait(1);
  t.drops("sub", publish("a/will", "pub is gone", 1), trace::DropReason::session_ended);
  t.ends_session("sub");
  sub.cut();
  sub.connect({.clean = true});
  t.wait(1);
  EXPECT_EQ(t.broken(), "");
}

TEST_F(Late, Packets_ahead_of_CONNACK_count_once_it_accepts) {
  sub.connect();
  sub.subscribe("a/#", 1);
  pub.opens();
  pub.sends_connect({});
  pub.sends(publish("a/b", "m", 1, 1));
  pub.gets_connack({});
  pub.gets(puback(1));
  t.settle();
  EXPECT_EQ(t.broken(), "Q1-NOLOSS");
}

TEST_F(Late, What_is_ahead_of_CONNACK_may_be_passed_on_before_CONNACK_is_written) {
  sub.connect();
  sub.subscribe("a/#", 2);
  pub.opens();
  pub.sends_connect({});
  pub.sends(publish("a/b", "one", 1, 1));
  pub.writes(publish("a/b", "two", 0));
  sub.receives("a/b", "one", 1, 1);
  sub.receives("a/b", "two", 0, 2);  // which has not arrived
  pub.gets_connack({});
  pub.gets(puback(1));
  t.settle();
  EXPECT_EQ(t.broken(), "NO-FABRICATION");
  ASSERT_EQ(t.violations().size(), 1);
  EXPECT_NE(t.violations()[0].what.find("QoS 0"), std::string::npos);
}

TEST_F(Late, Packets_behind_a_refused_CONNECT_do_not_count) {
  sub.connect();
  sub.subscribe("a/#", 1);
  pub.opens();
  pub.sends_connect({});
  pub.sends(publish("a/b", "m", 1, 1));
  pub.gets_connack({.code = 5});
  pub.cut();
  t.settle();
  EXPECT_EQ(t.broken(), "");
}

TEST_F(Late, What_is_accepted_between_UNSUBSCRIBE_and_UNSUBACK_may_come_or_not) {
  for (const bool gets_it : {false, true}) {
    TraceBuilder trace;
    Client publisher = trace.client("pub"), leaving = trace.client("leaving");
    publisher.connect();
    leaving.connect();
    leaving.subscribe("a", 1);
    leaving.sends(
        {.type = PacketType::unsubscribe, .id = 7, .filters = {{trace.log().intern("a"), 0}}});
    publisher.publishes("a", "m", 1);
    leaving.gets({.type = PacketType::unsuback, .id = 7});
    if (gets_it) leaving.receives("a", "m", 1);
    trace.settle();
    EXPECT_EQ(trace.broken(), "") << gets_it;
  }
}

TEST_F(Late, A_repeat_of_what_the_broker_lost_unhandled_is_the_message) {
  pub.connect();
  pub.calls("a/b", "m", 2);
  pub.sends(publish("a/b", "m", 2, 1));
  pub.cut();
  sub.connect();
  sub.subscribe("a/#", 2);
  pub.connect();
  pub.sends(publish("a/b", "m", 2, 1).again());
  pub.gets(pubrec(1));
  pub.sends(pubrel(1));
  pub.gets(pubcomp(1));
  pub.completes();
  sub.receives("a/b", "m", 2);
  t.settle();
  EXPECT_EQ(t.broken(), "");
}

TEST_F(Late, Equal_messages_have_no_order) {
  begin(0);
  for (const char* payload : {"on", "off", "on"}) pub.publishes("a/b", payload, 0);
  sub.receives("a/b", "off", 0);  // the first "on" was lost
  sub.receives("a/b", "on", 0);
  EXPECT_EQ(t.broken(), "");
}

}  // namespace
}  // namespace mqttlab::oracle_test
