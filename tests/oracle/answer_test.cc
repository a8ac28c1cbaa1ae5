// ACK-CAUSAL, ORD-ACK and Q2-TOTAL: the answers that either end owes, on one connection.
#include <gtest/gtest.h>

#include "tests/oracle/pub_sub.h"

namespace mqttlab::oracle_test {
namespace {

using oracle::Status;

struct Answer : PubSub {
  void pings(Client& client) {
    client.sends(pingreq());
    client.gets(pingresp());
  }
  void is_sent(int qos, std::uint16_t messages) {
    for (std::uint16_t id = 1; id <= messages; ++id) {
      pub.publishes("a/b", std::to_string(id), qos);
      sub.gets(publish("a/b", std::to_string(id), qos, id));
      sub.is_handed("a/b", std::to_string(id), qos);
    }
  }
};

TEST_F(Answer, AckCausal_PUBACK_of_an_older_connection) {
  begin(1);
  is_sent(1, 1);
  sub.cut();
  sub.connect();
  sub.sends(puback(1));
  EXPECT_EQ(t.broken(), "ACK-CAUSAL");
}

TEST_F(Answer, AckCausal_every_kind_of_answer_without_its_question) {
  const Packet suback{.type = PacketType::suback, .id = 3, .filters = {{0, 0}}};
  const Packet unsuback{.type = PacketType::unsuback, .id = 3};
  for (const Packet& packet : {puback(3), pubrec(3), pubrel(3), pubcomp(3), suback, unsuback}) {
    TraceBuilder trace;
    Client client = trace.client("client");
    client.connect();
    client.is_sent(packet);
    EXPECT_EQ(trace.broken(), "ACK-CAUSAL") << name(packet.type);
  }
}

TEST_F(Answer, AckCausal_two_acknowledgements_of_one_PUBLISH) {
  begin(1);
  pub.publishes("a/b", "m", 1);
  pub.gets(puback(1));
  EXPECT_EQ(t.broken(), "ACK-CAUSAL");
}

TEST_F(Answer, A_broker_may_say_again_on_the_next_connection_that_it_waits_for_PUBREL) {
  pub.connect();
  for (const std::uint16_t id : {1, 2}) {
    pub.calls("a/b", std::to_string(id), 2, id);
    pub.sends(publish("a/b", std::to_string(id), 2, id));
    pub.gets(pubrec(id));
  }
  pub.sends(pubrel(1));
  pub.is_sent(pubcomp(1));
  pub.cut();
  pub.connect();
  pub.gets(pubrec(2));
  EXPECT_EQ(t.broken(), "");
  pub.is_sent(pubrec(1));  // whose PUBREL has come
  EXPECT_EQ(t.broken(), "ACK-CAUSAL");
}

TEST_F(Answer, A_resumed_exchange_goes_on_with_PUBREL_and_PUBCOMP_answers_any_id) {
  begin(2);
  pub.calls("a/b", "m", 2);
  pub.sends(publish("a/b", "m", 2, 1));
  pub.gets(pubrec(1));
  pub.sends(pubrel(1));
  pub.is_sent(pubcomp(1));
  pub.cut();
  pub.connect();
  pub.sends(pubrel(1));
  pub.gets(pubcomp(1));
  EXPECT_EQ(t.broken(), "");
  EXPECT_EQ(t.verdict("ACK-CAUSAL").status, Status::pass);
}

TEST_F(Answer, AckCausal_a_resumed_exchange_goes_on_with_PUBREC_once_a_connection) {
  begin(2);
  pub.calls("a/b", "m", 2);
  pub.sends(publish("a/b", "m", 2, 1));
  for (int i = 0; i < 2; ++i) {
    pub.cut();
    pub.connect();
    pub.is_sent(pubrec(1));
  }
  EXPECT_EQ(t.broken(), "");
  pub.is_sent(pubrec(1));
  EXPECT_EQ(t.broken(), "ACK-CAUSAL");
}

TEST_F(Answer, OrdAck_PUBACK_of_the_younger_first) {
  begin(1);
  is_sent(1, 2);
  sub.sends(puback(2));
  sub.sends(puback(1));
  EXPECT_EQ(t.broken(), "ORD-ACK");
}

TEST_F(Answer, OrdAck_PUBREC_of_the_younger_first) {
  begin(2);
  is_sent(2, 3);
  for (const std::uint16_t id : {1, 3, 2}) sub.sends(pubrec(id));
  EXPECT_EQ(t.broken(), "ORD-ACK");
}

TEST_F(Answer, OrdAck_PUBREL_against_the_order_of_PUBREC_at_either_end) {
  begin(2);
  is_sent(2, 2);
  for (const std::uint16_t id : {1, 2}) sub.sends(pubrec(id));
  for (const std::uint16_t id : {2, 1}) sub.gets(pubrel(id));
  EXPECT_EQ(t.broken(), "ORD-ACK");
  TraceBuilder other;
  Client client = other.client("client");
  client.connect();
  for (const std::uint16_t id : {1, 2}) client.sends(publish("a", std::to_string(id), 2, id));
  for (const std::uint16_t id : {1, 2}) client.gets(pubrec(id));
  for (const std::uint16_t id : {2, 1}) client.sends(pubrel(id));
  EXPECT_EQ(other.broken(), "ORD-ACK");
}

TEST_F(Answer, PUBACK_and_PUBREC_have_no_order_among_them_nor_has_PUBCOMP) {
  begin(2);
  pub.publishes("a/b", "1", 1);
  pub.publishes("a/b", "2", 2);
  sub.gets(publish("a/b", "1", 1, 1));
  sub.gets(publish("a/b", "2", 2, 2));
  sub.is_handed("a/b", "1", 1);
  sub.is_handed("a/b", "2", 2);
  sub.sends(pubrec(2));
  sub.sends(puback(1));
  sub.gets(pubrel(2));
  for (const std::uint16_t id : {3, 4}) {
    pub.calls("x", std::to_string(id), 2, id);
    pub.sends(publish("x", std::to_string(id), 2, id));
  }
  for (const std::uint16_t id : {4, 3}) pub.gets(pubrec(id));  // a broker may
  for (const std::uint16_t id : {4, 3}) pub.sends(pubrel(id));
  for (const std::uint16_t id : {3, 4}) pub.gets(pubcomp(id));
  EXPECT_EQ(t.broken(), "");
  EXPECT_EQ(t.verdict("ORD-ACK").status, Status::pass);
}

TEST_F(Answer, Q2Total_a_broker_that_ignores_PUBREL_of_an_id_it_does_not_know) {
  begin(2);
  pub.calls("a/b", "m", 2);
  pub.sends(publish("a/b", "m", 2, 1));
  pub.gets(pubrec(1));
  pub.sends(pubrel(1));
  sub.receives("a/b", "m", 2);
  t.wait(35);
  pings(pub);
  EXPECT_EQ(t.broken(), "Q2-TOTAL");
}

TEST_F(Answer, Q2Total_a_client_that_ignores_PUBREL_and_pings_on) {
  begin(2);
  is_sent(2, 1);
  sub.sends(pubrec(1));
  sub.gets(pubrel(1));
  t.wait(35);
  pings(sub);
  sub.cut();
  EXPECT_EQ(t.broken(), "Q2-TOTAL");
}

TEST_F(Answer, Q2Total_a_repeated_PUBLISH_without_PUBREC) {
  begin(2);
  pub.calls("a/b", "m", 2);
  pub.sends(publish("a/b", "m", 2, 1));
  pub.is_sent(pubrec(1));
  pub.cut();
  pub.connect();
  pub.sends(publish("a/b", "m", 2, 1).again());
  t.wait(35);
  pings(pub);
  pub.cut();
  EXPECT_EQ(t.broken(), "Q2-TOTAL");
}

TEST_F(Answer, Q2Total_a_client_that_parts_for_a_PUBREL_it_does_not_know) {
  begin(2);
  is_sent(2, 1);
  sub.sends(pubrec(1));
  sub.cut();
  sub.connect();
  sub.gets(pubrel(1));
  sub.closes(CloseCause::local);
  EXPECT_EQ(t.broken(), "Q2-TOTAL");
}

TEST_F(Answer, Q2Total_a_broker_of_5_0_that_says_so_and_parts) {
  pub.connect({.version = ProtocolVersion::v5_0});
  pub.calls("a/b", "m", 2);
  pub.sends(publish("a/b", "m", 2, 7));
  pub.gets(pubrec(7));
  pub.sends(pubrel(7));
  pub.is_sent(disconnect().reason(0x92));
  pub.is_closed();
  EXPECT_NE(t.broken().find("Q2-TOTAL"), std::string::npos) << t.broken();
  t.settings.from_the_path = true;  // the broker may never have read it
  EXPECT_EQ(t.broken().find("Q2-TOTAL"), std::string::npos) << t.broken();
}

TEST_F(Answer, A_connection_that_ends_for_other_reasons_before_PUBCOMP_is_no_breach) {
  begin(2);
  is_sent(2, 1);
  sub.sends(pubrec(1));
  sub.gets(pubrel(1));
  sub.cut();
  sub.connect();
  sub.gets(pubrel(1));
  sub.writes(disconnect());
  sub.closes();
  sub.is_closed(CloseCause::fin);
  EXPECT_EQ(t.broken(), "");
}

TEST_F(Answer, PUBREC_waits_for_an_application_that_takes_its_time) {
  begin(2);
  pub.publishes("a/b", "m", 2);
  sub.gets(publish("a/b", "m", 2, 1));
  t.wait(100);
  pings(sub);
  sub.gets(pubrel(5));  // of an exchange that this end no longer knows
  sub.sends(pubcomp(5));
  sub.is_handed("a/b", "m", 2);
  sub.sends(pubrec(1));
  EXPECT_EQ(t.broken(), "ACK-CAUSAL") << "the broker's PUBREL 5, and nothing else";
  EXPECT_EQ(t.verdict("Q2-TOTAL").status, Status::pass);
}

}  // namespace
}  // namespace mqttlab::oracle_test
