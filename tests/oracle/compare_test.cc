// CLOCK-INDEP, FRAME-EQUIV: two runs.
#include "protocol/oracle/compare.h"

#include <gtest/gtest.h>

#include "tests/oracle/trace_builder.h"

namespace mqttlab::oracle_test {
namespace {

using oracle::Sameness;
using oracle::Status;

/// A client that publishes, and gets it back.
void run(TraceBuilder& t, double pause_s = 0, int qos = 1, const char* handed = "m") {
  Client a = t.client("a"), b = t.client("b");
  if (pause_s > 1) b.connect();  // then connections have other numbers
  a.connect();
  if (pause_s <= 1) b.connect();
  a.subscribe("x", 1);
  t.wait(pause_s);
  a.publishes("x", "m", qos);
  a.gets(publish("x", "m", 1, 1));
  a.is_handed("x", handed, 1);
}

TEST(Pair, Equal_runs_are_equal_in_every_way) {
  TraceBuilder one, two;
  run(one);
  run(two);
  for (const Sameness sameness : {Sameness::packets, Sameness::sequences}) {
    const oracle::Comparison found = oracle::compare(one.log(), two.log(), sameness);
    EXPECT_EQ(found.verdict.status, Status::pass);
    EXPECT_GT(found.verdict.checked, 10U);
  }
}

TEST(Pair, ClockIndep_a_packet_at_another_instant) {
  TraceBuilder one, two;
  run(one);
  run(two, 0.5);
  const oracle::Comparison found = oracle::compare(one.log(), two.log(), Sameness::packets);
  EXPECT_EQ(found.verdict.invariant, "CLOCK-INDEP");
  EXPECT_EQ(found.verdict.status, Status::fail);
  ASSERT_EQ(found.violations.size(), 1U);
  EXPECT_NE(found.violations[0].what.find("PUBLISH id 1 ('x')"), std::string::npos);
}

TEST(Pair, ClockIndep_what_was_done_to_the_clock_is_no_packet) {
  TraceBuilder one, two;
  run(one);
  two.event({.kind = trace::Kind::fault, .text = two.log().intern("clock step")});
  two.wait(-0.001);
  run(two);
  EXPECT_EQ(oracle::compare(one.log(), two.log(), Sameness::packets).verdict.status, Status::pass);
}

TEST(Pair, FrameEquiv_other_instants_and_numbers_of_connections_are_equal) {
  TraceBuilder one, two;
  run(one);
  run(two, 3);
  const oracle::Comparison found = oracle::compare(one.log(), two.log(), Sameness::sequences);
  EXPECT_EQ(found.verdict.invariant, "FRAME-EQUIV");
  EXPECT_EQ(found.verdict.status, Status::pass);
}

TEST(Pair, FrameEquiv_another_reaction) {
  TraceBuilder one, two, three;
  run(one);
  run(two, 0, 2);
  run(three, 0, 1, "another");
  for (TraceBuilder* other : {&two, &three}) {
    EXPECT_EQ(oracle::compare(one.log(), other->log(), Sameness::sequences).verdict.status,
              Status::fail);
  }
}

TEST(Pair, Two_runs_without_a_packet_show_nothing) {
  TraceBuilder one, two;
  EXPECT_EQ(oracle::compare(one.log(), two.log(), Sameness::packets).verdict.status,
            Status::not_observable);
}

}  // namespace
}  // namespace mqttlab::oracle_test
