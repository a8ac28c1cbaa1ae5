#include "protocol/session/link_output.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

#include "protocol/wire/framer.h"

namespace mqttlab {
namespace {

constexpr auto v5 = ProtocolVersion::v5_0;

OutMessage message(std::string_view topic, std::size_t payload_bytes = 1) {
  OutMessage message;
  message.encoded =
      EncodedPublish(Slice::copy_of(topic), Slice::copy_of(std::string(payload_bytes, 'x')));
  return message;
}

Publish written(LinkOutput& output) {
  std::array<Bytes, 8> pieces;
  Framer framer(max_remaining_length);
  for (std::size_t i = 0, n = output.outbox.pending(pieces); i < n; ++i) framer.append(pieces[i]);
  const Packet packet = *decode(**framer.next(), Sender::server, output.terms().version);
  output.outbox.clear();
  return std::get<Publish>(packet);
}

std::pair<std::string, int> topic_and_alias(LinkOutput& output, const OutMessage& message) {
  output.publish(message, 0, false, 0);
  const Publish publish = written(output);
  return {std::string(publish.topic.text()),
          static_cast<int>(publish.properties.get<PropertyId::topic_alias>().value_or(0))};
}

using Seen = std::pair<std::string, int>;

// MQTT-3.3.2-9, MQTT-3.3.2-11.
TEST(LinkOutput, AliasesKeepToBothLimits_MQTT_3_1_2_26_MQTT_3_2_2_17) {
  for (const auto& [theirs, ours] : {std::pair{2, 9}, std::pair{9, 2}}) {
    LinkOutput output;
    output.agree({.version = v5, .topic_alias_maximum = static_cast<std::uint16_t>(theirs)},
                 static_cast<std::uint16_t>(ours));
    EXPECT_EQ(topic_and_alias(output, message("a")), Seen("a", 1));
    EXPECT_EQ(topic_and_alias(output, message("b")), Seen("b", 2));
    EXPECT_EQ(topic_and_alias(output, message("c")), Seen("c", 0));
    EXPECT_EQ(topic_and_alias(output, message("a")), Seen("", 1));
    EXPECT_EQ(topic_and_alias(output, message("c")), Seen("c", 0));
  }
}

TEST(LinkOutput, NoAliasWhereNoneIsAcceptedOrKnown_MQTT_3_1_2_27_MQTT_3_2_2_18) {
  for (const auto version : {v5, ProtocolVersion::v3_1_1}) {
    LinkOutput output;
    output.agree({.version = version}, 9);
    for (int i = 0; i < 2; ++i) EXPECT_EQ(topic_and_alias(output, message("a")), Seen("a", 0));
  }
}

TEST(LinkOutput, ANewLinkForgetsAliases_MQTT_3_3_2_7) {
  const OutMessage stored = message("a");
  for (int link = 0; link < 2; ++link) {
    LinkOutput output;
    output.agree({.version = v5, .topic_alias_maximum = 1}, 1);
    EXPECT_EQ(topic_and_alias(output, stored), Seen("a", 1));
    EXPECT_EQ(topic_and_alias(output, stored), Seen("", 1));
  }
}

TEST(LinkOutput, TheExpiryIntervalIsWhatIsLeft_MQTT_3_3_2_6) {
  LinkOutput output;
  output.agree({.version = v5}, 0);
  OutMessage expiring = message("a");
  expiring.expires_at = 10 * second;
  const auto left = [&](Time now) {
    output.publish(expiring, 0, false, now);
    return written(output).properties.get<PropertyId::message_expiry_interval>();
  };
  EXPECT_EQ(left(0), 10u);
  EXPECT_EQ(left(999 * millisecond), 10u) << "no whole second has passed";
  EXPECT_EQ(left(1 * second), 9u);
  EXPECT_EQ(left(9'001 * millisecond), 1u);
  EXPECT_EQ(left(12 * second), 0u) << "sent again after its time";
}

TEST(LinkOutput, FitsUpToTheLastByte_MQTT_3_1_2_24_MQTT_3_2_2_15) {
  for (const std::size_t size : {20u, 127u, 128u, 129u, 130u, 131u, 132u, 133u, 200u}) {
    const OutMessage whole = message("topic", size);
    LinkOutput output;
    output.agree({.version = v5}, 0);
    output.publish(whole, 0, false, 0);
    const auto bytes = static_cast<std::uint32_t>(output.outbox.size());
    output.agree({.version = v5, .max_packet_size = bytes}, 0);
    EXPECT_TRUE(output.fits(whole)) << size;
    output.agree({.version = v5, .max_packet_size = bytes - 1}, 0);
    EXPECT_FALSE(output.fits(whole)) << size;
  }
}

TEST(LinkOutput, AnAliasNeverMakesAPacketTooLarge) {
  for (std::size_t size = 90; size < 140; ++size) {
    for (std::uint32_t spare = 0; spare < 8; ++spare) {
      const std::string topic = std::string("topic").substr(0, 1 + spare % 5);
      const OutMessage whole = message(topic, size);
      LinkOutput output;
      output.agree({.version = v5}, 0);
      output.publish(whole, 0, false, 0);
      const auto most = static_cast<std::uint32_t>(output.outbox.size()) + spare;
      output.outbox.clear();
      output.agree({.version = v5, .max_packet_size = most, .topic_alias_maximum = 1}, 1);
      output.publish(message(topic, 1), 0, false, 0);  // sets the alias
      output.outbox.clear();
      output.publish(whole, 0, false, 0);
      EXPECT_LE(output.outbox.size(), most) << topic << " " << size;
    }
  }
}

// MQTT-3.3.2-10 and -12: any alias from 1 up to the limit.
TEST(InboundAliases, ResolveOrViolate) {
  InboundAliases aliases(2);
  const auto resolve = [&](std::string_view topic, std::uint32_t alias) {
    Publish publish{.topic = Slice::copy_of(topic)};
    if (alias != 65'536) publish.properties.add(PropertyId::topic_alias, alias);
    return aliases.resolve(publish);
  };
  const std::uint32_t absent = 65'536;
  EXPECT_EQ(resolve("a", absent)->text(), "a");
  EXPECT_EQ(resolve("", absent).violation(), (Violation{0x82, "U-3.3.2.1-1"}));
  EXPECT_EQ(resolve("", 2).violation(), (Violation{0x82, "U-3.3.4-3"}));
  EXPECT_EQ(resolve("b", 2)->text(), "b");
  EXPECT_EQ(resolve("", 2)->text(), "b");
  EXPECT_EQ(resolve("", 1).violation(), (Violation{0x82, "U-3.3.4-3"}));
  EXPECT_EQ(resolve("c", 2)->text(), "c");
  EXPECT_EQ(resolve("", 2)->text(), "c");
  EXPECT_EQ(resolve("a", 3).violation(), (Violation{0x94, "U-3.3.4-2"}));
  EXPECT_EQ(resolve("a", 0).violation(), (Violation{0x94, "U-3.3.4-2"}));
}

}  // namespace
}  // namespace mqttlab
