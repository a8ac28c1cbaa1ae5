#include <gtest/gtest.h>

#include "tests/support/client_script.h"

namespace mqttlab::testing {
namespace {

constexpr Backoff exact{.initial = 1 * second, .maximum = 8 * second, .factor = 2, .jitter = 0};

/// Time until the client wants a link; -1 if it never will.
Time wait(ClientScript& lab) {
  const Time from = lab.now();
  lab.redial();
  return lab.client().wants_link() ? lab.now() - from : -1;
}

/// Lets one attempt fail.
void fail(ClientScript& lab) {
  lab.client().dialing(lab.now());
  lab.client().dial_failed(CloseCause::timeout, lab.now());
}

TEST(Redial, WaitsGrowToTheMaximumAndAttemptsNeverCease) {
  ClientScript lab({.client_id = "c", .backoff = exact});
  EXPECT_EQ(wait(lab), -1);
  lab.client().start(lab.now());
  EXPECT_EQ(wait(lab), 0) << "the first attempt comes at once";
  for (const Time seconds : {1, 2, 4, 8, 8, 8}) {
    fail(lab);
    EXPECT_EQ(wait(lab), seconds * second);
  }
  for (int i = 0; i < 2'000; ++i) {
    fail(lab);
    ASSERT_EQ(wait(lab), 8 * second);
    lab.event<Disconnected>();
  }
}

TEST(Redial, AnApplicationThatTakesNoEventsGetsNoLinks) {
  ClientScript lab({.client_id = "c", .backoff = exact, .inbox_messages = 5});
  lab.client().start(lab.now());
  for (int i = 0; i < 5; ++i) {
    EXPECT_NE(wait(lab), -1);
    fail(lab);
  }
  EXPECT_EQ(wait(lab), -1);
  lab.event<Disconnected>();
  EXPECT_TRUE(lab.client().wants_link());
}

TEST(Redial, OnlyAStableLinkEndsTheCount) {
  ClientScript lab({.client_id = "c", .backoff = exact});
  lab.client().start(lab.now());
  // A server that accepts and drops at once is not dialled in a storm.
  for (const Time seconds : {1, 2, 4, 8}) {
    lab.connect();
    lab.after(10 * second - 1);
    lab.server().close(CloseCause::fin);
    EXPECT_EQ(wait(lab), seconds * second);
  }
  lab.connect();
  lab.after(10 * second);
  lab.server().close(CloseCause::fin);
  EXPECT_EQ(wait(lab), 1 * second);
}

TEST(Redial, JitterShortensWaitsAndFollowsTheSeed) {
  Backoff backoff = exact;
  backoff.jitter = 0.5;
  const auto waits = [&](std::uint64_t seed) {
    ClientScript lab({.client_id = "c", .backoff = backoff}, seed);
    lab.client().start(lab.now());
    std::vector<Time> all;
    for (int i = 0; i < 200; ++i) {
      fail(lab);
      all.push_back(wait(lab));
    }
    return all;
  };
  const auto one = waits(1);
  EXPECT_EQ(one, waits(1));
  EXPECT_NE(one, waits(2));
  const auto [least, most] = std::minmax_element(one.begin() + 3, one.end());
  EXPECT_GE(*least, 4 * second);
  EXPECT_LT(*least, 4'200 * millisecond);
  EXPECT_LE(*most, 8 * second);
  EXPECT_GT(*most, 7'800 * millisecond);
}

TEST(Redial, WithoutReconnectTheClientStaysOfflineUntilStartedAgain) {
  ClientScript lab({.client_id = "c", .reconnect = false});
  lab.connect();
  lab.server().close(CloseCause::reset);
  EXPECT_EQ(lab.event<Disconnected>().reason, "connection reset");
  EXPECT_EQ(wait(lab), -1);
  lab.connect();
}

TEST(Redial, StartTwiceChangesNothing) {
  ClientScript lab({.client_id = "c", .backoff = exact});
  lab.client().start(lab.now());
  fail(lab);
  lab.client().start(lab.now());
  EXPECT_FALSE(lab.client().wants_link());
  EXPECT_EQ(wait(lab), 1 * second);
  lab.connect();
  lab.client().start(lab.now());
  EXPECT_TRUE(lab.client().connected());
}

TEST(Redial, EachAttemptEndsInOneEvent) {
  ClientScript lab({.client_id = "c", .backoff = exact});
  lab.client().start(lab.now());
  fail(lab);
  lab.client().dial_failed(CloseCause::reset, lab.now());  // once too often
  EXPECT_EQ(lab.event<Disconnected>().reason, "no answer to the dial");
  EXPECT_FALSE(lab.client().has_events());
  lab.redial();
  lab.connect();
  lab.event<Connected>();
  lab.server().close(CloseCause::timeout);
  lab.server().close(CloseCause::timeout);
  EXPECT_EQ(lab.event<Disconnected>().reason, "the transport gave up");
  EXPECT_FALSE(lab.client().has_events());
}

const ClientConfig of_5{.client_id = "c", .version = ProtocolVersion::v5_0, .backoff = exact};

/// The server ends a link that has been up for so long; the next one comes up.
Time ended(ClientScript& lab, Time after, ReasonCode reason, std::string_view server = {}) {
  lab.connect();
  lab.after(after);
  Disconnect disconnect{reason};
  if (!server.empty()) disconnect.properties.add(PropertyId::server_reference, server);
  lab.server().send(disconnect);
  lab.server().close(CloseCause::fin);
  return wait(lab);
}

TEST(Redial, WhoWasTakenOverWaitsLongerEachTimeHoweverLongTheLinkWasUp) {
  ClientScript lab(of_5);
  lab.client().start(lab.now());
  for (const Time seconds : {1, 2, 4, 8, 8})
    EXPECT_EQ(ended(lab, 60 * second, ReasonCode::session_taken_over), seconds * second);
  EXPECT_EQ(lab.event<Disconnected>().server->reason, ReasonCode::session_taken_over);
  EXPECT_EQ(ended(lab, 60 * second, ReasonCode::administrative_action), 1 * second);
}

TEST(Redial, AnotherServerIsForOneLinkAndAMovedOneForGood) {
  ClientScript lab(of_5);
  lab.client().start(lab.now());
  EXPECT_EQ(lab.client().server_reference(), "");
  ended(lab, second, ReasonCode::use_another_server, "other:1 more");
  EXPECT_EQ(lab.client().server_reference(), "other:1 more");
  fail(lab);
  EXPECT_EQ(lab.client().server_reference(), "") << "nobody is there";
  wait(lab);
  ended(lab, second, ReasonCode::use_another_server, "other");
  lab.connect();
  EXPECT_EQ(lab.client().server_reference(), "other");
  lab.server().close(CloseCause::fin);
  EXPECT_EQ(lab.client().server_reference(), "");
  wait(lab);
  ended(lab, second, ReasonCode::server_moved, "new");
  fail(lab);
  wait(lab);
  ended(lab, second, ReasonCode::server_busy, "nowhere");
  EXPECT_EQ(lab.client().server_reference(), "new") << "until further notice";
  ended(lab, second, ReasonCode::use_another_server);
  EXPECT_EQ(lab.client().server_reference(), "new") << "a server that does not say where";
}

TEST(Redial, ARefusalMaySendTheClientOnAfterItsBackoff) {
  ClientScript lab(of_5);
  lab.client().start(lab.now());
  Connack connack{.reason = ReasonCode::server_moved};
  connack.properties.add(PropertyId::server_reference, "new:1884");
  lab.dial().send(connack);
  lab.server().close(CloseCause::fin);
  EXPECT_EQ(lab.client().server_reference(), "new:1884");
  EXPECT_EQ(wait(lab), 1 * second) << "servers that send to each other are not dialed in a storm";
}

}  // namespace
}  // namespace mqttlab::testing
