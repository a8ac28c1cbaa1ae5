// RET-SET, RET-MONO and RET-FLAG, in 3.1.1 and with the options of 5.0.
#include <gtest/gtest.h>

#include "tests/oracle/trace_builder.h"

namespace mqttlab::oracle_test {
namespace {

using oracle::Status;

struct Retained5 : testing::Test {
  TraceBuilder t;
  Client a = t.client("a"), sub = t.client("sub"), other = t.client("other");

  void begin() {
    a.connect();
    ConnectOptions v5;
    v5.version = ProtocolVersion::v5_0;
    v5.says.session_expiry_s = endless_expiry_s;
    sub.connect(v5);
    other.connect();
  }
  void retains(const std::string& payload, const std::string& topic = "r/1") {
    a.publishes(topic, payload, 1, 1, true);
  }
};

TEST_F(Retained5, RetSet_one_of_several_is_never_sent) {
  begin();
  for (const char* topic : {"r/1", "r/2", "r/3"}) retains("value", topic);
  sub.subscribe("r/+", 1);
  sub.receives("r/1", "value", 1, 1, true);
  sub.receives("r/3", "value", 1, 2, true);
  t.settle();
  EXPECT_EQ(t.broken(), "RET-SET");
}

TEST_F(Retained5, RetSet_one_that_the_broker_has_and_another_was_sent) {
  begin();
  retains("value");
  other.subscribe("r/1", 1);
  other.receives("r/1", "value", 1, 1, true);
  sub.subscribe("r/1", 1);
  t.settle();
  EXPECT_EQ(t.broken(), "RET-SET");
}

TEST_F(Retained5, RetSet_sent_twice_for_one_subscription) {
  begin();
  retains("value");
  sub.subscribe("r/1", 1);
  sub.receives("r/1", "value", 1, 1, true);
  sub.receives("r/1", "value", 1, 2, true);
  EXPECT_EQ(t.broken(), "RET-SET");
}

TEST_F(Retained5, RetSet_Retain_Handling_2_wants_none) {  // MQTT-3.3.1-11
  begin();
  retains("value");
  sub.subscribe("r/1", 1, -1, no_retained);
  sub.receives("r/1", "value", 1, 1, true);
  EXPECT_EQ(t.broken(), "RET-SET");
}

TEST_F(Retained5, RetSet_Retain_Handling_1_wants_them_for_a_new_subscription_only) {
  for (const bool anew : {false, true}) {  // MQTT-3.3.1-10
    TraceBuilder trace;
    Client publisher = trace.client("a"), client = trace.client("sub");
    publisher.connect();
    ConnectOptions v5;
    v5.version = ProtocolVersion::v5_0;
    client.connect(v5);
    publisher.publishes("r/1", "value", 1, 1, true);
    client.subscribe("r/1", 1, -1, retain_if_new);
    client.receives("r/1", "value", 1, 1, true);
    if (anew) client.unsubscribe("r/1");
    client.subscribe("r/1", 1, -1, retain_if_new);
    client.receives("r/1", "value", 1, 2, true);
    EXPECT_EQ(trace.broken(), anew ? "" : "RET-SET");
  }
}

TEST_F(Retained5, RetSet_a_shared_subscription_gets_none) {
  begin();
  retains("value", "r/1");
  sub.subscribe("$share/g/r/1", 1);
  sub.receives("r/1", "value", 1, 1, true);
  EXPECT_EQ(t.broken(), "RET-SET");
}

TEST_F(Retained5, Each_SUBSCRIBE_may_bring_the_set_anew) {
  begin();
  retains("value");
  for (std::uint16_t id = 1; id <= 3; ++id) {
    sub.subscribe("r/1", 1);
    sub.receives("r/1", "value", 1, id, true);
  }
  t.settle();
  EXPECT_EQ(t.broken(), "");
  EXPECT_EQ(t.verdict("RET-SET").checked, 3U);
}

// A live copy that keeps RETAIN, and one for each of two new subscriptions: which is which?
TEST_F(Retained5, Live_and_retained_copies_of_different_QoS) {
  for (const int last : {0, 2}) {
    TraceBuilder trace;
    Client publisher = trace.client("a"), client = trace.client("sub");
    publisher.connect();
    ConnectOptions v5;
    v5.version = ProtocolVersion::v5_0;
    v5.says.session_expiry_s = endless_expiry_s;
    client.connect(v5);
    client.subscribe("r/+", 1, -1, retain_as_published);
    client.subscribe("+/1", 1);
    client.cut();
    publisher.publishes("r/1", "value", 2, 1, true);
    client.connect(v5);
    client.subscribe("r/#", 1);
    client.subscribe("r/1", 2);
    client.receives("r/1", "value", 1, 1, true);
    client.receives("r/1", "value", 1, 2, true);
    client.receives("r/1", "value", last, 3, true);
    trace.settle();
    EXPECT_EQ(trace.broken(), last == 2 ? "" : "NO-FABRICATION") << last;
  }
}

TEST_F(Retained5, RetMono_an_older_value_after_a_newer_one) {
  begin();
  retains("old");
  sub.subscribe("r/1", 1);
  retains("new");
  sub.receives("r/1", "new", 1, 1);
  sub.receives("r/1", "old", 1, 2, true);
  t.settle();
  EXPECT_EQ(t.broken(), "RET-MONO");
}

TEST_F(Retained5, A_repeat_of_an_older_value_is_no_step_back) {
  begin();
  sub.subscribe("r/1", 1);
  retains("old");
  retains("new");
  sub.is_sent(publish("r/1", "old", 1, 1));
  sub.is_sent(publish("r/1", "new", 1, 2));
  sub.cut();
  ConnectOptions v5;
  v5.version = ProtocolVersion::v5_0;
  v5.says.session_expiry_s = endless_expiry_s;
  sub.connect(v5);
  for (const auto& [payload, id] :
       {std::pair("old", std::uint16_t{1}), std::pair("new", std::uint16_t{2})}) {
    sub.gets(publish("r/1", payload, 1, id).again());
    sub.is_handed("r/1", payload, 1);
    sub.sends(puback(id));
  }
  t.settle();
  EXPECT_EQ(t.broken(), "");
  EXPECT_EQ(t.verdict("RET-MONO").status, Status::pass);
}

TEST_F(Retained5, Values_of_two_publishers_have_no_order) {
  begin();
  sub.subscribe("r/1", 1);
  retains("1");
  other.publishes("r/1", "2", 1, 1, true);
  sub.receives("r/1", "2", 1, 1);
  sub.receives("r/1", "1", 1, 2);
  t.settle();
  EXPECT_EQ(t.broken(), "");
}

TEST_F(Retained5, RetFlag_a_message_of_an_established_subscription_with_RETAIN_1) {
  begin();
  sub.subscribe("r/1", 1);
  retains("value");
  sub.receives("r/1", "value", 1, 1, true);
  EXPECT_EQ(t.broken(), "RET-FLAG");
}

TEST_F(Retained5, RetFlag_of_equal_messages_each) {
  begin();
  sub.subscribe("r/1", 1);
  for (const bool wrong : {true, true, false}) {
    retains("value");
    sub.receives("r/1", "value", 1, 1, wrong);
  }
  t.settle();
  EXPECT_EQ(t.broken(), "RET-FLAG");
  EXPECT_EQ(t.violations().size(), 2U);
}

TEST_F(Retained5, RetFlag_a_message_sent_for_subscribing_with_RETAIN_0) {
  begin();
  retains("value");
  sub.subscribe("r/1", 1);
  sub.receives("r/1", "value", 1, 1);
  EXPECT_EQ(t.broken(), "RET-FLAG");
}

// What the broker may not have handled yet has another QoS; and before SUBACK the value comes
// again. Its copy with RETAIN 1 is the one due to subscribing: the other, with RETAIN 0, is the
// live one. It may have come at another QoS before.
TEST_F(Retained5, Values_of_which_either_may_be_in_force_have_each_their_QoS) {
  for (const auto [flagged, repeated] : {std::pair{true, false}, {false, false}, {true, true}}) {
    TraceBuilder trace;
    Client publisher = trace.client("a"), late = trace.client("late"), client = trace.client("sub");
    publisher.connect();
    late.connect();
    client.connect();
    if (repeated) publisher.sends(publish("r/1", "value", 0).retained());
    publisher.publishes("r/1", "value", 1, 1, true);
    late.sends(publish("x", "not handled", 1, 1));
    late.sends(publish("r/1", "newer", 0).retained());
    const trace::FilterDetail filter{trace.log().intern("r/1"), 1};
    client.sends({.type = PacketType::subscribe, .id = 9, .filters = {filter}});
    publisher.publishes("r/1", "value", 1, 2, true);
    client.gets({.type = PacketType::suback, .id = 9, .filters = {{0, 1}}});
    client.receives("r/1", "value", 1, 1, flagged);
    client.receives("r/1", "value", 1, 2);
    EXPECT_EQ(trace.broken(), flagged ? "" : "RET-FLAG") << repeated;
  }
}

TEST_F(Retained5, RetFlag_Retain_As_Published_keeps_it) {  // MQTT-3.3.1-13
  begin();
  sub.subscribe("r/1", 1, -1, retain_as_published);
  retains("value");
  sub.receives("r/1", "value", 1, 1);
  EXPECT_EQ(t.broken(), "RET-FLAG");
}

TEST_F(Retained5, RetFlag_Retain_As_Published_invents_none) {
  begin();
  sub.subscribe("r/1", 1, -1, retain_as_published);
  a.publishes("r/1", "value", 1);
  sub.receives("r/1", "value", 1, 1, true);
  EXPECT_EQ(t.broken(), "RET-FLAG");
}

TEST_F(Retained5, RETAIN_as_published_or_by_subscribing_or_0) {
  begin();
  retains("0");
  sub.subscribe("r/1", 1, -1, retain_as_published);
  sub.receives("r/1", "0", 1, 1, true);
  other.subscribe("r/1", 1);
  other.receives("r/1", "0", 1, 1, true);
  retains("1");
  sub.receives("r/1", "1", 1, 2, true);
  other.receives("r/1", "1", 1, 2);
  a.publishes("r/1", "2", 1);
  sub.receives("r/1", "2", 1, 3);
  other.receives("r/1", "2", 1, 3);
  t.settle();
  EXPECT_EQ(t.broken(), "");
  EXPECT_EQ(t.verdict("RET-FLAG").checked, 6U);
}

TEST_F(Retained5, No_Local_keeps_a_clients_own_retained_messages_from_it) {  // MQTT-3.8.3-3
  begin();
  sub.publishes("r/1", "own", 1, 1, true);
  sub.subscribe("r/1", 1, -1, no_local);
  t.settle();
  EXPECT_EQ(t.broken(), "");
}

TEST_F(Retained5, A_copy_due_to_subscribing_and_one_with_RETAIN_as_published_look_alike) {
  for (const bool both : {false, true}) {
    TraceBuilder trace;
    Client publisher = trace.client("a"), client = trace.client("sub");
    publisher.connect();
    ConnectOptions v5;
    v5.version = ProtocolVersion::v5_0;
    client.connect(v5);
    client.subscribe("r/+", 1, -1, retain_as_published);
    publisher.publishes("r/1", "value", 1, 1, true);
    if (both) client.subscribe("#", 1, -1, retain_as_published);
    client.receives("r/1", "value", 1, 1, true);
    if (both) client.receives("r/1", "value", 1, 2, true);
    trace.settle();
    EXPECT_EQ(trace.broken(), "") << both;
  }
}

TEST_F(Retained5, Retained_as_published_a_lost_message_is_lost) {
  begin();
  sub.subscribe("r/1", 1, -1, retain_as_published);
  retains("1");
  t.settle();
  EXPECT_EQ(t.broken(), "Q1-NOLOSS");
}

}  // namespace
}  // namespace mqttlab::oracle_test
