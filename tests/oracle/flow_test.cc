// RM-LIMIT, QUOTA-CONSERVE, QUOTA-NONBLOCK and ALIAS-SCOPE, and what a quota excuses.
#include <gtest/gtest.h>

#include "tests/oracle/trace_builder.h"

namespace mqttlab::oracle_test {
namespace {

using oracle::Status;

struct Flow : testing::Test {
  TraceBuilder t;
  Client pub = t.client("pub"), sub = t.client("sub");

  static ConnectOptions v5(std::uint16_t client_takes = 65'535,
                           std::uint16_t broker_takes = 65'535) {
    ConnectOptions options;
    options.version = ProtocolVersion::v5_0;
    options.says.session_expiry_s = endless_expiry_s;
    options.says.receive_maximum = client_takes;
    options.says.topic_alias_maximum = 5;
    options.answered.receive_maximum = broker_takes;
    options.answered.topic_alias_maximum = 5;
    return options;
  }
  void begin(std::uint16_t broker_takes) {
    pub.connect(v5(65'535, broker_takes));
    sub.connect(v5());
    sub.subscribe("a/#", 2);
  }
  void call(const std::string& payload, int qos, std::uint16_t id) {
    pub.calls("a/b", payload, qos, id);
    pub.sends(publish("a/b", payload, qos, id));
  }
  void pings(Client& client) {
    client.sends(pingreq());
    client.gets(pingresp());
  }
};

TEST_F(Flow, RmLimit_a_client_sends_one_too_many) {
  begin(2);
  for (std::uint16_t id = 1; id <= 3; ++id) call(std::to_string(id), 1, id);
  EXPECT_EQ(t.broken(), "RM-LIMIT");
}

TEST_F(Flow, RmLimit_a_broker_sends_one_too_many) {
  pub.connect(v5());
  sub.connect(v5(1));
  sub.subscribe("a/#", 2);
  for (const char* payload : {"1", "2"}) pub.publishes("a/b", payload, 2);
  sub.is_sent(publish("a/b", "1", 2, 1));
  sub.is_sent(publish("a/b", "2", 2, 2));
  EXPECT_EQ(t.broken(), "RM-LIMIT");
}

TEST_F(Flow, RmLimit_PUBREC_does_not_give_quota_back) {
  begin(1);
  call("1", 2, 1);
  pub.gets(pubrec(1));
  pub.sends(pubrel(1));
  call("2", 2, 2);
  EXPECT_EQ(t.broken(), "RM-LIMIT");
}

TEST_F(Flow, RmLimit_counts_the_resume_burst) {
  begin(2);
  call("1", 1, 1);
  call("2", 1, 2);
  pub.cut();
  pub.connect(v5(65'535, 1));
  pub.sends(publish("a/b", "1", 1, 1).again());
  pub.sends(publish("a/b", "2", 1, 2).again());
  EXPECT_EQ(t.broken(), "RM-LIMIT");
}

TEST_F(Flow, PUBACK_PUBCOMP_and_a_failing_PUBREC_give_quota_back) {
  begin(1);
  call("1", 1, 1);
  pub.gets(puback(1));
  call("2", 2, 2);
  pub.gets(pubrec(2));
  pub.sends(pubrel(2));
  pub.gets(pubcomp(2));
  call("3", 2, 3);
  pub.gets(pubrec(3).reason(0x97));
  call("4", 1, 3);  // and the id
  EXPECT_EQ(t.broken(), "");
  EXPECT_EQ(t.verdict("RM-LIMIT").status, Status::pass);
}

TEST_F(Flow, PUBREL_of_a_resumed_exchange_takes_no_quota) {
  begin(1);
  call("1", 2, 1);
  pub.gets(pubrec(1));
  pub.writes(pubrel(1));
  pub.cut();
  pub.connect(v5(65'535, 1));
  pub.sends(pubrel(1));
  call("2", 2, 2);
  EXPECT_EQ(t.broken(), "");
}

TEST_F(Flow, Receive_Maximum_is_not_known_before_CONNACK) {
  pub.opens();
  pub.sends_connect(v5());
  for (std::uint16_t id = 1; id <= 3; ++id) pub.writes(publish("a/b", std::to_string(id), 1, id));
  EXPECT_EQ(t.broken(), "");
}

TEST_F(Flow, A_version_without_Receive_Maximum_has_no_limit) {
  pub.connect();
  for (std::uint16_t id = 1; id <= 100; ++id) call(std::to_string(id), 1, id);
  EXPECT_EQ(t.broken(), "");
  EXPECT_EQ(t.verdict("RM-LIMIT").status, Status::not_observable);
}

TEST_F(Flow, A_resume_that_waits_for_quota_is_no_breach_but_one_that_has_quota_is) {
  for (const std::uint16_t takes : {1, 2}) {
    TraceBuilder trace;
    Client client = trace.client("client");
    client.connect(v5());
    for (std::uint16_t id = 1; id <= 2; ++id) {
      client.calls("a/b", std::to_string(id), 1, id);
      client.sends(publish("a/b", std::to_string(id), 1, id));
    }
    client.cut();
    client.connect(v5(65'535, takes));
    client.sends(publish("a/b", "1", 1, 1).again());
    trace.wait(15);
    pings(client);
    client.cut();
    EXPECT_EQ(trace.broken(), takes == 1 ? "" : "Q1-RESUME");
  }
}

TEST_F(Flow, A_stalled_resume_still_owes_its_PUBRELs) {
  begin(2);
  call("1", 2, 1);
  call("2", 1, 2);
  pub.gets(pubrec(1));
  pub.writes(pubrel(1));
  pub.cut();
  pub.connect(v5(65'535, 1));
  pub.sends(publish("a/b", "2", 1, 2).again());
  t.wait(15);
  pings(pub);
  pub.cut();
  EXPECT_EQ(t.broken(), "Q2-RESUME");
}

TEST_F(Flow, A_message_too_large_for_the_new_connection_is_not_missed) {
  begin(2);
  pub.calls("a/b", "m", 1, 1);
  pub.sends(publish("a/b", "m", 1, 1).size(300));
  pub.cut();
  ConnectOptions small = v5();
  small.answered.max_packet_size = 200;
  pub.connect(small);
  t.wait(15);
  pings(pub);
  pub.cut();
  EXPECT_EQ(t.broken(), "");
}

TEST_F(Flow, QuotaConserve_a_client_that_does_not_count_PUBACK) {
  begin(1);
  call("1", 1, 1);
  pub.gets(puback(1));
  pub.completes(1);
  pub.calls("a/b", "2", 1, 2);
  t.wait(35);
  pings(pub);
  t.wait(5);
  pings(pub);
  EXPECT_EQ(t.broken(), "QUOTA-CONSERVE");
}

TEST_F(Flow, A_client_with_half_of_a_message_on_a_stuck_link_has_not_lost_count) {
  for (const bool goes_on : {false, true}) {
    TraceBuilder trace;
    Client client = trace.client("client");
    client.connect(v5(65'535, 1));
    client.calls("a/b", "1", 1, 1);
    client.sends(publish("a/b", "1", 1, 1));
    client.gets(puback(1));
    client.completes(1);
    client.calls("a/b", "2", 1, 2);
    trace.wait(35);
    if (goes_on) {
      client.sends(publish("a/b", "2", 1, 2));
    } else {
      trace.tail(client.connection(), trace::End::client, false);
    }
    client.cut();
    EXPECT_EQ(trace.broken(), "");
  }
}

TEST_F(Flow, A_client_whose_link_or_peer_holds_it_up_has_not_lost_count) {
  begin(1);
  call("1", 1, 1);
  pub.gets(puback(1));
  pub.completes(1);
  pub.writes(pingreq());  // never arrives: the link has failed
  pub.calls("a/b", "2", 1, 2);
  t.wait(35);
  pub.writes(pingreq());
  EXPECT_EQ(t.broken(), "");
}

TEST_F(Flow, A_client_that_has_used_up_its_quota_has_not_lost_count) {
  pub.connect(v5(65'535, 1));
  call("1", 1, 1);
  pub.calls("a/b", "2", 1, 2);
  t.wait(35);
  pings(pub);
  pub.gets(puback(1));
  pub.completes(1);
  pub.sends(publish("a/b", "2", 1, 2));
  pub.gets(puback(2));
  pub.completes(2);
  t.wait(35);
  pings(pub);
  t.wait(5);
  pings(pub);
  EXPECT_EQ(t.broken(), "");
  EXPECT_EQ(t.verdict("QUOTA-CONSERVE").status, Status::pass);
}

TEST_F(Flow, QuotaNonblock_a_client_whose_PUBREL_waits_for_quota) {
  begin(1);
  call("1", 2, 1);
  pub.gets(pubrec(1));
  t.wait(35);
  pings(pub);
  pub.cut();
  EXPECT_EQ(t.broken(), "QUOTA-NONBLOCK");
}

TEST_F(Flow, QuotaNonblock_a_broker_whose_SUBACK_waits_for_quota) {
  pub.connect(v5());
  sub.connect(v5(1));
  sub.subscribe("a/#", 1);
  pub.publishes("a/b", "m", 1);
  sub.gets(publish("a/b", "m", 1, 1));
  sub.sends({.type = PacketType::subscribe, .id = 9, .filters = {{t.log().intern("x"), 0}}});
  t.wait(35);
  sub.is_handed("a/b", "m", 1);
  sub.sends(puback(1));
  sub.gets({.type = PacketType::suback, .id = 9, .filters = {{0, 0}}});
  EXPECT_EQ(t.broken(), "QUOTA-NONBLOCK");
}

TEST_F(Flow, Everything_but_PUBLISH_goes_on_at_zero_quota) {
  pub.connect(v5());
  sub.connect(v5(1, 1));
  sub.subscribe("a/#", 2);
  sub.calls("b", "mine", 2, 1);
  sub.sends(publish("b", "mine", 2, 1));
  pub.publishes("a/b", "m", 2);
  sub.gets(publish("a/b", "m", 2, 1));
  sub.is_handed("a/b", "m", 2);
  sub.sends(pubrec(1));
  sub.gets(pubrel(1));
  sub.gets(pubrec(1));
  sub.sends(pubrel(1));
  t.wait(100);
  sub.subscribe("x", 0);
  pings(sub);
  sub.sends(pubcomp(1));
  sub.gets(pubcomp(1));
  EXPECT_EQ(t.broken(), "QUOTA-NONBLOCK") << "both PUBCOMPs, and nothing else";
  EXPECT_EQ(t.violations().size(), 2U);
}

TEST_F(Flow, An_application_that_takes_its_time_blocks_nothing) {
  pub.connect(v5());
  sub.connect(v5(1, 1));
  sub.subscribe("a/#", 1);
  sub.calls("b", "mine", 1, 1);
  sub.sends(publish("b", "mine", 1, 1));
  pub.publishes("a/b", "m", 1);
  sub.gets(publish("a/b", "m", 1, 1));
  sub.gets(puback(1));
  t.wait(100);
  sub.is_handed("a/b", "m", 1);
  sub.sends(puback(1));
  EXPECT_EQ(t.broken(), "");
  EXPECT_EQ(t.verdict("QUOTA-NONBLOCK").status, Status::pass);
}

TEST_F(Flow, AliasScope_an_alias_that_was_set_on_the_connection_before) {
  begin(5);
  pub.calls("a/b", "m", 1, 1);
  pub.sends(publish("a/b", "m", 1, 1).alias(1, true));
  pub.cut();
  pub.connect(v5());
  pub.sends(publish("", "m", 1, 1).again().alias(1, false));
  EXPECT_EQ(t.broken(), "ALIAS-SCOPE");
}

TEST_F(Flow, AliasScope_a_broker_that_uses_what_the_client_has_set) {
  begin(5);
  pub.publishes("a/b", "m", 1);
  sub.is_sent(publish("", "m", 1, 1).alias(1, false));
  EXPECT_EQ(t.broken(), "ALIAS-SCOPE");
}

TEST_F(Flow, AliasScope_above_the_maximum_of_either_end) {
  begin(5);
  pub.writes(publish("a/b", "m", 0).alias(6, true));
  EXPECT_EQ(t.broken(), "ALIAS-SCOPE");
  TraceBuilder other;
  Client client = other.client("client");
  client.connect(v5());
  client.subscribe("a/#", 1);
  client.publishes("a/b", "m", 1);
  client.is_sent(publish("a/b", "m", 1, 1).alias(6, true));
  EXPECT_EQ(other.broken(), "ALIAS-SCOPE");
}

TEST_F(Flow, AliasScope_alias_0_which_the_decoder_refuses) {
  begin(5);
  t.malformed(pub.connection(), trace::End::client, false, "MQTT-3.3.2-8");
  EXPECT_EQ(t.broken(), "ALIAS-SCOPE");
}

TEST_F(Flow, An_alias_is_set_used_and_set_again) {
  begin(5);
  pub.sends(publish("a/b", "1", 0).alias(5, true));
  pub.sends(publish("a/b", "2", 0).alias(5, false));
  pub.sends(publish("a/c", "3", 0).alias(5, true));
  EXPECT_EQ(t.broken(), "");
  EXPECT_EQ(t.verdict("ALIAS-SCOPE").status, Status::pass);
}

}  // namespace
}  // namespace mqttlab::oracle_test
