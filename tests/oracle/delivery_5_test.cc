// EXPIRY and SUB-DURABLE, and what the options, identifiers and error codes of 5.0 make of
// NO-FABRICATION, Q0-ATMOST, Q1-NOLOSS and Q2-ONCE.
#include "tests/oracle/delivery_5.h"

namespace mqttlab::oracle_test {
namespace {

using oracle::Status;

TEST_F(Delivery5, Expiry_sent_after_its_time) {  // MQTT-3.3.2-5
  EXPECT_EQ(sent_after(10, 11, message().expires(0)), "EXPIRY");
}
TEST_F(Delivery5, Expiry_sent_with_the_whole_interval) {  // MQTT-3.3.2-6
  EXPECT_EQ(sent_after(100, 50, message().expires(100)), "EXPIRY");
}
TEST_F(Delivery5, Expiry_sent_with_less_than_was_left) {
  EXPECT_EQ(sent_after(100, 50, message().expires(20)), "EXPIRY");
}
TEST_F(Delivery5, Expiry_sent_without_an_interval) {
  EXPECT_EQ(sent_after(100, 50, message()), "EXPIRY");
}
TEST_F(Delivery5, The_rest_of_the_interval_may_be_rounded_up) {
  EXPECT_EQ(sent_after(100, 49.5, message().expires(51)), "");
}
TEST_F(Delivery5, The_rest_of_the_interval_may_be_rounded_down) {
  EXPECT_EQ(sent_after(100, 49.5, message().expires(50)), "");
  EXPECT_EQ(t.verdict("EXPIRY").status, Status::pass);
}

TEST_F(Delivery5, Expiry_an_interval_that_was_not_given) {
  begin(1);
  pub.publishes(message());
  sub.receives(message().expires(7));
  EXPECT_EQ(t.broken(), "EXPIRY");
}

TEST_F(Delivery5, Expiry_a_retained_message_after_its_time) {
  begin(-1);
  pub.publishes(message().retained().expires(10));
  t.wait(20);
  sub.subscribe("a/b", 1);
  sub.receives(message().retained().expires(0));
  EXPECT_EQ(t.broken(), "EXPIRY");
}

TEST_F(Delivery5, A_message_that_has_expired_is_not_lost) {
  begin(1);
  sub.cut();
  pub.publishes(message().expires(10));
  pub.publishes(publish("a/c", "r", 1, 2).retained().expires(10));
  t.wait(20);
  sub.connect(v5());
  other.subscribe("a/c", 1);
  t.settle();
  EXPECT_EQ(t.broken(), "");
}

TEST_F(Delivery5, Q1Noloss_a_message_that_has_not_expired) {
  begin(1);
  pub.publishes(message().expires(1'000));
  t.settle();
  EXPECT_EQ(t.broken(), "Q1-NOLOSS");
}

TEST_F(Delivery5, What_was_sent_once_is_sent_again_after_its_time) {
  begin(1);
  pub.publishes(message().expires(10));
  sub.is_sent(message().expires(10));
  sub.cut();
  t.wait(20);
  sub.connect(v5());
  sub.receives(message().again().expires(0));
  t.settle();
  EXPECT_EQ(t.broken(), "");
}

TEST_F(Delivery5, A_link_that_is_stuck_may_carry_it_late) {
  begin(1);
  sub.is_sent(pingresp());  // and not heard
  pub.publishes(message().expires(10));
  t.wait(20);
  sub.is_sent(message().expires(10));
  EXPECT_EQ(t.broken().find("EXPIRY"), std::string::npos) << t.broken();
}

TEST_F(Delivery5, What_was_cut_on_its_way_is_sent_again_after_its_time) {
  begin(1);
  pub.publishes(message().expires(10));
  sub.cut();  // with half of the PUBLISH
  t.wait(20);
  sub.connect(v5());
  sub.receives(message().again().expires(0));
  t.settle();
  EXPECT_EQ(t.broken(), "");
}

TEST_F(Delivery5, Of_equal_messages_with_different_intervals_either_may_have_expired) {
  begin(1);
  sub.cut();
  pub.publishes(message().expires(5));
  pub.publishes(message().expires(500));
  t.wait(20);
  sub.connect(v5());
  sub.receives(message().expires(480));
  t.settle();
  EXPECT_EQ(t.broken(), "");
}

TEST_F(Delivery5, A_subscriber_of_3_1_1_is_told_no_interval) {
  begin(-1);
  Client old = t.client("old");
  old.connect();
  old.subscribe("a/#", 1);
  pub.publishes(message().expires(10));
  old.receives(message());
  t.settle();
  EXPECT_EQ(t.broken(), "");
  EXPECT_EQ(t.verdict("EXPIRY").status, Status::pass);
}

TEST_F(Delivery5, SubDurable_a_filter_that_routes_no_more) {
  begin(1);
  pub.publishes(publish("a/b", "1", 1, 1));
  sub.receives(publish("a/b", "1", 1, 1));
  for (const char* payload : {"2", "3"}) pub.publishes(publish("a/b", payload, 1, 1));
  t.settle();
  EXPECT_EQ(t.broken(), "Q1-NOLOSS SUB-DURABLE");
}

TEST_F(Delivery5, Messages_lost_between_others_are_lost_and_the_filter_routes) {
  begin(1);
  for (const char* payload : {"1", "2", "3"}) pub.publishes(publish("a/b", payload, 1, 1));
  sub.receives(publish("a/b", "3", 1, 1));
  t.settle();
  EXPECT_EQ(t.broken(), "Q1-NOLOSS");
  EXPECT_EQ(t.verdict("SUB-DURABLE").status, Status::pass);
}

TEST_F(Delivery5, An_UNSUBACK_that_refuses_leaves_the_subscription) {
  begin(1);
  sub.sends({.type = PacketType::unsubscribe, .id = 9, .filters = {{t.log().intern("a/#"), 0}}});
  sub.gets({.type = PacketType::unsuback, .id = 9, .filters = {{0, 0x87}}});
  pub.publishes(message());
  sub.receives(message());
  EXPECT_EQ(t.broken(), "");
}

TEST_F(Delivery5, NoFabrication_No_Local_brings_a_client_nothing_of_its_own) {  // MQTT-3.8.3-3
  begin(-1);
  pub.subscribe("a/#", 1, -1, no_local);
  pub.publishes(message());
  pub.receives(message());
  EXPECT_EQ(t.broken(), "NO-FABRICATION");
}

TEST_F(Delivery5, No_Local_concerns_only_the_client_itself) {
  begin(-1);
  pub.subscribe("a/#", 1, -1, no_local);
  pub.publishes(message());
  other.publishes(publish("a/b", "o", 1, 1));
  pub.receives(publish("a/b", "o", 1, 1));
  t.settle();
  EXPECT_EQ(t.broken(), "");
}

TEST_F(Delivery5, NoFabrication_the_identifier_of_a_subscription_that_does_not_match) {
  begin(-1);
  sub.subscribe("a/#", 1, -1, 0, 1);
  sub.subscribe("z", 1, -1, 0, 2);
  pub.publishes(message());
  sub.receives(message().identified({2}));
  EXPECT_EQ(t.broken(), "NO-FABRICATION");
}

TEST_F(Delivery5, NoFabrication_one_copy_without_all_identifiers) {  // MQTT-3.3.4-3, MQTT-3.3.4-4
  for (const std::vector<std::uint32_t>& sent : {std::vector<std::uint32_t>{}, {1U, 2U}}) {
    TraceBuilder trace;
    Client publisher = trace.client("pub"), client = trace.client("sub");
    publisher.connect(v5());
    client.connect(v5());
    for (const auto& [filter, id] :
         {std::pair("a/#", 1U), std::pair("a/+", 2U), std::pair("#", 3U)})
      client.subscribe(filter, 1, -1, 0, id);
    publisher.publishes(message());
    client.receives(message().identified(sent));
    EXPECT_EQ(trace.broken(), "NO-FABRICATION") << sent.size();
  }
}

TEST_F(Delivery5, Identifiers_all_in_one_copy_or_one_in_each) {
  begin(-1);
  sub.subscribe("a/#", 1, -1, 0, 1);
  sub.subscribe("a/+", 1, -1, 0, 2);
  pub.publishes(message());
  sub.receives(message().identified({2, 1}));
  pub.publishes(publish("a/b", "n", 1, 1));
  sub.receives(publish("a/b", "n", 1, 2).identified({1}));
  sub.receives(publish("a/b", "n", 1, 3).identified({2}));
  t.settle();
  EXPECT_EQ(t.broken(), "");
}

TEST_F(Delivery5, An_error_acknowledgement_is_no_acceptance) {
  for (int qos = 1; qos <= 2; ++qos) {
    TraceBuilder trace;
    Client publisher = trace.client("pub"), client = trace.client("sub");
    publisher.connect(v5());
    client.connect(v5());
    client.subscribe("a/#", qos);
    publisher.calls("a/b", "m", qos);
    publisher.sends(message(qos).retained());
    publisher.gets((qos == 1 ? puback(1) : pubrec(1)).reason(0x97));
    publisher.completes(1, 2);
    Client late = trace.client("late");
    late.connect(v5());
    late.subscribe("a/b", 1);
    trace.settle();
    EXPECT_EQ(trace.broken(), "") << qos;
  }
}

TEST_F(Delivery5, A_subscriber_that_refuses_a_message_has_had_it) {
  begin(2);
  pub.publishes(message(2));
  sub.gets(message(2));
  sub.sends(pubrec(1).reason(0x83));
  t.settle();
  EXPECT_EQ(t.broken(), "");
}

TEST_F(Delivery5, A_message_over_the_subscribers_Maximum_Packet_Size_is_not_lost) {
  ConnectOptions small = v5();
  small.says.max_packet_size = 200;
  pub.connect(v5());
  sub.connect(small);
  sub.subscribe("a/#", 1);
  pub.publishes(message().size(500));
  t.settle();
  EXPECT_EQ(t.broken(), "");
}

// Two equal messages, one of which expires: a copy at QoS 0 that is lost on its way is neither.
TEST_F(Delivery5, Equal_messages_of_which_one_expires) {
  for (const bool expires : {false, true}) {
    TraceBuilder trace;
    Client publisher = trace.client("pub"), client = trace.client("sub");
    publisher.connect(v5());
    client.connect(v5());
    client.subscribe("a/#", 1);
    client.cut();
    publisher.publishes(expires ? message(1).expires(1) : message(1));
    publisher.publishes(message(0));
    publisher.publishes(message(1));
    trace.wait(5);
    client.connect(v5());
    client.is_sent(message(0));
    client.receives(message(1));
    trace.settle();
    EXPECT_EQ(trace.broken(), expires ? "" : "Q1-NOLOSS");
  }
}

}  // namespace
}  // namespace mqttlab::oracle_test
