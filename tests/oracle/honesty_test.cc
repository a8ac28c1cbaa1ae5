// Q2-HONEST.
#include <gtest/gtest.h>

#include "tests/oracle/trace_builder.h"

namespace mqttlab::oracle_test {
namespace {

using oracle::Status;

struct Honest : testing::Test {
  TraceBuilder t;
  Client pub = t.client("pub"), sub = t.client("sub"), other = t.client("other");

  void begin() {
    for (Client* client : {&pub, &sub, &other}) client->connect();
    for (Client* client : {&sub, &other}) client->subscribe("a/#", 2);
  }
};

TEST_F(Honest, Q2Honest_a_message_that_is_acknowledged_and_forgotten) {
  begin();
  pub.publishes("a/b", "m", 2);
  t.settle();
  EXPECT_EQ(t.broken(), "Q2-ONCE Q2-HONEST");
  EXPECT_EQ(t.violations().size(), 3U) << "lost twice, dishonest once";
}

TEST_F(Honest, What_one_session_of_two_has_missed_is_a_loss_only) {
  begin();
  pub.publishes("a/b", "m", 2);
  sub.receives("a/b", "m", 2);
  t.settle();
  EXPECT_EQ(t.broken(), "Q2-ONCE");
  EXPECT_EQ(t.verdict("Q2-HONEST").status, Status::pass);
}

TEST_F(Honest, Nor_is_it_more_if_the_session_of_the_other_has_ended) {
  begin();
  pub.publishes("a/b", "m", 2);
  sub.receives("a/b", "m", 2);
  sub.cut();
  sub.connect({.clean = true});
  t.settle();
  EXPECT_EQ(t.broken(), "Q2-ONCE");
}

TEST_F(Honest, What_was_dropped_for_a_reason_or_wanted_by_nobody_is_honest) {
  begin();
  pub.publishes("a/b", "m", 2);
  for (const char* client : {"sub", "other"})
    t.drops(client, publish("a/b", "m", 2), trace::DropReason::queue_full);
  pub.publishes("b", "m", 2, 2);
  t.settle();
  EXPECT_EQ(t.broken(), "");
}

TEST_F(Honest, A_message_that_was_refused_need_not_be_passed_on) {
  begin();
  ConnectOptions options;
  options.version = ProtocolVersion::v5_0;
  Client modern = t.client("modern");
  modern.connect(options);
  modern.sends(publish("a/b", "m", 2, 1));
  modern.gets(pubrec(1).reason(0x97));
  t.settle();
  EXPECT_EQ(t.broken(), "");
}

}  // namespace
}  // namespace mqttlab::oracle_test
