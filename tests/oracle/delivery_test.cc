// NO-FABRICATION, Q0-ATMOST, Q1-NOLOSS, Q2-ONCE, ORD-TOPIC: each broken by a trace, beside what
// looks like a breach and is none.
#include <gtest/gtest.h>

#include "tests/oracle/pub_sub.h"

namespace mqttlab::oracle_test {
namespace {

using oracle::Status;
using trace::DropReason;

struct Delivery : PubSub {};

TEST_F(Delivery, AnOrdinaryRunIsClean) {
  begin(2);
  for (std::uint16_t qos = 0; qos <= 2; ++qos) {
    const std::string payload = std::to_string(qos);
    pub.publishes("a/b", payload, qos);
    sub.receives("a/b", payload, qos);
  }
  t.settle();
  EXPECT_EQ(t.broken(), "");
  for (const char* rule : {"NO-FABRICATION", "Q0-ATMOST", "Q1-NOLOSS", "Q2-ONCE", "DUP-RULE",
                           "PID-UNIQUE", "SP-TRUTH", "STREAM-OK", "CONVERGE", "Q2-NO-REPUBLISH"})
    EXPECT_EQ(t.verdict(rule).status, Status::pass) << rule;
}

TEST_F(Delivery, NoFabrication_a_message_that_nobody_sent) {
  begin(1);
  sub.receives("a/b", "invented", 1);
  EXPECT_EQ(t.broken(), "NO-FABRICATION");
}

TEST_F(Delivery, NoFabrication_a_message_that_never_arrived_at_the_client) {
  begin(1);
  pub.publishes("a/b", "m", 1);
  sub.is_handed("a/b", "m", 1);
  EXPECT_EQ(t.broken(), "NO-FABRICATION");
}

TEST_F(Delivery, NoFabrication_a_QoS_that_is_not_the_lower_of_published_and_granted) {
  begin(1);
  pub.publishes("a/b", "m", 2);
  sub.receives("a/b", "m", 2);
  EXPECT_EQ(t.broken(), "NO-FABRICATION");
}

TEST_F(Delivery, NoFabrication_a_message_accepted_before_the_subscription) {
  pub.connect();
  sub.connect();
  pub.publishes("a/b", "m", 1);
  sub.subscribe("a/#", 1);
  sub.receives("a/b", "m", 1);
  EXPECT_EQ(t.broken(), "NO-FABRICATION");
}

TEST_F(Delivery, SubDurable_a_message_accepted_after_UNSUBACK) {
  begin(1);
  sub.unsubscribe("a/#");
  pub.publishes("a/b", "m", 1);
  sub.receives("a/b", "m", 1);
  EXPECT_EQ(t.broken(), "SUB-DURABLE");
}

TEST_F(Delivery, A_delivery_under_way_at_UNSUBSCRIBE_still_completes) {
  begin(1);
  pub.publishes("a/b", "m", 1);
  sub.unsubscribe("a/#");
  sub.receives("a/b", "m", 1);
  t.settle();
  EXPECT_EQ(t.broken(), "");
}

TEST_F(Delivery, A_live_PUBLISH_may_precede_SUBACK) {
  pub.connect();
  sub.connect();
  const auto filter = t.log().intern("a/#");
  sub.sends({.type = PacketType::subscribe, .id = 9, .filters = {{filter, 1}}});
  pub.publishes("a/b", "m", 1);
  sub.receives("a/b", "m", 1);
  sub.gets({.type = PacketType::suback, .id = 9, .filters = {{0, 1}}});
  t.settle();
  EXPECT_EQ(t.broken(), "");
}

TEST_F(Delivery, A_message_accepted_before_SUBACK_is_not_owed) {
  pub.connect();
  sub.connect();
  const auto filter = t.log().intern("a/#");
  sub.sends({.type = PacketType::subscribe, .id = 9, .filters = {{filter, 1}}});
  pub.publishes("a/b", "m", 1);
  sub.gets({.type = PacketType::suback, .id = 9, .filters = {{0, 1}}});
  t.settle();
  EXPECT_EQ(t.broken(), "");
}

TEST_F(Delivery, The_brokers_own_topics_are_outside_the_model) {
  begin(1, "$SYS/#");
  sub.receives("$SYS/broker/uptime", "7", 0);
  EXPECT_EQ(t.broken(), "");
}

TEST_F(Delivery, Q0Atmost_the_broker_sends_it_twice) {
  begin(0);
  pub.publishes("a/b", "m", 0);
  sub.receives("a/b", "m", 0);
  sub.receives("a/b", "m", 0);
  EXPECT_EQ(t.broken(), "Q0-ATMOST");
}

TEST_F(Delivery, Q0Atmost_the_client_hands_it_over_twice) {
  begin(0);
  pub.publishes("a/b", "m", 0);
  sub.receives("a/b", "m", 0);
  sub.is_handed("a/b", "m", 0);
  EXPECT_EQ(t.broken(), "Q0-ATMOST");
}

TEST_F(Delivery, QoS0_may_be_lost_anywhere) {
  begin(0);
  pub.publishes("a/b", "1", 0);
  pub.writes(publish("a/b", "2", 0));
  pub.publishes("a/b", "3", 1);
  sub.is_sent(publish("a/b", "3", 0));
  t.settle();
  EXPECT_EQ(t.broken(), "");
}

TEST_F(Delivery, Overlapping_filters_may_give_one_copy_each_or_one_in_all) {
  begin(1);
  sub.subscribe("a/+", 0);
  pub.publishes("a/b", "1", 2);
  sub.receives("a/b", "1", 1);
  sub.receives("a/b", "1", 0);
  pub.publishes("a/b", "2", 2);
  sub.receives("a/b", "2", 1);
  t.settle();
  EXPECT_EQ(t.broken(), "");
}

TEST_F(Delivery, Equal_messages_of_two_publishers_are_two_messages) {
  Client second = t.client("second");
  begin(0);
  second.connect();
  pub.publishes("a/b", "on", 0);
  second.publishes("a/b", "on", 0);
  sub.receives("a/b", "on", 0);
  sub.receives("a/b", "on", 0);
  EXPECT_EQ(t.broken(), "");
}

TEST_F(Delivery, Q1Noloss_accepted_and_never_sent) {
  begin(1);
  pub.publishes("a/b", "m", 1);
  t.settle();
  EXPECT_EQ(t.broken(), "Q1-NOLOSS");
  EXPECT_NE(t.violations().at(0).what.find("'a/b'"), std::string::npos);
}

TEST_F(Delivery, Q1Noloss_acknowledged_by_the_client_and_never_handed_over) {
  begin(1);
  pub.publishes("a/b", "m", 1);
  sub.gets(publish("a/b", "m", 1, 3));
  sub.sends(puback(3));
  t.settle();
  EXPECT_EQ(t.broken(), "Q1-NOLOSS");
}

TEST_F(Delivery, Q1Noloss_accepted_while_the_subscriber_was_away) {
  begin(1);
  sub.cut();
  pub.publishes("a/b", "m", 1);
  sub.connect();
  t.settle();
  EXPECT_EQ(t.broken(), "Q1-NOLOSS");
}

TEST_F(Delivery, Q1Noloss_a_drop_with_a_reason_that_only_QoS_0_has) {
  begin(1);
  pub.publishes("a/b", "m", 1);
  t.drops("sub", publish("a/b", "m", 1), DropReason::outbox_full);
  t.settle();
  EXPECT_EQ(t.broken(), "Q1-NOLOSS");
}

TEST_F(Delivery, A_full_queue_excuses_a_loss) {
  begin(1);
  pub.publishes("a/b", "m", 1);
  t.drops("sub", publish("a/b", "m", 1), DropReason::queue_full);
  t.settle();
  EXPECT_EQ(t.broken(), "");
}

TEST_F(Delivery, The_end_of_a_clean_session_excuses_a_loss) {
  pub.connect();
  sub.connect({.clean = true});
  sub.subscribe("a/#", 1);
  pub.publishes("a/b", "m", 1);
  sub.cut();
  sub.connect({.clean = true});
  t.settle();
  EXPECT_EQ(t.broken(), "");
}

TEST_F(Delivery, A_message_without_an_acknowledgement_is_not_owed) {
  begin(1);
  pub.sends(publish("a/b", "m", 1, 1));
  pub.cut();
  pub.connect({.clean = true});
  t.settle();
  EXPECT_EQ(t.broken(), "");
}

TEST_F(Delivery, Nothing_is_lost_while_the_subscriber_stays_away_on_purpose_or_is_dead) {
  Client dead = t.client("dead");
  begin(1);
  dead.connect();
  dead.subscribe("a/#", 1);
  sub.leaves();
  dead.dies();
  pub.publishes("a/b", "m", 1);
  dead.is_closed(CloseCause::timeout);
  t.settle();
  EXPECT_EQ(t.broken(), "");
}

TEST_F(Delivery, A_QoS_1_duplicate_after_a_drop_is_legal_even_if_PUBACK_had_arrived) {
  begin(1);
  pub.publishes("a/b", "m", 1);
  sub.receives("a/b", "m", 1, 5);
  sub.cut();
  sub.connect();
  sub.gets(publish("a/b", "m", 1, 5).again());
  sub.is_handed("a/b", "m", 1);
  sub.sends(puback(5));
  t.settle();
  EXPECT_EQ(t.broken(), "");
}

TEST_F(Delivery, A_publishers_repeat_at_QoS_1_is_a_second_message_to_the_broker) {
  begin(1);
  pub.calls("a/b", "m", 1);
  pub.sends(publish("a/b", "m", 1, 1));
  pub.is_sent(puback(1));
  pub.cut();
  pub.connect();
  pub.sends(publish("a/b", "m", 1, 1).again());
  pub.gets(puback(1));
  pub.completes();
  sub.receives("a/b", "m", 1, 1);
  sub.receives("a/b", "m", 1, 2);
  t.settle();
  EXPECT_EQ(t.broken(), "");
}

TEST_F(Delivery, Q2Once_the_broker_passes_a_repeat_on) {
  begin(2);
  pub.calls("a/b", "m", 2);
  pub.sends(publish("a/b", "m", 2, 1));
  sub.receives("a/b", "m", 2, 1);
  pub.cut();
  pub.connect();
  pub.sends(publish("a/b", "m", 2, 1).again());
  sub.receives("a/b", "m", 2, 2);
  EXPECT_EQ(t.broken(), "Q2-ONCE");
}

TEST_F(Delivery, Q2Once_the_client_hands_a_repeat_over) {
  begin(2);
  pub.publishes("a/b", "m", 2);
  sub.gets(publish("a/b", "m", 2, 7));
  sub.is_handed("a/b", "m", 2);
  sub.cut();
  sub.connect();
  sub.gets(publish("a/b", "m", 2, 7).again());
  sub.is_handed("a/b", "m", 2);
  EXPECT_EQ(t.broken(), "Q2-ONCE");
}

TEST_F(Delivery, Q2Once_accepted_and_never_sent) {
  begin(2);
  pub.publishes("a/b", "m", 2);
  t.settle();
  EXPECT_EQ(t.broken(), "Q2-ONCE Q2-HONEST");
}

TEST_F(Delivery, PUBREC_again_for_a_repeated_PUBLISH_is_legal) {
  begin(2);
  pub.calls("a/b", "m", 2);
  pub.sends(publish("a/b", "m", 2, 1));
  pub.is_sent(pubrec(1));
  pub.cut();
  pub.connect();
  pub.sends(publish("a/b", "m", 2, 1).again());
  pub.gets(pubrec(1));
  pub.sends(pubrel(1));
  pub.gets(pubcomp(1));
  pub.completes();
  sub.receives("a/b", "m", 2, 1);
  t.settle();
  EXPECT_EQ(t.broken(), "");
}

TEST_F(Delivery, QoS2_is_not_exactly_once_when_the_client_lost_its_session) {
  begin(2);
  pub.publishes("a/b", "m", 2);
  sub.gets(publish("a/b", "m", 2, 7));
  sub.is_handed("a/b", "m", 2);
  sub.dies();
  sub.cut();
  sub.connect();
  sub.gets(publish("a/b", "m", 2, 7).again());
  sub.is_handed("a/b", "m", 2);
  sub.sends(pubrec(7));
  sub.gets(pubrel(7));
  sub.sends(pubcomp(7));
  t.settle();
  EXPECT_EQ(t.broken(), "");
}

TEST_F(Delivery, OrdTopic_a_younger_message_first) {
  begin(1);
  pub.publishes("a/b", "1", 1);
  pub.publishes("a/b", "2", 1);
  sub.receives("a/b", "2", 1, 1);
  sub.receives("a/b", "1", 1, 2);
  t.settle();
  EXPECT_EQ(t.broken(), "ORD-TOPIC");
}

TEST_F(Delivery, Order_is_owed_to_each_application_that_uses_the_session) {
  begin(1);
  pub.publishes("a/b", "1", 1);
  pub.publishes("a/b", "2", 1);
  sub.gets(publish("a/b", "1", 1, 1));
  sub.sends(puback(1));
  sub.cut();
  Client namesake(t, "sub", t.log().add_actor("other"));
  namesake.connect({.present = 1});
  namesake.receives("a/b", "2", 1, 2);
  sub.is_handed("a/b", "1", 1);  // late
  EXPECT_EQ(t.broken(), "");
}

TEST_F(Delivery, Order_is_free_between_levels_topics_and_publishers) {
  Client second = t.client("second");
  begin(2);
  second.connect();
  pub.publishes("a/b", "1", 1);
  pub.publishes("a/b", "2", 2);
  pub.publishes("a/c", "3", 1);
  second.publishes("a/b", "4", 1);
  sub.receives("a/b", "4", 1);
  sub.receives("a/c", "3", 1);
  sub.receives("a/b", "2", 2);
  sub.receives("a/b", "1", 1);
  t.settle();
  EXPECT_EQ(t.broken(), "");
}

TEST_F(Delivery, Repeats_do_not_count_for_the_order) {
  begin(1);
  pub.publishes("a/b", "1", 1);
  pub.publishes("a/b", "2", 1);
  sub.gets(publish("a/b", "1", 1, 1));
  sub.is_handed("a/b", "1", 1);
  sub.gets(publish("a/b", "2", 1, 2));
  sub.is_handed("a/b", "2", 1);
  sub.cut();
  sub.connect();
  sub.gets(publish("a/b", "1", 1, 1).again());
  sub.is_handed("a/b", "1", 1);
  sub.gets(publish("a/b", "2", 1, 2).again());
  sub.is_handed("a/b", "2", 1);
  sub.sends(puback(1));
  sub.sends(puback(2));
  t.settle();
  EXPECT_EQ(t.broken(), "");
  EXPECT_EQ(t.verdict("ORD-TOPIC").status, Status::pass);
}

}  // namespace
}  // namespace mqttlab::oracle_test
