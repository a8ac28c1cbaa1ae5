// EPOCH, CLOSE-DRAIN, BIRTH-WINS, SHARED-REDISPATCH, BOUNDED, LEAK.
#include <gtest/gtest.h>

#include "tests/oracle/delivery_5.h"
#include "tests/oracle/pub_sub.h"

namespace mqttlab::oracle_test {
namespace {

using oracle::Status;

struct Older : PubSub {
  std::uint32_t old = 0, fresh = 0;
  void taken_over(const ConnectOptions& options) {
    pub.connect();
    sub.connect(options);
    sub.subscribe("a/#", 1);
    old = sub.connection();
    sub.connect(options);
    fresh = sub.connection();
    if (options.clean) sub.subscribe("a/#", 1);
    sub.use(old);
    sub.is_closed();
    sub.use(fresh);
  }
};

TEST_F(Older, Epoch_the_end_of_the_older_connection_takes_the_session_of_the_newer) {
  taken_over({.clean = true});
  t.ends_session("sub");
  t.wait(5);
  sub.sends(pingreq());
  sub.gets(pingresp());
  EXPECT_EQ(t.broken(), "EPOCH");
}

TEST_F(Older, Epoch_the_end_of_the_older_connection_takes_subscriptions) {
  taken_over({});
  for (const char* payload : {"1", "2", "3"}) pub.publishes("a/b", payload, 1);
  t.settle();
  EXPECT_EQ(t.broken(), "Q1-NOLOSS SUB-DURABLE EPOCH");
}

TEST_F(Older, The_end_of_an_older_connection_that_changes_nothing) {
  taken_over({});
  pub.publishes("a/b", "1", 1);
  sub.receives("a/b", "1", 1);
  sub.leaves();
  t.ends_session("sub");
  t.settle();
  EXPECT_EQ(t.broken(), "");
  EXPECT_EQ(t.verdict("EPOCH").status, Status::pass);
}

struct Drain : PubSub {
  void arrives_and_ends(CloseCause cause) {
    begin(1);
    pub.sends(publish("a/b", "m", 1, 1));
    if (cause == CloseCause::fin) pub.sends(disconnect());
    pub.closes();
    pub.is_closed(cause);
  }
};

TEST_F(Drain, CloseDrain_a_message_that_arrived_before_the_end_is_dropped) {
  arrives_and_ends(CloseCause::fin);
  t.settle();
  EXPECT_EQ(t.broken(), "CLOSE-DRAIN");
  EXPECT_EQ(t.verdict("CLOSE-DRAIN").status, Status::departs);
}

TEST_F(Drain, A_message_that_arrived_before_the_end_is_passed_on) {
  arrives_and_ends(CloseCause::fin);
  sub.receives("a/b", "m", 1);
  t.settle();
  EXPECT_EQ(t.broken(), "");
  EXPECT_EQ(t.verdict("CLOSE-DRAIN").status, Status::pass);
}

TEST_F(Drain, CloseDrain_a_PUBACK_that_arrived_before_the_end_is_not_read) {
  begin(1);
  pub.publishes("a/b", "m", 1);
  sub.gets(publish("a/b", "m", 1, 1));
  sub.is_handed("a/b", "m", 1);
  sub.sends(puback(1));
  sub.closes();
  sub.is_closed(CloseCause::fin);
  sub.connect();
  sub.gets(publish("a/b", "m", 1, 1).again());
  EXPECT_EQ(t.broken(), "CLOSE-DRAIN");
}

// Look-alike: duplicates also where the broker had the PUBACK before it when the reset came.
TEST_F(Drain, A_reset_may_discard_a_PUBACK) {
  begin(1);
  pub.publishes("a/b", "m", 1);
  sub.gets(publish("a/b", "m", 1, 1));
  sub.is_handed("a/b", "m", 1);
  sub.sends(puback(1));
  sub.cut();
  sub.connect();
  sub.gets(publish("a/b", "m", 1, 1).again());
  EXPECT_EQ(t.broken(), "");
}

struct Birth : PubSub {
  const ConnectOptions with_will{.clean = true, .will_topic = "status", .will_retain = true};
};

TEST_F(Birth, BirthWins_the_will_of_an_older_client_id_hides_who_is_connected) {
  Client first = t.client("random-1"), second = t.client("random-2");
  first.connect(with_will);
  first.publishes("status", "1 is here", 1, 1, true);
  first.closes(CloseCause::reset);
  second.connect(with_will);
  second.publishes("status", "2 is here", 1, 1, true);
  t.wait(1);
  first.is_closed(CloseCause::timeout);
  t.settle();
  EXPECT_EQ(t.broken(), "BIRTH-WINS CONVERGE");
  EXPECT_EQ(t.verdict("BIRTH-WINS").status, Status::departs);
}

TEST_F(Birth, Who_is_connected_is_seen_and_who_has_published_nothing_has_no_birth) {
  for (const bool born : {true, false}) {
    TraceBuilder trace;
    Client client = trace.client("c"), other = trace.client("other");
    other.connect(with_will);
    other.cut();
    other.connect({.clean = true});
    client.connect(with_will);
    if (born) client.publishes("status", "here", 1, 1, true);
    trace.settle();
    EXPECT_EQ(trace.broken(), "") << born;
    EXPECT_EQ(trace.verdict("BIRTH-WINS").status, born ? Status::pass : Status::not_observable);
  }
}

struct Share : testing::Test {
  TraceBuilder t;
  Client pub = t.client("pub"), a = t.client("a"), b = t.client("b");
  void begin(int qos, std::uint32_t session_expiry_s = 0) {
    ConnectOptions options{.clean = true, .version = ProtocolVersion::v5_0};
    options.says.session_expiry_s = session_expiry_s;
    for (Client* client : {&pub, &a, &b}) client->connect(options);
    for (Client* client : {&a, &b}) client->subscribe("$share/g/x", qos);
    pub.publishes("x", "m", qos);
    a.gets(publish("x", "m", qos, 1));
    session_expiry_s == 0 ? a.leaves() : a.cut();
  }
};

TEST_F(Share, SharedRedispatch_what_a_lost_member_had_goes_to_nobody) {
  begin(1);
  t.settle();
  EXPECT_NE(t.broken().find("SHARED-REDISPATCH"), std::string::npos);
  EXPECT_EQ(t.verdict("SHARED-REDISPATCH").status, Status::departs);
}

TEST_F(Share, SharedRedispatch_what_a_member_had_whose_session_expired) {
  begin(1, 10);
  t.wait(10);
  t.ends_session("a");
  t.settle();
  EXPECT_EQ(t.verdict("SHARED-REDISPATCH").status, Status::departs);
}

TEST_F(Share, What_a_member_had_whose_session_expired_goes_to_another) {
  begin(1, 10);
  t.wait(10);
  t.ends_session("a");
  b.receives("x", "m", 1);
  t.settle();
  EXPECT_EQ(t.verdict("SHARED-REDISPATCH").status, Status::pass);
}

TEST_F(Share, What_a_lost_member_had_goes_to_another) {
  begin(1);
  b.receives("x", "m", 1);
  t.settle();
  EXPECT_EQ(t.broken(), "");
  EXPECT_EQ(t.verdict("SHARED-REDISPATCH").status, Status::pass);
}

// MQTT-4.8.2-5
TEST_F(Share, At_QoS_2_it_goes_to_nobody) {
  begin(2);
  t.settle();
  EXPECT_EQ(t.verdict("SHARED-REDISPATCH").status, Status::not_observable);
}

struct Count : PubSub {
  void leave() {
    pub.connect({.clean = true});
    pub.leaves();
    t.settle();
  }
};

TEST_F(Count, Bounded_more_than_the_limits_allow) {
  pub.connect();
  const oracle::Gauges within{.sessions = 2,
                              .retained = 3,
                              .queued = 20,
                              .in_flight = 8,
                              .most_retained = 3,
                              .most_queued = 10,
                              .most_in_flight = 4};
  t.gauges = within;
  EXPECT_EQ(t.broken(), "");
  EXPECT_EQ(t.verdict("BOUNDED").status, Status::pass);
  for (std::uint64_t oracle::Gauges::*of :
       {&oracle::Gauges::retained, &oracle::Gauges::queued, &oracle::Gauges::in_flight}) {
    t.gauges = within;
    ++((*t.gauges).*of);
    EXPECT_EQ(t.broken(), "BOUNDED");
  }
}

TEST_F(Count, Leak_something_is_left_of_a_session_that_has_ended) {
  leave();
  for (std::uint64_t oracle::Gauges::*of :
       {&oracle::Gauges::connections, &oracle::Gauges::sessions, &oracle::Gauges::subscriptions,
        &oracle::Gauges::queued, &oracle::Gauges::in_flight, &oracle::Gauges::session_bytes,
        &oracle::Gauges::pending_wills}) {
    t.gauges = oracle::Gauges{};
    (*t.gauges).*of = 1;
    EXPECT_EQ(t.broken(), "LEAK");
  }
}

TEST_F(Count, Sessions_that_go_on_and_retained_messages_are_no_leak) {
  leave();
  sub.connect();
  t.settle();
  t.gauges = oracle::Gauges{.connections = 1, .sessions = 1, .subscriptions = 2, .retained = 4};
  EXPECT_EQ(t.broken(), "");
  EXPECT_EQ(t.verdict("LEAK").status, Status::pass);
}

TEST_F(Count, Of_another_s_broker_nothing_is_known) {
  leave();
  EXPECT_EQ(t.verdict("LEAK").status, Status::not_observable);
  EXPECT_EQ(t.verdict("BOUNDED").status, Status::not_observable);
  EXPECT_NE(t.verdict("LEAK").why.find("own counts"), std::string::npos);
}

}  // namespace
}  // namespace mqttlab::oracle_test
