// Whose fault a finding is: of rules that bind both ends, and where either may have failed.
#include <gtest/gtest.h>

#include "tests/oracle/pub_sub.h"

namespace mqttlab::oracle_test {
namespace {

using trace::End;

class Offender : public PubSub {
 protected:
  void is(const std::string& invariant, std::optional<End> offender) {
    ASSERT_EQ(t.broken(), invariant);
    for (const oracle::Violation& found : t.violations())
      EXPECT_EQ(found.offender, offender) << found.what;
  }
};

TEST_F(Offender, TheSenderOfAWrongPacket) {
  pub.connect();
  pub.writes(publish("a", "1", 0).again());
  is("DUP-RULE", End::client);
}

TEST_F(Offender, TheBrokerWhereItIsTheSender) {
  begin(0);
  pub.sends(publish("a/b", "1", 0));
  sub.gets(publish("a/b", "1", 0).again());
  sub.is_handed("a/b", "1", 0);
  is("DUP-RULE", End::broker);
}

TEST_F(Offender, WhoWroteBytesThatAreNoPacket) {
  pub.connect();
  t.malformed(pub.connection(), End::broker, false, "MQTT-3.8.1-1");
  is("STREAM-OK", End::broker);
}

TEST_F(Offender, OfAPacketThatNobodyWroteNeither) {
  pub.connect();
  pub.hears(pingresp());
  is("STREAM-OK", std::nullopt);
}

TEST_F(Offender, TheBrokerThatSendsAMessageTwice) {
  begin(2);
  pub.publishes("a/b", "1", 2);
  sub.receives("a/b", "1", 2, 1);
  sub.receives("a/b", "1", 2, 2);
  is("Q2-ONCE", End::broker);
}

TEST_F(Offender, TheClientThatHandsAMessageOverTwice) {
  begin(2);
  pub.publishes("a/b", "1", 2);
  sub.receives("a/b", "1", 2);
  sub.is_handed("a/b", "1", 2);
  is("Q2-ONCE", End::client);
}

TEST_F(Offender, TheBrokerThatNeverSendsWhatItHasTaken) {
  begin(1);
  pub.publishes("a/b", "1", 1);
  t.settle();
  is("Q1-NOLOSS", End::broker);
}

TEST_F(Offender, TheClientThatNeverHandsOverWhatItHasAcknowledged) {
  begin(1);
  pub.publishes("a/b", "1", 1);
  sub.gets(publish("a/b", "1", 1, 1));
  sub.sends(puback(1));
  t.settle();
  is("Q1-NOLOSS", End::client);
}

// It hands over all that it acknowledges, one of it a retained copy that nobody asked for.
TEST_F(Offender, TheBrokerIfAllThatWasAcknowledgedWasHandedOver) {
  begin(1);
  pub.publishes("a/b", "1", 1, 1, true);
  sub.receives("a/b", "1", 1, 1);
  sub.receives("a/b", "1", 1, 2, true);
  pub.publishes("a/b", "1", 1, 2, true);
  t.settle();
  is("RET-SET Q1-NOLOSS", End::broker);
}

TEST_F(Offender, TheBrokerAlsoIfItHasSentEqualMessagesOnce) {
  begin(1);
  pub.publishes("a/b", "1", 1);
  pub.publishes("a/b", "1", 1);
  sub.receives("a/b", "1", 1);
  t.settle();
  is("Q1-NOLOSS", End::broker);
}

TEST_F(Offender, TheBrokerThatSendsInAnotherOrder) {
  begin(1);
  pub.publishes("a/b", "1", 1);
  pub.publishes("a/b", "2", 1);
  sub.receives("a/b", "2", 1, 1);
  sub.receives("a/b", "1", 1, 2);
  is("ORD-TOPIC", End::broker);
}

TEST_F(Offender, TheClientThatHandsOverInAnotherOrder) {
  begin(1);
  pub.publishes("a/b", "1", 1);
  pub.publishes("a/b", "2", 1);
  sub.gets(publish("a/b", "1", 1, 1));
  sub.gets(publish("a/b", "2", 1, 2));
  sub.is_handed("a/b", "2", 1);
  sub.is_handed("a/b", "1", 1);
  sub.sends(puback(1));
  sub.sends(puback(2));
  is("ORD-TOPIC", End::client);
}

// Of one exchange that stays open, who has to write the next packet of it.
TEST_F(Offender, WhoOwesTheNextPacketOfAnExchange) {
  pub.connect();
  pub.writes(publish("a", "1", 1, 1));
  t.settle();
  is("CONVERGE", End::broker);
}

TEST_F(Offender, AlsoTheSenderAfterPubrec) {
  pub.connect();
  pub.sends(publish("a", "1", 2, 1));
  pub.gets(pubrec(1));
  t.settle();
  is("CONVERGE", End::client);
}

TEST_F(Offender, AlsoTheSenderOnALaterConnection) {
  pub.connect();
  pub.writes(publish("a", "1", 1, 1));
  pub.cut();
  pub.connect();
  t.settle();
  is("CONVERGE", End::client);
}

}  // namespace
}  // namespace mqttlab::oracle_test
