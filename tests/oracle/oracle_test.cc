// The oracle as a whole: the same verdicts however and whenever it is asked, and none without a
// cause.
#include "protocol/oracle/oracle.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "protocol/oracle/table.h"
#include "tests/oracle/trace_builder.h"

namespace mqttlab::oracle_test {
namespace {

using oracle::Oracle;
using oracle::Status;

// Breaks several rules at once.
void misbehave(TraceBuilder& t) {
  Client pub = t.client("pub"), sub = t.client("sub");
  pub.connect();
  sub.connect();
  sub.subscribe("a/#", 2);
  for (int i = 0; i < 5; ++i) {
    const std::string payload = std::to_string(i);
    pub.publishes("a/" + payload, payload, 1);
    pub.publishes("a/" + payload, payload + "'", 2);
  }
  sub.receives("a/1", "invented", 1);
  sub.cut();
  sub.connect({.present = 0});
  pub.dies();
  t.settle();
}

std::string text(const Oracle& judge) {
  std::string all;
  for (const auto& violation : judge.violations()) {
    all += violation.invariant + ' ' + std::to_string(violation.at) + ' ' + violation.what;
    for (const auto event : violation.events) all += ' ' + std::to_string(event);
    all += '\n';
  }
  for (const auto& verdict : judge.verdicts()) {
    all += verdict.invariant + ' ' + std::to_string(static_cast<int>(verdict.status)) + ' ' +
           std::to_string(verdict.checked) + ' ' + verdict.why + '\n';
  }
  return all;
}

TEST(Whole, StreamingAsTheRunGoesEqualsReadingTheLogAfterwards) {
  TraceBuilder t;
  Oracle streaming(TraceBuilder().settings);
  t.log().listen(&streaming);
  misbehave(t);
  streaming.finish(t.now(), t.log());
  Oracle batch(TraceBuilder().settings);
  for (const trace::Event& event : t.log().events()) batch.on(event, t.log());
  batch.finish(t.now(), t.log());
  EXPECT_EQ(text(streaming), text(batch));
  EXPECT_GE(batch.violations().size(), 2U);
}

TEST(Whole, TheSameTraceGivesTheSameFindingsInTheSameOrder) {
  TraceBuilder first, second;
  misbehave(first);
  misbehave(second);
  EXPECT_EQ(first.broken(), second.broken());
  ASSERT_EQ(first.violations().size(), second.violations().size());
  for (std::size_t i = 0; i < first.violations().size(); ++i)
    EXPECT_EQ(first.violations()[i].what, second.violations()[i].what);
}

TEST(Whole, AnEmptyRunShowsNothingAndSaysWhy) {
  TraceBuilder t;
  EXPECT_EQ(t.broken(), "");
  for (const std::string& name : oracle::invariants()) {
    EXPECT_EQ(t.verdict(name).status, Status::not_observable) << name;
    EXPECT_NE(t.verdict(name).why, "") << name;
  }
}

TEST(Whole, EveryInvariantHasAName) {
  const std::vector<std::string> names = oracle::invariants();
  EXPECT_EQ(names.size(), 62U);
  EXPECT_EQ(std::set(names.begin(), names.end()).size(), 62U);
  EXPECT_EQ(names.front(), "NO-FABRICATION");
  EXPECT_EQ(names.back(), "CONVERGE");
}

TEST(Whole, AFindingSaysWhoWhatAndWhenAndPointsAtEvents) {
  TraceBuilder t;
  Client pub = t.client("pub");
  pub.connect();
  pub.writes(publish("a/b", "1", 1, 7));
  pub.writes(publish("a/c", "2", 1, 7));
  ASSERT_EQ(t.violations().size(), 1U);
  const oracle::Violation violation = t.violations()[0];
  for (const char* part : {"'pub'", "'a/b'", "'a/c'", "packet id 7", " s "})
    EXPECT_NE(violation.what.find(part), std::string::npos) << violation.what;
  EXPECT_NE(violation.statements.find("MQTT-2.3.1-2"), std::string::npos);
  EXPECT_EQ(violation.events.size(), 2U);
  EXPECT_TRUE(std::is_sorted(violation.events.begin(), violation.events.end()));
  EXPECT_LT(violation.events.back(), t.log().events().size());
}

TEST(Whole, AFloodOfFindingsIsCountedAndNotKept) {
  TraceBuilder t;
  Client sub = t.client("sub");
  sub.connect();
  for (int i = 0; i < 500; ++i) sub.is_sent(publish("a", std::to_string(i), 0));
  EXPECT_EQ(t.violations().size(), 100U);
  EXPECT_NE(t.verdict("NO-FABRICATION").why.find("500"), std::string::npos);
}

TEST(Whole, AMessageIsForgottenOnlyLongAfterItsDelivery) {
  TraceBuilder t;
  Client pub = t.client("pub"), sub = t.client("sub");
  pub.connect();
  sub.connect();
  sub.subscribe("a", 2);
  pub.publishes("a", "lost", 2);
  for (int i = 0; i < 70'000; ++i) {
    const std::string payload = std::to_string(i);
    pub.sends(publish("a", payload, 0));
    sub.gets(publish("a", payload, 0));
    sub.is_handed("a", payload, 0);
  }
  t.settle();
  EXPECT_EQ(t.broken(), "Q2-ONCE Q2-HONEST");
}

TEST(Table, BehavesLikeASetOfKeysUnderInsertionAndErasure) {
  oracle::Table<std::uint64_t> table;
  std::set<std::uint64_t> expected;
  std::uint64_t state = 1;
  for (int i = 0; i < 50'000; ++i) {
    state = state * 6'364'136'223'846'793'005ULL + 1'442'695'040'888'963'407ULL;
    const std::uint64_t key = 1 + (state >> 33) % 700;
    if ((state >> 20) % 3 == 0) {
      EXPECT_EQ(table.erase(key), expected.erase(key) == 1);
    } else {
      table[key] = key;
      expected.insert(key);
    }
    ASSERT_EQ(table.size(), expected.size());
  }
  EXPECT_EQ(table.keys(), std::vector<std::uint64_t>(expected.begin(), expected.end()));
  for (std::uint64_t key = 1; key <= 700; ++key) {
    const std::uint64_t* value = table.find(key);
    ASSERT_EQ(value != nullptr, expected.contains(key));
    if (value) {
      EXPECT_EQ(*value, key);
    }
  }
}

}  // namespace
}  // namespace mqttlab::oracle_test
