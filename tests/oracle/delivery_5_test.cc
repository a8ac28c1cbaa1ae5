// EXPIRY and SUB-DURABLE, and what the options, identifiers, shares and error codes of 5.0 make of
// NO-FABRICATION, Q0-ATMOST, Q1-NOLOSS and Q2-ONCE.
#include <gtest/gtest.h>

#include "tests/oracle/trace_builder.h"

namespace mqttlab::oracle_test {
namespace {

using oracle::Status;

struct Delivery5 : testing::Test {
  TraceBuilder t;
  Client pub = t.client("pub"), sub = t.client("sub"), other = t.client("other");

  static ConnectOptions v5() {
    ConnectOptions options;
    options.version = ProtocolVersion::v5_0;
    options.says.session_expiry_s = trace::never_expires;
    return options;
  }
  void begin(int qos) {
    for (Client* client : {&pub, &sub, &other}) client->connect(v5());
    if (qos >= 0) sub.subscribe("a/#", qos);
  }
  static Packet message(int qos = 1) { return publish("a/b", "m", qos, 1); }
  // Published with an interval, and sent to a subscriber who was away for so long.
  std::string sent_after(std::uint32_t published_s, double away_s, const Packet& sent) {
    begin(1);
    sub.cut();
    pub.publishes(message().expires(published_s));
    t.wait(away_s);
    sub.connect(v5());
    sub.receives(sent);
    t.settle();
    return t.broken();
  }
};

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
    publisher.completes();
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

struct Shares5 : Delivery5 {
  void share(int qos) {
    begin(-1);
    sub.subscribe("$share/g/a/#", qos);
    other.subscribe("$share/g/a/#", qos);
  }
};

TEST_F(Shares5, Q0Atmost_and_Q2Once_two_members_get_one_message) {
  for (const int qos : {0, 2}) {
    TraceBuilder trace;
    Client publisher = trace.client("pub"), one = trace.client("one"), two = trace.client("two");
    for (Client* client : {&publisher, &one, &two}) client->connect(v5());
    for (Client* client : {&one, &two}) client->subscribe("$share/g/a/#", qos);
    publisher.publishes(message(qos));
    one.receives(message(qos));
    two.receives(message(qos));
    EXPECT_EQ(trace.broken(), qos == 0 ? "Q0-ATMOST" : "Q2-ONCE");
  }
}

TEST_F(Shares5, Q1Noloss_no_member_gets_it) {
  share(1);
  pub.publishes(message());
  t.settle();
  EXPECT_EQ(t.broken(), "Q1-NOLOSS");
}

TEST_F(Shares5, One_member_gets_each_message) {
  share(2);
  pub.publishes(message(2));
  sub.receives(message(2));
  pub.publishes(publish("a/b", "n", 2, 1));
  other.receives(publish("a/b", "n", 2, 1));
  t.settle();
  EXPECT_EQ(t.broken(), "");
}

TEST_F(Shares5, At_QoS_1_another_member_may_get_what_a_lost_one_was_sent) {
  share(1);
  pub.publishes(message());
  sub.is_sent(message());
  sub.cut();
  ConnectOptions anew = v5();
  anew.clean = true;
  sub.connect(anew);
  other.receives(message());
  t.settle();
  EXPECT_EQ(t.broken(), "");
}

TEST_F(Shares5, A_message_may_wait_for_a_member_who_is_away) {
  share(1);
  sub.cut();
  pub.publishes(message());
  t.settle();
  EXPECT_EQ(t.broken(), "CONVERGE");
}

TEST_F(Shares5, Another_share_name_or_a_subscription_of_its_own_is_another_subscription) {
  share(1);
  other.unsubscribe("$share/g/a/#");
  other.subscribe("$share/h/a/#", 1);
  sub.subscribe("a/b", 1);
  pub.publishes(message());
  sub.receives(publish("a/b", "m", 1, 1));
  sub.receives(publish("a/b", "m", 1, 2));
  other.receives(message());
  t.settle();
  EXPECT_EQ(t.broken(), "");
}

TEST_F(Shares5, A_member_who_came_later_may_be_handed_what_another_left) {
  begin(-1);
  sub.subscribe("$share/g/a/#", 1);
  pub.publishes(message(1));
  ConnectOptions anew = v5();
  anew.clean = true;
  sub.cut();
  other.subscribe("$share/g/a/#", 1);
  sub.connect(anew);
  other.receives(message(1));
  t.settle();
  EXPECT_EQ(t.broken(), "");
}

TEST_F(Shares5, Identifiers_of_a_share_go_with_its_own_copy) {
  begin(-1);
  sub.subscribe("a/#", 1, -1, 0, 1);
  sub.subscribe("a/+", 1, -1, 0, 2);
  sub.subscribe("$share/g/a/#", 1, -1, 0, 3);
  pub.publishes(message(1));
  sub.receives(publish("a/b", "m", 1, 1).identified({1, 2}));
  sub.receives(publish("a/b", "m", 1, 2).identified({3}));
  t.settle();
  EXPECT_EQ(t.broken(), "");
}

// What is left behind is handed on as the new member wants it, whatever else it was sent of it.
struct HandedOn5 : Shares5 {
  void hand_on(int former, int granted, std::uint8_t options) {
    begin(-1);
    other.subscribe("a/#", 0);
    sub.subscribe("$share/g/a/#", former, -1, retain_as_published);
    pub.publishes(message(1).retained());
    other.receives(publish("a/b", "m", 0));
    ConnectOptions anew = v5();
    anew.clean = true;
    sub.cut();
    other.subscribe("$share/g/a/#", granted, -1, options);
    sub.connect(anew);
  }
};

TEST_F(HandedOn5, At_its_own_QoS) {
  hand_on(1, 0, 0);
  other.receives(publish("a/b", "m", 0));
  t.settle();
  EXPECT_EQ(t.broken(), "");
}

TEST_F(HandedOn5, At_a_higher_QoS_than_the_former_members) {
  hand_on(0, 2, 0);
  other.receives(message(1));
  t.settle();
  EXPECT_EQ(t.broken(), "");
}

TEST_F(HandedOn5, With_RETAIN_as_published) {
  hand_on(1, 1, retain_as_published);
  other.receives(message(1).retained());
  t.settle();
  EXPECT_EQ(t.broken(), "");
}

TEST_F(HandedOn5, At_QoS_2_after_QoS_1_to_a_member_who_was_granted_no_more) {
  begin(-1);
  sub.subscribe("$share/g/a/#", 1);
  pub.publishes(message(2));
  sub.is_sent(message(1));
  ConnectOptions anew = v5();
  anew.clean = true;
  sub.cut();
  other.subscribe("$share/g/a/#", 2);
  sub.connect(anew);
  other.receives(message(2));
  t.settle();
  EXPECT_EQ(t.broken(), "");
}

TEST_F(HandedOn5, To_a_member_who_has_left_since) {
  hand_on(1, 1, 0);
  other.unsubscribe("$share/g/a/#");
  other.receives(message(1));
  t.settle();
  EXPECT_EQ(t.broken(), "");
}

TEST_F(HandedOn5, NoFabrication_above_its_QoS) {
  begin(-1);
  sub.subscribe("$share/g/a/#", 1);
  pub.publishes(message(1));
  ConnectOptions anew = v5();
  anew.clean = true;
  sub.cut();
  other.subscribe("$share/g/a/#", 0);
  sub.connect(anew);
  other.receives(message(1));
  t.settle();
  EXPECT_EQ(t.broken(), "NO-FABRICATION");
}

TEST_F(HandedOn5, RetFlag_RETAIN_0_although_it_is_wanted_as_published) {
  begin(-1);
  sub.subscribe("$share/g/a/#", 1);
  pub.publishes(message(1).retained());
  ConnectOptions anew = v5();
  anew.clean = true;
  sub.cut();
  other.subscribe("$share/g/a/#", 1, -1, retain_as_published);
  sub.connect(anew);
  other.receives(message(1));
  t.settle();
  EXPECT_EQ(t.broken(), "RET-FLAG");
}

TEST_F(HandedOn5, RetSet_RETAIN_1_although_it_is_not_wanted) {
  hand_on(1, 1, 0);
  other.receives(message(1).retained());
  t.settle();
  EXPECT_EQ(t.broken(), "RET-SET");
}

// The standard of 3.1.1 knows no shares, and leaves $ to the server: the words may be a share, or a
// filter like any other.
struct Shares311 : Delivery5 {
  Client old = t.client("old"), older = t.client("older");
  void SetUp() override {
    begin(-1);
    for (Client* client : {&old, &older}) {
      client->connect();
      client->subscribe("$share/g/a", 2);
    }
  }
};

TEST_F(Shares311, The_words_may_be_a_filter_like_any_other) {
  pub.publishes(publish("$share/g/a", "m", 1, 1));
  old.receives(publish("$share/g/a", "m", 1, 1));
  older.receives(publish("$share/g/a", "m", 1, 1));
  pub.publishes(publish("a", "n", 1, 2));
  t.settle();
  EXPECT_EQ(t.broken(), "");
}

TEST_F(Shares311, They_may_be_a_share) {
  pub.publishes(publish("a", "m", 2, 1));
  old.receives(publish("a", "m", 2, 1));
  pub.publishes(publish("$share/g/a", "n", 1, 2));
  t.settle();
  EXPECT_EQ(t.broken(), "");
}

TEST_F(Shares311, Q2Once_two_members_get_one_message) {
  pub.publishes(publish("a", "m", 2, 1));
  old.receives(publish("a", "m", 2, 1));
  older.receives(publish("a", "m", 2, 1));
  EXPECT_EQ(t.broken(), "Q2-ONCE");
}

TEST_F(Shares311, NoFabrication_what_neither_matches) {
  pub.publishes(publish("b", "m", 1, 1));
  old.receives(publish("b", "m", 1, 1));
  EXPECT_EQ(t.broken(), "NO-FABRICATION");
}

}  // namespace
}  // namespace mqttlab::oracle_test
