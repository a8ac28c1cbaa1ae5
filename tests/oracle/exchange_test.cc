// Q1-RESUME, Q2-RESUME, Q2-NO-REPUBLISH, DUP-RULE and PID-UNIQUE, at either end.
#include <gtest/gtest.h>

#include "tests/oracle/pub_sub.h"

namespace mqttlab::oracle_test {
namespace {

using oracle::Status;

struct Exchange : PubSub {
  // The client goes on with other things for long enough that nothing more is to be expected.
  void goes_on(Client& client) {
    t.wait(15);
    client.sends(pingreq());
    client.gets(pingresp());
  }
};

TEST_F(Exchange, Q1Resume_a_client_that_forgets_what_was_open) {
  begin(1);
  pub.calls("a/b", "m", 1);
  pub.writes(publish("a/b", "m", 1, 1));
  pub.cut();
  pub.connect();
  goes_on(pub);
  pub.cut();
  EXPECT_EQ(t.broken(), "Q1-RESUME");
}

TEST_F(Exchange, Q1Resume_a_broker_that_forgets_what_was_open) {
  begin(1);
  pub.publishes("a/b", "m", 1);
  sub.is_sent(publish("a/b", "m", 1, 1));
  sub.cut();
  sub.connect();
  goes_on(sub);
  EXPECT_EQ(t.broken(), "Q1-RESUME");
}

TEST_F(Exchange, A_resume_that_is_cut_soon_owes_nothing_yet) {
  begin(1);
  pub.calls("a/b", "m", 1);
  pub.writes(publish("a/b", "m", 1, 1));
  pub.cut();
  pub.connect();
  pub.cut();
  pub.connect();
  pub.sends(publish("a/b", "m", 1, 1).again());
  pub.gets(puback(1));
  pub.completes();
  goes_on(pub);
  sub.receives("a/b", "m", 1);
  t.settle();
  EXPECT_EQ(t.broken(), "");
  EXPECT_EQ(t.verdict("Q1-RESUME").status, Status::pass);
}

TEST_F(Exchange, After_session_present_0_nothing_is_sent_again) {
  begin(1);
  pub.calls("a/b", "m", 1);
  pub.writes(publish("a/b", "m", 1, 1));
  pub.cut();
  pub.connect({.clean = true});
  goes_on(pub);
  pub.cut();
  EXPECT_EQ(t.broken(), "");
}

TEST_F(Exchange, No_resend_on_a_live_connection_however_long_the_acknowledgement_takes) {
  begin(1);
  pub.calls("a/b", "m", 1);
  pub.sends(publish("a/b", "m", 1, 1));
  t.wait(100);
  pub.gets(puback(1));
  pub.completes();
  sub.receives("a/b", "m", 1);
  t.settle();
  EXPECT_EQ(t.broken(), "");
}

TEST_F(Exchange, Q2Resume_a_client_that_forgets_its_PUBREL) {
  begin(2);
  pub.calls("a/b", "m", 2);
  pub.sends(publish("a/b", "m", 2, 1));
  pub.gets(pubrec(1));
  pub.writes(pubrel(1));
  sub.receives("a/b", "m", 2);
  pub.cut();
  pub.connect();
  goes_on(pub);
  pub.cut();
  EXPECT_EQ(t.broken(), "Q2-RESUME");
}

TEST_F(Exchange, Q2Resume_PUBREL_without_any_PUBREC) {
  begin(2);
  pub.calls("a/b", "m", 2);
  pub.sends(publish("a/b", "m", 2, 1));
  pub.cut();
  pub.connect();
  pub.sends(pubrel(1));
  pub.gets(pubcomp(1));
  EXPECT_EQ(t.broken(), "Q2-RESUME");
}

TEST_F(Exchange, Q2_at_each_stage_is_resumed_at_that_stage) {
  begin(2);
  pub.calls("a/b", "1", 2, 1);
  pub.sends(publish("a/b", "1", 2, 1));
  pub.gets(pubrec(1));
  pub.writes(pubrel(1));
  pub.calls("a/b", "2", 2, 2);
  pub.writes(publish("a/b", "2", 2, 2));
  pub.calls("a/b", "3", 2, 3);
  pub.sends(publish("a/b", "3", 2, 3));
  pub.gets(pubrec(3));  // processed or not: PUBLISH and PUBREL are both right
  pub.cut();
  pub.connect();
  pub.sends(pubrel(1));
  pub.sends(publish("a/b", "2", 2, 2).again());
  pub.sends(publish("a/b", "3", 2, 3).again());
  pub.gets(pubcomp(1));
  for (std::uint16_t id = 2; id <= 3; ++id) {
    pub.gets(pubrec(id));
    pub.sends(pubrel(id));
    pub.gets(pubcomp(id));
  }
  for (std::uint32_t token = 1; token <= 3; ++token) pub.completes(token);
  sub.receives("a/b", "1", 2);
  sub.receives("a/b", "3", 2);  // accepted before the cut, the second after it
  sub.receives("a/b", "2", 2);
  t.settle();
  EXPECT_EQ(t.broken(), "");
  EXPECT_EQ(t.verdict("Q2-RESUME").status, Status::pass);
}

TEST_F(Exchange, Q2NoRepublish_PUBLISH_after_PUBREL) {
  begin(2);
  pub.publishes("a/b", "m", 2);
  sub.gets(publish("a/b", "m", 2, 1));
  sub.is_handed("a/b", "m", 2);
  sub.sends(pubrec(1));
  sub.is_sent(pubrel(1));
  sub.cut();
  sub.connect();
  sub.is_sent(publish("a/b", "m", 2, 1).again());
  EXPECT_EQ(t.broken(), "Q2-NO-REPUBLISH");
}

TEST_F(Exchange, DupRule_a_repeat_with_DUP_0) {
  begin(1);
  pub.calls("a/b", "m", 1);
  pub.writes(publish("a/b", "m", 1, 1));
  pub.cut();
  pub.connect();
  pub.sends(publish("a/b", "m", 1, 1));
  pub.gets(puback(1));
  EXPECT_EQ(t.broken(), "DUP-RULE");
}

TEST_F(Exchange, DupRule_the_broker_copies_the_incoming_DUP) {
  begin(1);
  pub.calls("a/b", "m", 1);
  pub.writes(publish("a/b", "m", 1, 1));
  pub.cut();
  pub.connect();
  pub.sends(publish("a/b", "m", 1, 1).again());
  pub.gets(puback(1));
  sub.gets(publish("a/b", "m", 1, 1).again());
  EXPECT_EQ(t.broken(), "DUP-RULE");
}

TEST_F(Exchange, DupRule_a_client_marks_a_message_it_was_given_while_connected) {
  begin(1);
  pub.calls("a/b", "m", 1);
  pub.sends(publish("a/b", "m", 1, 1).again());
  EXPECT_EQ(t.broken(), "DUP-RULE");
}

// A broker that wakes reads it, accepts a connection that has gone already, and then this one.
TEST_F(Exchange, What_came_in_as_the_session_was_resumed_may_have_been_tried_already) {
  begin(1);
  pub.calls("a/b", "m", 1);
  pub.writes(publish("a/b", "m", 1, 1));
  sub.cut();
  sub.opens();
  sub.sends_connect({});
  pub.reaches(publish("a/b", "m", 1, 1));
  t.wait(-0.001);
  sub.gets_connack({.present = 1});
  sub.is_sent(publish("a/b", "m", 1, 1).again());
  EXPECT_EQ(t.broken(), "");
}

TEST_F(Exchange, DupRule_what_came_in_after_CONNACK_at_the_same_instant) {
  begin(1);
  pub.calls("a/b", "m", 1);
  pub.writes(publish("a/b", "m", 1, 1));
  sub.cut();
  sub.connect();
  t.wait(-0.002);
  pub.reaches(publish("a/b", "m", 1, 1));
  sub.is_sent(publish("a/b", "m", 1, 1).again());
  EXPECT_EQ(t.broken(), "DUP-RULE");
}

TEST_F(Exchange, DupRule_QoS_0) {
  begin(1);
  pub.writes(publish("a/b", "m", 0).again());
  EXPECT_EQ(t.broken(), "DUP-RULE");
}

TEST_F(Exchange, DupRule_QoS_0_that_the_decoder_refuses) {
  begin(1);
  t.malformed(pub.connection(), trace::End::client, false, "MQTT-3.3.1-2");
  EXPECT_EQ(t.broken(), "DUP-RULE");
}

TEST_F(Exchange, DUP_1_on_a_message_that_was_stored_but_perhaps_never_sent_is_legal) {
  begin(1);
  pub.cut();
  pub.calls("a/b", "m", 1);
  pub.connect();
  pub.sends(publish("a/b", "m", 1, 1).again());
  pub.gets(puback(1));
  pub.completes();
  sub.receives("a/b", "m", 1);
  t.settle();
  EXPECT_EQ(t.broken(), "");
}

TEST_F(Exchange, DUP_1_on_a_message_whose_first_PUBLISH_was_cut_before_its_last_byte_is_legal) {
  begin(1);
  pub.publishes("a/b", "m", 1);
  t.tail(sub.connection(), trace::End::broker, false);
  sub.cut();
  sub.connect();
  sub.gets(publish("a/b", "m", 1, 1).again());
  sub.is_handed("a/b", "m", 1);
  sub.sends(puback(1));
  t.settle();
  EXPECT_EQ(t.broken(), "");
}

TEST_F(Exchange, DUP_1_on_a_retained_copy_that_was_cut_is_legal_though_an_equal_message_is_new) {
  pub.connect();
  pub.publishes("a/b", "m", 1, 1, true);
  sub.connect();
  sub.subscribe("a/b", 1);
  t.tail(sub.connection(), trace::End::broker, false);
  sub.cut();
  sub.connect();
  pub.publishes("a/b", "m", 1);
  sub.is_sent(publish("a/b", "m", 1, 1).retained().again());
  EXPECT_EQ(t.broken(), "");
}

TEST_F(Exchange, PidUnique_a_second_message_under_an_open_id) {
  begin(1);
  pub.writes(publish("a/b", "1", 1, 1));
  pub.writes(publish("a/b", "2", 1, 1));
  EXPECT_EQ(t.broken(), "PID-UNIQUE");
}

TEST_F(Exchange, PidUnique_over_a_reconnect_of_the_brokers_session) {
  begin(1);
  pub.publishes("a/b", "1", 1);
  pub.publishes("a/b", "2", 1);
  sub.is_sent(publish("a/b", "1", 1, 1));
  sub.cut();
  sub.connect();
  sub.is_sent(publish("a/b", "2", 1, 1));
  EXPECT_EQ(t.broken(), "PID-UNIQUE");
}

TEST_F(Exchange, PidUnique_PUBLISH_and_SUBSCRIBE_share_a_clients_ids) {
  begin(1);
  pub.writes({.type = PacketType::subscribe, .id = 4, .filters = {{t.log().intern("x"), 0}}});
  pub.writes(publish("a/b", "1", 1, 4));
  EXPECT_EQ(t.broken(), "PID-UNIQUE");
}

TEST_F(Exchange, PidUnique_SUBSCRIBE_under_the_id_of_an_open_PUBLISH) {
  begin(1);
  pub.writes(publish("a/b", "1", 1, 4));
  pub.writes({.type = PacketType::unsubscribe, .id = 4, .filters = {{t.log().intern("x"), 0}}});
  EXPECT_EQ(t.broken(), "PID-UNIQUE");
}

TEST_F(Exchange, PidUnique_id_0_which_the_decoder_refuses) {
  begin(1);
  t.malformed(pub.connection(), trace::End::client, false, "MQTT-2.3.1-1");
  EXPECT_EQ(t.broken(), "PID-UNIQUE");
}

TEST_F(Exchange, The_two_directions_of_a_session_have_ids_of_their_own) {
  begin(1);
  sub.calls("b", "mine", 1);
  sub.sends(publish("b", "mine", 1, 1));
  pub.publishes("a/b", "theirs", 1);
  sub.receives("a/b", "theirs", 1, 1);
  sub.gets(puback(1));
  sub.completes();
  t.settle();
  EXPECT_EQ(t.broken(), "");
}

TEST_F(Exchange, A_lost_SUBSCRIBE_frees_its_id_with_the_connection) {
  begin(1);
  pub.writes({.type = PacketType::subscribe, .id = 4, .filters = {{t.log().intern("x"), 0}}});
  pub.cut();
  pub.connect();
  pub.sends(publish("a/b", "m", 1, 4));
  pub.gets(puback(4));
  sub.receives("a/b", "m", 1);
  t.settle();
  EXPECT_EQ(t.broken(), "");
}

TEST_F(Exchange, A_resent_message_may_wait_for_its_acknowledgement_as_long_as_it_likes) {
  begin(1);
  pub.calls("a/b", "m", 1);
  pub.writes(publish("a/b", "m", 1, 1));
  pub.cut();
  pub.connect();
  pub.writes(publish("a/b", "m", 1, 1).again());
  goes_on(pub);
  pub.cut();
  EXPECT_EQ(t.broken(), "");
}

TEST_F(Exchange, DupRule_on_a_resumed_session_too) {
  begin(1);
  sub.cut();
  sub.connect();
  pub.publishes("a/b", "m", 1);
  sub.is_sent(publish("a/b", "m", 1, 1).again());
  EXPECT_EQ(t.broken(), "DUP-RULE");
}

TEST_F(Exchange, DupRule_a_retained_message_on_a_new_session) {
  pub.connect();
  pub.publishes("a/b", "m", 1, 1, true);
  sub.connect();
  sub.subscribe("a/b", 1);
  sub.is_sent(publish("a/b", "m", 1, 1).retained().again());
  EXPECT_EQ(t.broken(), "DUP-RULE");
}

TEST_F(Exchange, DupRule_a_call_made_after_a_reconnect) {
  begin(1);
  pub.cut();
  pub.connect();
  pub.calls("a/b", "m", 1);
  pub.writes(publish("a/b", "m", 1, 1).again());
  EXPECT_EQ(t.broken(), "DUP-RULE");
}

TEST_F(Exchange, PUBACK_does_not_end_a_QoS_2_exchange) {
  begin(1);
  pub.writes(publish("a/b", "1", 2, 1));
  pub.hears(puback(1));
  pub.writes(publish("a/b", "2", 2, 1));
  EXPECT_NE(t.broken().find("PID-UNIQUE"), std::string::npos);
}

TEST_F(Exchange, Session_present_0_frees_the_ids_of_the_session_that_was_lost) {
  begin(1);
  pub.writes(publish("a/b", "1", 1, 1));
  pub.cut();
  pub.connect({.present = 0});
  pub.writes(publish("a/b", "2", 1, 1));
  EXPECT_EQ(t.broken(), "SP-TRUTH");
}

TEST_F(Exchange, A_clean_CONNECT_frees_the_ids_before_it_is_answered) {
  begin(1);
  pub.writes(publish("a/b", "1", 1, 1));
  pub.cut();
  pub.opens();
  pub.sends_connect({.clean = true});
  pub.writes(publish("a/b", "2", 1, 1));
  EXPECT_EQ(t.broken(), "");
}

}  // namespace
}  // namespace mqttlab::oracle_test
