// Traces from a link between foreign ends: packets only, nothing of what applications did.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "tests/oracle/pub_sub.h"

namespace mqttlab::oracle_test {
namespace {

using oracle::Status;
using trace::Kind;

struct WireOnly : PubSub {
  /// What a link sees of the trace, judged.
  void judge() {
    oracle::Settings settings = t.settings;
    settings.applications = false;
    settings.ping_timeout = mqttlab::never;
    oracle::Oracle oracle(settings);
    for (const trace::Event& event : t.log().events())
      if (event.kind != Kind::delivered && event.kind != Kind::publish_called &&
          event.kind != Kind::publish_completed)
        oracle.on(event, t.log());
    oracle.finish(t.now(), t.log());
    broken.clear();
    for (const auto& violation : oracle.violations()) broken += violation.invariant + " ";
    verdicts = oracle.verdicts();
  }
  [[nodiscard]] const oracle::Verdict& verdict(const std::string& invariant) const {
    return *std::ranges::find(verdicts, invariant, &oracle::Verdict::invariant);
  }
  std::string broken;
  std::vector<oracle::Verdict> verdicts;
};

TEST_F(WireOnly, WhatReachedTheClientCountsAndTheVerdictSaysSo) {
  begin(2);
  for (std::uint16_t qos = 0; qos <= 2; ++qos) {
    pub.publishes("a/b", std::to_string(qos), qos);
    sub.receives("a/b", std::to_string(qos), qos);
  }
  t.settle();
  judge();
  EXPECT_EQ(broken, "");
  for (const char* rule : {"NO-FABRICATION", "Q0-ATMOST", "Q1-NOLOSS", "Q2-ONCE"}) {
    EXPECT_EQ(verdict(rule).status, Status::pass) << rule;
    EXPECT_NE(verdict(rule).why.find("not in the trace"), std::string::npos) << rule;
  }
  EXPECT_EQ(verdict("DUP-RULE").status, Status::pass);
  EXPECT_EQ(verdict("DUP-RULE").why, "");
}

TEST_F(WireOnly, WhatOnlyApplicationsKnowIsNotObservable) {
  pub.connect({.keep_alive_s = 10});
  pub.sends(pingreq());
  pub.gets(pingresp());
  pub.leaves();
  judge();
  EXPECT_EQ(verdict("KA-DETECT").status, Status::not_observable);
  EXPECT_NE(verdict("KA-DETECT").why.find("not known"), std::string::npos);
  EXPECT_EQ(verdict("QUOTA-CONSERVE").status, Status::not_observable);
}

TEST_F(WireOnly, AMessageThatTheBrokerKeepsIsLost) {
  begin(1);
  pub.publishes("a/b", "m", 1);
  t.settle();
  judge();
  EXPECT_EQ(broken.substr(0, 10), "Q1-NOLOSS ");
}

TEST_F(WireOnly, TheOrderOfArrivalIsThatOfDelivery) {
  begin(1);
  pub.publishes("a/b", "1", 1, 1);
  pub.publishes("a/b", "2", 1, 2);
  sub.receives("a/b", "2", 1, 2);
  sub.receives("a/b", "1", 1, 1);
  judge();
  EXPECT_EQ(broken, "ORD-TOPIC ");
}

TEST_F(WireOnly, ARepeatOfAQoS2ExchangeIsNoSecondDelivery) {
  begin(2);
  pub.publishes("a/b", "m", 2);
  sub.gets(publish("a/b", "m", 2, 5));
  sub.cut();
  sub.connect();
  sub.gets(publish("a/b", "m", 2, 5).again());
  sub.sends(pubrec(5));
  sub.gets(pubrel(5));
  sub.sends(pubcomp(5));
  t.settle();
  judge();
  EXPECT_EQ(broken, "");
  EXPECT_EQ(verdict("Q2-ONCE").status, Status::pass);
}

}  // namespace
}  // namespace mqttlab::oracle_test
