// DUP-BOUND, AMPLIFY, PROGRESS.
#include <gtest/gtest.h>

#include "tests/oracle/pub_sub.h"

namespace mqttlab::oracle_test {
namespace {

using oracle::Status;

struct Waste : PubSub {
  void call(int qos) {
    pub.connect();
    pub.calls("a/b", "m", qos);
    pub.sends(publish("a/b", "m", qos, 1));
  }
};

TEST_F(Waste, DupBound_a_second_copy_on_one_connection) {
  call(1);
  t.wait(5);
  pub.sends(publish("a/b", "m", 1, 1).again());
  EXPECT_EQ(t.broken(), "DUP-BOUND");
  EXPECT_EQ(t.verdict("DUP-BOUND").status, Status::departs);
}

// Look-alike: duplicates after any drop.
TEST_F(Waste, One_more_copy_for_each_connection_that_ended_too_soon) {
  call(1);
  for (int i = 0; i < 9; ++i) {
    pub.cut();
    pub.connect();
    pub.sends(publish("a/b", "m", 1, 1).again());
  }
  pub.gets(puback(1));
  pub.completes();
  EXPECT_EQ(t.broken(), "");
  EXPECT_EQ(t.verdict("DUP-BOUND").status, Status::pass);
  EXPECT_EQ(t.verdict("AMPLIFY").status, Status::pass);
}

TEST_F(Waste, Amplify_a_client_that_sends_every_few_seconds) {
  call(2);
  for (int i = 0; i < 4; ++i) {
    t.wait(5);
    pub.writes(publish("a/b", "m", 2, 1).again());
  }
  EXPECT_EQ(t.broken(), "AMPLIFY");
  EXPECT_EQ(t.verdict("AMPLIFY").status, Status::departs);
}

TEST_F(Waste, An_exchange_that_a_resume_goes_on_with_is_no_flood) {
  call(2);
  pub.gets(pubrec(1));
  pub.sends(pubrel(1));
  pub.cut();
  pub.connect();
  pub.sends(pubrel(1));
  pub.gets(pubcomp(1));
  pub.completes();
  EXPECT_EQ(t.broken(), "");
}

struct Stuck : PubSub {
  void pings(Client& client) {
    client.sends(pingreq());
    client.gets(pingresp());
  }
};

TEST_F(Stuck, Progress_a_client_that_has_forgotten_its_queue) {
  pub.connect();
  pub.calls("a", "1", 1);
  t.wait(61);
  pings(pub);
  t.wait(5);
  pub.cut();
  EXPECT_EQ(t.broken(), "PROGRESS");
  EXPECT_EQ(t.verdict("PROGRESS").status, Status::fail);
}

TEST_F(Stuck, A_large_message_may_be_half_written_while_its_connection_lasts) {
  for (const std::size_t bytes : {100, 10'000}) {
    for (const bool lasts : {true, false}) {
      TraceBuilder trace;
      Client from = trace.client("from");
      from.connect();
      from.calls("a", std::string(bytes, 'x'), 1);
      trace.wait(66);
      if (lasts)
        trace.client("another").connect();
      else
        from.cut();
      EXPECT_EQ(trace.broken(), lasts && bytes > 200 ? "" : "PROGRESS") << bytes;
    }
  }
}

TEST_F(Stuck, Progress_a_broker_that_has_forgotten_a_queue) {
  begin(1);
  pub.publishes("a/b", "m", 1);
  t.wait(61);
  pings(sub);
  t.wait(5);
  sub.cut();
  EXPECT_EQ(t.broken(), "PROGRESS");
}

TEST_F(Stuck, Who_waits_for_an_answer_for_a_link_or_in_its_sleep_is_not_stuck) {
  begin(1);
  pub.calls("a", "1", 1, 1);
  pub.sends(publish("a", "1", 1, 1));  // no PUBACK comes
  pub.calls("a", "2", 1, 2);
  sub.calls("x", "3", 1, 1);
  sub.writes(pingreq());  // nor does this arrive
  Client asleep = t.client("asleep");
  asleep.connect();
  asleep.suffers(trace::Kind::paused);
  asleep.calls("x", "4", 1, 1);
  t.wait(90);
  for (Client* client : {&pub, &sub, &asleep}) client->cut();
  EXPECT_EQ(t.broken(), "");
}

TEST_F(Stuck, A_queue_that_moves) {
  begin(1);
  for (int i = 1; i < 9; ++i) {
    const std::string payload = std::to_string(i);
    pub.publishes("a/b", payload, 1, static_cast<std::uint16_t>(i));
    sub.receives("a/b", payload, 1, static_cast<std::uint16_t>(i));
    t.wait(20);
  }
  pub.cut();
  sub.cut();
  EXPECT_EQ(t.broken(), "");
  EXPECT_EQ(t.verdict("PROGRESS").status, Status::pass);
}

}  // namespace
}  // namespace mqttlab::oracle_test
