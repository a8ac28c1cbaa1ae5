#include "protocol/session/flow.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/support/script.h"

namespace mqttlab {
namespace {

using Tokens = std::vector<std::uint64_t>;
using Lines = std::vector<std::string>;

OutMessage message(std::uint64_t token, QoS qos) {
  const Slice topic = Slice::copy_of("t");
  const Slice payload = Slice::copy_of(std::to_string(token));
  return {topic, payload, EncodedPublish(topic, payload, qos, ProtocolVersion::v3_1_1),
          qos,   false,   token};
}

/// The packets in an outbox, in short: "PUBLISH 1", "PUBLISH 1 dup", "PUBREL 1".
Lines take(Outbox& out) {
  Framer framer(1 << 20);
  std::array<Bytes, 8> pieces;
  while (const std::size_t n = out.pending(pieces)) {
    std::size_t bytes = 0;
    for (std::size_t i = 0; i < n; ++i) {
      framer.append(pieces[i]);
      bytes += pieces[i].size();
    }
    out.sent(bytes);
  }
  Lines lines;
  while (auto frame = *framer.next()) {
    const Packet packet = *decode(*frame, Sender::client, ProtocolVersion::v3_1_1);
    if (const auto* publish = std::get_if<Publish>(&packet)) {
      lines.push_back("PUBLISH " + std::to_string(publish->packet_id) +
                      (publish->dup ? " dup" : ""));
    } else {
      lines.push_back("PUBREL " + std::to_string(std::get<Pubrel>(packet).packet_id));
    }
  }
  return lines;
}

class OutboundFlowTest : public ::testing::Test {
 protected:
  PacketIds ids;
  Outbox out;
  OutboundFlow flow{3, ids};
};

TEST_F(OutboundFlowTest, Qos1EndsWithPuback_MQTT_4_3_2_1) {
  const std::uint16_t id = flow.send(message(7, QoS::at_least_once), out);
  EXPECT_EQ(take(out), Lines{"PUBLISH 1"});
  EXPECT_TRUE(ids.in_use(id));
  EXPECT_EQ(flow.puback(id), 7U);
  EXPECT_FALSE(ids.in_use(id));
  EXPECT_EQ(flow.puback(id), std::nullopt);  // a leftover of an older link
  EXPECT_EQ(flow.open(), 0U);
}

TEST_F(OutboundFlowTest, Qos2GoesThroughAllStages_MQTT_4_3_3_1) {
  const std::uint16_t id = flow.send(message(7, QoS::exactly_once), out);
  EXPECT_EQ(flow.puback(id), std::nullopt);
  EXPECT_EQ(flow.pubcomp(id), std::nullopt) << "PUBCOMP before PUBREC is no answer";
  flow.pubrec(id, out);
  EXPECT_EQ(take(out), (Lines{"PUBLISH 1", "PUBREL 1"}));
  EXPECT_TRUE(flow.find(id)->message.topic.empty()) << "the receiver owns the message";
  EXPECT_TRUE(ids.in_use(id));
  EXPECT_EQ(flow.pubcomp(id), 7U);
  EXPECT_FALSE(ids.in_use(id));
}

TEST_F(OutboundFlowTest, APubrecThatFitsNothingIsStillReleased) {
  flow.pubrec(42, out);
  EXPECT_EQ(take(out), Lines{"PUBREL 42"});
}

TEST_F(OutboundFlowTest, APubrecForQos1IsIgnored) {
  const std::uint16_t id = flow.send(message(7, QoS::at_least_once), out);
  take(out);
  flow.pubrec(id, out);
  EXPECT_EQ(take(out), Lines{});
  EXPECT_EQ(flow.puback(id), 7U);
}

TEST_F(OutboundFlowTest, WindowClosesAndOpensWithAnyOrderOfAnswers) {
  for (std::uint64_t token = 1; token <= 3; ++token) {
    ASSERT_TRUE(flow.can_send());
    flow.send(message(token, QoS::at_least_once), out);
  }
  EXPECT_FALSE(flow.can_send());
  EXPECT_EQ(flow.puback(2), 2U);
  EXPECT_TRUE(flow.can_send());
  EXPECT_EQ(flow.send(message(4, QoS::exactly_once), out), 4);
  EXPECT_FALSE(flow.can_send());
  flow.pubrec(4, out);
  EXPECT_FALSE(flow.can_send()) << "an exchange is open until PUBCOMP";
}

TEST_F(OutboundFlowTest, NewLinkRepeatsEachAtItsStageInOrder_MQTT_4_4_0_1_MQTT_4_6_0_1) {
  flow.send(message(1, QoS::exactly_once), out);
  flow.send(message(2, QoS::at_least_once), out);
  flow.send(message(3, QoS::exactly_once), out);
  flow.pubrec(1, out);
  take(out);
  for (int link = 0; link < 3; ++link) {
    flow.new_link();
    EXPECT_TRUE(flow.resend(out, 1'000));
    EXPECT_EQ(take(out), (Lines{"PUBREL 1", "PUBLISH 2 dup", "PUBLISH 3 dup"}));
    EXPECT_TRUE(flow.resend(out, 1'000));
    EXPECT_EQ(take(out), Lines{}) << "once per link";
  }
  EXPECT_EQ(flow.puback(2), 2U);
  EXPECT_TRUE(flow.can_send());
}

TEST_F(OutboundFlowTest, NothingYoungerOvertakesWhatIsToBeSentAgain_MQTT_4_6_0_1) {
  flow.send(message(1, QoS::at_least_once), out);  // the window has room for two more
  take(out);
  flow.new_link();
  EXPECT_FALSE(flow.can_send());
  EXPECT_TRUE(flow.resend(out, 1'000));
  EXPECT_TRUE(flow.can_send());
}

TEST_F(OutboundFlowTest, ResendStopsAtTheLimitAndStartsOverOnTheNextLink) {
  for (std::uint64_t token = 1; token <= 3; ++token) {
    flow.send(message(token, QoS::at_least_once), out);
  }
  take(out);
  flow.new_link();
  EXPECT_FALSE(flow.resend(out, 1));
  EXPECT_EQ(take(out), Lines{"PUBLISH 1 dup"});
  EXPECT_EQ(flow.puback(2), 2U) << "an answer to what is still to be sent again";
  flow.new_link();
  EXPECT_FALSE(flow.resend(out, 1));
  EXPECT_EQ(take(out), Lines{"PUBLISH 1 dup"}) << "unanswered, so again";
  EXPECT_TRUE(flow.resend(out, 1'000));
  EXPECT_EQ(take(out), Lines{"PUBLISH 3 dup"});
}

TEST_F(OutboundFlowTest, AnAnswerForTheNextToBeSentAgainDoesNotBreakTheChain) {
  for (std::uint64_t token = 1; token <= 3; ++token) {
    flow.send(message(token, QoS::at_least_once), out);
  }
  take(out);
  flow.new_link();
  EXPECT_EQ(flow.puback(1), 1U);
  EXPECT_TRUE(flow.resend(out, 1'000));
  EXPECT_EQ(take(out), (Lines{"PUBLISH 2 dup", "PUBLISH 3 dup"}));
}

TEST_F(OutboundFlowTest, TheEndOfTheSessionGivesTokensBackInOrderAndFreesIds) {
  for (std::uint64_t token = 1; token <= 3; ++token) {
    flow.send(message(token, QoS::exactly_once), out);
  }
  flow.pubrec(2, out);
  flow.new_link();
  EXPECT_EQ(flow.clear(), (Tokens{1, 2, 3}));
  EXPECT_EQ(ids.used(), 0U);
  EXPECT_TRUE(flow.can_send());
  EXPECT_EQ(flow.clear(), Tokens{});
}

TEST_F(OutboundFlowTest, WaitsForAnIdThatOthersHold) {
  while (!ids.exhausted()) static_cast<void>(ids.take());  // 65,535 unanswered SUBSCRIBEs
  EXPECT_FALSE(flow.can_send());
  ids.release(9);
  ASSERT_TRUE(flow.can_send());
  EXPECT_EQ(flow.send(message(1, QoS::at_least_once), out), 9);
}

TEST(InboundFlow, ARepeatIsKnownByItsIdUntilReleased_MQTT_4_3_3_2) {
  using Verdict = InboundFlow::Verdict;
  InboundFlow flow(2);
  EXPECT_EQ(flow.publish(5), Verdict::fresh);
  EXPECT_EQ(flow.publish(5), Verdict::repeat);
  EXPECT_EQ(flow.publish(6), Verdict::fresh);
  EXPECT_EQ(flow.publish(7), Verdict::over_limit);
  EXPECT_EQ(flow.publish(6), Verdict::repeat) << "a repeat takes no room";
  flow.pubrel(5);
  flow.pubrel(5);
  EXPECT_EQ(flow.publish(5), Verdict::fresh) << "released: a new message under an old id";
  flow.clear();
  EXPECT_EQ(flow.open(), 0U);
}

}  // namespace
}  // namespace mqttlab
