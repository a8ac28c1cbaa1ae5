// DUR-ACK, DUR-PREFIX, and what a crash excuses.
#include <gtest/gtest.h>

#include "tests/oracle/pub_sub.h"

namespace mqttlab::oracle_test {
namespace {

using oracle::Status;
using trace::StoreFate;

struct Crash : PubSub {
  void back(StoreFate fate) {
    t.crash(fate);
    t.wait(2);
    t.restart();
    for (Client* client : {&pub, &sub}) client->closes(CloseCause::reset);
    t.wait(1);
  }
};

TEST_F(Crash, DurAck_a_session_that_was_kept_and_is_not_there) {
  begin(1);
  back(StoreFate::kept);
  sub.connect({.present = 0});
  EXPECT_EQ(t.broken(), "SP-TRUTH DUR-ACK");
  EXPECT_EQ(t.verdict("DUR-ACK").strength, "policy");
}

TEST_F(Crash, DurAck_a_message_that_was_acknowledged_and_is_not_there) {
  begin(1);
  sub.cut();
  pub.publishes("a/b", "m", 1);
  back(StoreFate::kept);
  pub.connect();
  sub.connect();
  t.settle();
  EXPECT_EQ(t.broken(), "DUR-ACK Q1-NOLOSS");
}

// PUBCOMP may not have been in the store yet.
TEST_F(Crash, What_was_over_just_before_it_may_be_released_again) {
  for (const auto fate : {StoreFate::kept, StoreFate::torn}) {
    begin(2);
    pub.publishes("a/b", "m", 2);
    sub.receives("a/b", "m", 2);
    back(fate);
    sub.connect();
    sub.gets(pubrel(1));
    sub.sends(pubcomp(1));
    EXPECT_EQ(t.verdict("ACK-CAUSAL").status, Status::pass);
    sub.cut();
    pub.cut();
  }
}

TEST_F(Crash, What_was_over_just_before_a_device_ended_may_be_released_again) {
  begin(2);
  pub.publishes("a/b", "m", 2);
  pub.suffers(trace::Kind::crashed);
  pub.cut();
  pub.suffers(trace::Kind::restarted);
  pub.connect();
  pub.sends(pubrel(1));
  pub.gets(pubcomp(1));
  EXPECT_EQ(t.verdict("ACK-CAUSAL").status, Status::pass);
}

TEST_F(Crash, What_was_released_again_just_before_the_next_one_may_be_once_more) {
  begin(2);
  pub.publishes("a/b", "m", 2);
  sub.receives("a/b", "m", 2);
  for (int crash = 0; crash < 2; ++crash) {
    back(StoreFate::kept);
    sub.connect();
    sub.gets(pubrel(1));
    sub.sends(pubcomp(1));
  }
  EXPECT_EQ(t.verdict("ACK-CAUSAL").status, Status::pass);
}

TEST_F(Crash, AckCausal_what_was_over_long_ago_is_not_released_again) {
  begin(2);
  pub.publishes("a/b", "m", 2);
  sub.receives("a/b", "m", 2);
  t.wait(2);
  back(StoreFate::torn);
  sub.connect();
  sub.is_sent(pubrel(1));
  EXPECT_EQ(t.broken(), "ACK-CAUSAL");
}

TEST_F(Crash, AckCausal_a_PUBREL_of_an_exchange_that_never_was) {
  begin(2);
  pub.publishes("a/b", "m", 2);
  sub.receives("a/b", "m", 2);
  back(StoreFate::kept);
  sub.connect();
  sub.is_sent(pubrel(2));
  EXPECT_EQ(t.broken(), "ACK-CAUSAL");
}

TEST_F(Crash, AckCausal_once_more_than_a_crash_explains) {
  begin(2);
  pub.publishes("a/b", "m", 2);
  sub.receives("a/b", "m", 2);
  back(StoreFate::kept);
  sub.connect();
  sub.gets(pubrel(1));
  sub.sends(pubcomp(1));
  sub.is_sent(pubrel(1));
  EXPECT_EQ(t.broken(), "ACK-CAUSAL");
}

TEST_F(Crash, DurAck_a_torn_store_that_loses_more_than_it_may) {
  t.settings.crash_loses = 200 * millisecond;
  begin(1);
  t.wait(1);
  back(StoreFate::torn);
  sub.connect({.present = 0});
  EXPECT_EQ(t.broken(), "DUR-ACK");
}

TEST_F(Crash, What_ends_with_the_process_is_not_put_down_to_keep_alive) {
  begin(1);
  t.wait(1);
  t.crash(StoreFate::kept, CloseCause::local);
  EXPECT_EQ(t.broken(), "");
  EXPECT_EQ(t.verdict("KA-FAIR").status, Status::pass);
}

TEST_F(Crash, What_was_kept_goes_on) {
  begin(1);
  sub.cut();
  pub.publishes("a/b", "m", 1);
  back(StoreFate::kept);
  pub.connect();
  sub.connect();
  sub.receives("a/b", "m", 1);
  t.settle();
  EXPECT_EQ(t.broken(), "");
  EXPECT_EQ(t.verdict("DUR-ACK").status, Status::pass);
  EXPECT_EQ(t.verdict("DUR-PREFIX").status, Status::pass);
}

// Look-alike: loss where one side has lost its session or store.
TEST_F(Crash, With_a_lost_store_all_may_be_gone) {
  pub.connect({.will_topic = "will"});
  sub.connect();
  sub.subscribe("#", 2);
  pub.publishes("a/b", "kept", 1, 1, true);
  sub.receives("a/b", "kept", 1);
  sub.cut();
  pub.publishes("a/b", "m", 2);
  back(StoreFate::lost);
  pub.connect({.present = 0});
  sub.connect({.present = 0});
  sub.subscribe("#", 2);
  t.settle();
  EXPECT_EQ(t.broken(), "");
  EXPECT_EQ(t.verdict("DUR-ACK").status, Status::not_observable);
}

TEST_F(Crash, SpTruth_a_session_that_a_lost_store_cannot_have) {
  begin(1);
  back(StoreFate::lost);
  sub.connect({.present = 1});
  EXPECT_EQ(t.broken(), "SP-TRUTH");
}

TEST_F(Crash, What_came_last_may_be_gone_with_a_torn_store) {
  for (const int present : {0, 1}) {
    TraceBuilder trace;
    Client client = trace.client("c");
    trace.settings.crash_loses = 200 * millisecond;
    client.connect();
    client.subscribe("x", 2);
    client.publishes("x", "m", 2);
    client.gets(publish("x", "m", 2, 7));
    trace.crash(StoreFate::torn);
    client.closes(CloseCause::reset);
    trace.restart();
    trace.wait(1);
    client.connect({.present = present});
    if (present == 1) client.receives("x", "m", 2, 9);
    trace.settle();
    EXPECT_EQ(trace.broken(), "") << present;
  }
}

TEST_F(Crash, DurPrefix_what_came_later_is_there_and_what_came_earlier_is_not) {
  t.settings.crash_loses = oracle::Settings{}.answer_within;
  pub.connect();
  t.wait(5);
  sub.connect();
  back(StoreFate::torn);
  sub.connect({.present = 1});
  pub.connect({.present = 0});
  EXPECT_EQ(t.broken(), "DUR-PREFIX");
}

TEST_F(Crash, DurPrefix_any_instant_of_the_time_that_may_be_lost_is_legal) {
  t.settings.crash_loses = oracle::Settings{}.answer_within;
  pub.connect();
  t.wait(5);
  sub.connect();
  back(StoreFate::torn);
  pub.connect({.present = 1});
  sub.connect({.present = 0});
  EXPECT_EQ(t.broken(), "");
  EXPECT_EQ(t.verdict("DUR-PREFIX").status, Status::pass);
}

TEST_F(Crash, A_will_of_before_the_crash_may_come_late_or_not_at_all) {
  for (const bool comes : {false, true}) {
    TraceBuilder trace;
    Client client = trace.client("c"), watch = trace.client("watch");
    watch.connect();
    watch.subscribe("will", 1);
    client.connect({.clean = true, .will_topic = "will", .will_qos = 1});
    trace.crash(StoreFate::kept);
    client.closes(CloseCause::reset);
    watch.closes(CloseCause::reset);
    trace.wait(30);
    trace.restart();
    watch.connect();
    if (comes) watch.receives("will", "c is gone", 1);
    trace.settle();
    EXPECT_EQ(trace.broken(), "CONVERGE") << comes;  // the client does not come back
  }
}

TEST_F(Crash, While_the_broker_is_paused_it_is_late_for_nothing) {
  pub.connect({.keep_alive_s = 10});
  t.event({.kind = trace::Kind::paused, .end = trace::End::broker, .actor = t.broker()});
  t.wait(60);
  t.event({.kind = trace::Kind::went_on, .end = trace::End::broker, .actor = t.broker()});
  pub.closes();
  pub.is_closed();
  EXPECT_EQ(t.broken(), "KA-SEND KA-DETECT");  // the client's are its own
}

}  // namespace
}  // namespace mqttlab::oracle_test
