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
  return {.encoded = EncodedPublish(topic, payload), .qos = qos, .token = token};
}

/// The packets in an outbox, in short: "PUBLISH 1", "PUBLISH 1 dup", "PUBREL 1".
Lines take(LinkOutput& output) {
  Outbox& out = output.outbox;
  const ProtocolVersion version = output.terms().version;
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
    const Packet packet = *decode(*frame, Sender::client, version);
    if (const auto* publish = std::get_if<Publish>(&packet)) {
      lines.push_back("PUBLISH " + std::to_string(publish->packet_id) +
                      (publish->dup ? " dup" : ""));
    } else {
      const auto& pubrel = std::get<Pubrel>(packet);
      lines.push_back("PUBREL " + std::to_string(pubrel.packet_id) +
                      (is_error(pubrel.reason) ? " unknown" : ""));
    }
  }
  return lines;
}

class OutboundFlowTest : public ::testing::Test {
 protected:
  PacketIds ids;
  LinkOutput out;
  OutboundFlow flow{3, ids};

  std::uint16_t send(std::uint64_t token, QoS qos) {
    return flow.send(message(token, qos), out, 0);
  }
  OutboundFlow::Finished pubrec(std::uint16_t id, ReasonCode reason = ReasonCode::success) {
    return flow.pubrec(id, reason, out);
  }
  /// A new link of the session; `version` speaks 3.1.1 or 5.0 on it.
  void new_link(std::uint16_t receive_maximum = 65'535,
                ProtocolVersion version = ProtocolVersion::v3_1_1) {
    out = {};
    out.agree({.version = version, .receive_maximum = receive_maximum}, 0);
    flow.new_link(receive_maximum);
  }
  void resend(std::size_t limit_bytes = 1'000) { flow.resend(out, limit_bytes, 0); }
};

TEST_F(OutboundFlowTest, Qos1EndsWithPuback_MQTT_4_3_2_1) {
  const std::uint16_t id = send(7, QoS::at_least_once);
  EXPECT_EQ(take(out), Lines{"PUBLISH 1"});
  EXPECT_TRUE(ids.in_use(id));
  EXPECT_EQ(flow.puback(id), 7U);
  EXPECT_FALSE(ids.in_use(id));
  EXPECT_EQ(flow.puback(id), std::nullopt);  // a leftover of an older link
  EXPECT_EQ(flow.open(), 0U);
}

TEST_F(OutboundFlowTest, Qos2GoesThroughAllStages_MQTT_4_3_3_1) {
  const std::uint16_t id = send(7, QoS::exactly_once);
  EXPECT_EQ(flow.puback(id), std::nullopt);
  EXPECT_EQ(flow.pubcomp(id), std::nullopt) << "PUBCOMP before PUBREC is no answer";
  pubrec(id);
  EXPECT_EQ(take(out), (Lines{"PUBLISH 1", "PUBREL 1"}));
  EXPECT_TRUE(flow.find(id)->message.encoded.topic().empty()) << "the receiver owns the message";
  EXPECT_TRUE(ids.in_use(id));
  EXPECT_EQ(flow.pubcomp(id), 7U);
  EXPECT_FALSE(ids.in_use(id));
}

TEST_F(OutboundFlowTest, APubrecThatFitsNothingIsStillReleased) {
  pubrec(42);
  EXPECT_EQ(take(out), Lines{"PUBREL 42"});
}

TEST_F(OutboundFlowTest, APubrecForQos1IsIgnored) {
  const std::uint16_t id = send(7, QoS::at_least_once);
  take(out);
  pubrec(id);
  EXPECT_EQ(take(out), Lines{});
  EXPECT_EQ(flow.puback(id), 7U);
}

TEST_F(OutboundFlowTest, WindowClosesAndOpensWithAnyOrderOfAnswers) {
  for (std::uint64_t token = 1; token <= 3; ++token) {
    ASSERT_TRUE(flow.can_send());
    send(token, QoS::at_least_once);
  }
  EXPECT_FALSE(flow.can_send());
  EXPECT_EQ(flow.puback(2), 2U);
  EXPECT_TRUE(flow.can_send());
  EXPECT_EQ(send(4, QoS::exactly_once), 4);
  EXPECT_FALSE(flow.can_send());
  pubrec(4);
  EXPECT_FALSE(flow.can_send()) << "an exchange is open until PUBCOMP";
}

TEST_F(OutboundFlowTest, NewLinkRepeatsEachAtItsStageInOrder_MQTT_4_4_0_1_MQTT_4_6_0_1) {
  send(1, QoS::exactly_once);
  send(2, QoS::at_least_once);
  send(3, QoS::exactly_once);
  pubrec(1);
  take(out);
  for (int link = 0; link < 3; ++link) {
    new_link();
    resend();
    EXPECT_FALSE(flow.can_resend());
    EXPECT_EQ(take(out), (Lines{"PUBREL 1", "PUBLISH 2 dup", "PUBLISH 3 dup"}));
    resend();
    EXPECT_FALSE(flow.can_resend());
    EXPECT_EQ(take(out), Lines{}) << "once per link";
  }
  EXPECT_EQ(flow.puback(2), 2U);
  EXPECT_TRUE(flow.can_send());
}

TEST_F(OutboundFlowTest, NothingYoungerOvertakesWhatIsToBeSentAgain_MQTT_4_6_0_1) {
  send(1, QoS::at_least_once);  // the window has room for two more
  take(out);
  new_link();
  EXPECT_FALSE(flow.can_send());
  resend();
  EXPECT_FALSE(flow.can_resend());
  EXPECT_TRUE(flow.can_send());
}

TEST_F(OutboundFlowTest, ResendStopsAtTheLimitAndStartsOverOnTheNextLink) {
  for (std::uint64_t token = 1; token <= 3; ++token) {
    send(token, QoS::at_least_once);
  }
  take(out);
  new_link();
  resend(1);
  EXPECT_TRUE(flow.can_resend());
  EXPECT_EQ(take(out), Lines{"PUBLISH 1 dup"});
  EXPECT_EQ(flow.puback(2), 2U) << "an answer to what is still to be sent again";
  new_link();
  resend(1);
  EXPECT_TRUE(flow.can_resend());
  EXPECT_EQ(take(out), Lines{"PUBLISH 1 dup"}) << "unanswered, so again";
  resend();
  EXPECT_FALSE(flow.can_resend());
  EXPECT_EQ(take(out), Lines{"PUBLISH 3 dup"});
}

TEST_F(OutboundFlowTest, AnAnswerForTheNextToBeSentAgainDoesNotBreakTheChain) {
  for (std::uint64_t token = 1; token <= 3; ++token) {
    send(token, QoS::at_least_once);
  }
  take(out);
  new_link();
  EXPECT_EQ(flow.puback(1), 1U);
  resend();
  EXPECT_FALSE(flow.can_resend());
  EXPECT_EQ(take(out), (Lines{"PUBLISH 2 dup", "PUBLISH 3 dup"}));
}

TEST_F(OutboundFlowTest, TheEndOfTheSessionGivesTokensBackInOrderAndFreesIds) {
  for (std::uint64_t token = 1; token <= 3; ++token) {
    send(token, QoS::exactly_once);
  }
  pubrec(2);
  new_link();
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
  EXPECT_EQ(send(1, QoS::at_least_once), 9);
}

TEST(InboundFlow, ARepeatIsKnownByItsIdUntilReleased_MQTT_4_3_3_2) {
  using Verdict = InboundFlow::Verdict;
  InboundFlow flow(2);
  EXPECT_EQ(flow.publish(5, QoS::exactly_once), Verdict::fresh);
  EXPECT_EQ(flow.publish(5, QoS::exactly_once), Verdict::repeat);
  EXPECT_EQ(flow.publish(6, QoS::exactly_once), Verdict::fresh);
  EXPECT_EQ(flow.publish(7, QoS::exactly_once), Verdict::over_limit);
  EXPECT_EQ(flow.publish(6, QoS::exactly_once), Verdict::repeat) << "a repeat takes no room";
  EXPECT_TRUE(flow.pubrel(5));
  EXPECT_FALSE(flow.pubrel(5));
  EXPECT_EQ(flow.publish(5, QoS::exactly_once), Verdict::fresh)
      << "released: a new message under an old id";
  flow.clear();
  EXPECT_EQ(flow.open(), 0U);
}

TEST(InboundFlow, QosOneTakesRoomUntilAnswered_U_3_3_4_4) {
  using Verdict = InboundFlow::Verdict;
  InboundFlow flow(2);
  EXPECT_EQ(flow.publish(5, QoS::at_least_once), Verdict::fresh);
  EXPECT_EQ(flow.publish(6, QoS::exactly_once), Verdict::fresh);
  EXPECT_EQ(flow.publish(7, QoS::at_least_once), Verdict::over_limit);
  flow.answered(5);
  EXPECT_EQ(flow.publish(5, QoS::at_least_once), Verdict::fresh) << "MQTT-4.3.2-5";
}

TEST(InboundFlow, AnErrorPubrecForgetsTheId_MQTT_4_3_3_9) {
  using Verdict = InboundFlow::Verdict;
  InboundFlow flow(1);
  EXPECT_EQ(flow.publish(5, QoS::exactly_once), Verdict::fresh);
  flow.answered(5);
  EXPECT_EQ(flow.publish(5, QoS::exactly_once), Verdict::fresh);
}

TEST(InboundFlow, CountsEachLinkAnewAndRemembersWhatItSaw) {
  using Verdict = InboundFlow::Verdict;
  InboundFlow flow(1);
  EXPECT_EQ(flow.publish(5, QoS::exactly_once), Verdict::fresh);
  flow.new_link();
  EXPECT_EQ(flow.publish(6, QoS::exactly_once), Verdict::fresh) << "5 waits for PUBREL only";
  EXPECT_EQ(flow.publish(5, QoS::exactly_once), Verdict::over_limit);
  EXPECT_TRUE(flow.pubrel(5));
}

// MQTT-3.3.4-7 and -9.
TEST_F(OutboundFlowTest, ReceiveMaximumIsTheQuotaOfEachLink_MQTT_4_9_0_1_MQTT_4_9_0_2) {
  new_link(1, ProtocolVersion::v5_0);
  send(1, QoS::exactly_once);
  EXPECT_FALSE(flow.can_send());
  EXPECT_EQ(flow.quota(), 0);
  pubrec(1);
  EXPECT_EQ(flow.quota(), 0) << "an exchange is open until PUBCOMP";
  flow.pubcomp(1);
  EXPECT_TRUE(flow.can_send());
  send(2, QoS::at_least_once);
  new_link(2, ProtocolVersion::v5_0);
  EXPECT_EQ(flow.quota(), 2) << "nothing is carried over";
  resend();
  EXPECT_EQ(flow.quota(), 1);
}

// MQTT-3.3.4-8 and -10, MQTT-4.3.3-5 and -6.
TEST_F(OutboundFlowTest, ResendKeepsToTheQuotaButNoPubrelWaitsForIt_MQTT_4_9_0_3) {
  for (std::uint64_t token = 1; token <= 3; ++token) send(token, QoS::exactly_once);
  pubrec(1);
  new_link(1, ProtocolVersion::v5_0);
  resend();
  EXPECT_EQ(take(out), (Lines{"PUBREL 1", "PUBLISH 2 dup"}));
  EXPECT_FALSE(flow.can_resend());
  EXPECT_FALSE(flow.can_send());
  flow.pubcomp(1);
  EXPECT_EQ(flow.quota(), 0) << "its PUBLISH took none on this link";
  pubrec(2);
  flow.pubcomp(2);
  resend();
  EXPECT_EQ(take(out), (Lines{"PUBREL 2", "PUBLISH 3 dup"}));
}

// Its PUBLISH may have arrived, so the receiver may take whatever comes next under its id for it:
// MQTT-4.3.3-10, MQTT-4.3.3-12.
TEST_F(OutboundFlowTest, AnAbandonedIdIsFreeOnceItsReceiverHasLetGoOfIt_MQTT_4_3_3_1) {
  send(1, QoS::at_least_once);
  send(2, QoS::exactly_once);
  send(3, QoS::exactly_once);
  for (int link = 0; link < 2; ++link) {
    new_link(1, ProtocolVersion::v5_0);
    take(out);
    Tokens asked;
    flow.drop_if([&](const OutMessage& message) {
      asked.push_back(message.token);
      return message.token != 3;
    });
    EXPECT_EQ(asked, link == 0 ? (Tokens{1, 2, 3}) : Tokens{3}) << "each is dropped once";
    resend();
    EXPECT_EQ(take(out), (Lines{"PUBREL 2", "PUBLISH 3 dup"})) << "until PUBCOMP";
    EXPECT_FALSE(ids.in_use(1));
    EXPECT_TRUE(ids.in_use(2));
  }
  EXPECT_EQ(flow.pubcomp(2), 0U) << "its owner has been told";
  EXPECT_FALSE(ids.in_use(2));
  EXPECT_EQ(flow.clear(), Tokens{3});
}

TEST_F(OutboundFlowTest, AnErrorPubrecEndsTheExchange_MQTT_4_4_0_2) {
  new_link(1, ProtocolVersion::v5_0);
  const std::uint16_t id = send(7, QoS::exactly_once);
  take(out);
  EXPECT_EQ(pubrec(id, ReasonCode::quota_exceeded), 7U);
  EXPECT_EQ(take(out), Lines{}) << "and no PUBREL";
  EXPECT_FALSE(ids.in_use(id));
  EXPECT_EQ(flow.quota(), 1);
}

TEST_F(OutboundFlowTest, APubrecThatComesAgainOnALiveLink) {
  const std::uint16_t id = send(7, QoS::exactly_once);
  pubrec(id);
  take(out);
  pubrec(id);
  EXPECT_EQ(take(out), Lines{"PUBREL 1"}) << "3.1.1 may ask for it";
  new_link(1, ProtocolVersion::v5_0);
  resend();
  take(out);
  pubrec(id);
  EXPECT_EQ(take(out), Lines{}) << "5.0 repeats nothing on a live link (MQTT-4.4.0-1)";
}

TEST_F(OutboundFlowTest, APubrecOfAnUnknownIdIsToldSoIn5) {
  new_link(1, ProtocolVersion::v5_0);
  pubrec(42);
  EXPECT_EQ(take(out), Lines{"PUBREL 42 unknown"});
  pubrec(43, ReasonCode::unspecified_error);
  EXPECT_EQ(take(out), Lines{});
}

}  // namespace
}  // namespace mqttlab
