// What shares make of NO-FABRICATION, Q0-ATMOST, Q1-NOLOSS, Q2-ONCE, RET-FLAG and RET-SET.
#include "tests/oracle/delivery_5.h"

namespace mqttlab::oracle_test {
namespace {

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
