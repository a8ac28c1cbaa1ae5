// Packets to bytes and back.
#include <gtest/gtest.h>

#include <array>
#include <set>

#include "tests/wire/samples.h"

namespace mqttlab {
namespace {

using namespace test;

TEST(Codec, SamplesCoverEveryPacketType) {
  std::set<PacketType> types, types_5;
  for (const Sample& sample : samples()) types.insert(type_of(sample.packet));
  for (const Sample& sample : samples_5()) types_5.insert(type_of(sample.packet));
  EXPECT_EQ(types.size(), 14u);
  EXPECT_EQ(types_5.size(), 15u);
  EXPECT_EQ(std::variant_size_v<Packet>, 15u);
}

// Of what is written: flags (MQTT-2.2.2-1, v5 MQTT-2.1.3-1), no id at QoS 0 (MQTT-2.3.1-5,
// MQTT-2.2.1-2), the order of CONNECT's payload (MQTT-3.1.3-1), no will fields without a will
// (MQTT-3.1.2-11), empty property sets (v5 MQTT-2.2.2-1).
TEST(Codec, EveryPacketHasTheBytesOfTheStandard) {
  for (const Sample& sample : samples_of_both())
    EXPECT_EQ(encoded(sample.packet, sample.version), sample.bytes) << describe(sample.packet);
}

TEST(Codec, EveryPacketIsReadFromTheBytesOfTheStandard) {
  for (const Sample& sample : samples_of_both()) {
    const auto packet = decoded(sample.bytes, sample.sender, sample.version);
    ASSERT_TRUE(packet) << describe(sample.packet) << packet.violation().statement;
    EXPECT_EQ(*packet, sample.packet) << describe(*packet);
  }
}

TEST(Codec, RandomPacketsRoundTrip) {
  for (const auto version : {ProtocolVersion::v3_1_1, ProtocolVersion::v5_0}) {
    Generator random(1);
    for (int i = 0; i < 20'000; ++i) {
      const Sample sample = random_sample(random, version);
      const auto packet = decoded(sample.bytes, sample.sender, version);
      ASSERT_TRUE(packet) << describe(sample.packet) << packet.violation().statement;
      ASSERT_EQ(*packet, sample.packet);
    }
  }
}

TEST(Codec, SlicesShareTheFrame) {
  const Slice whole = slice(std::string("\x30\x06\x00\x01t123", 8));
  const auto packet = decode(whole, Sender::client, ProtocolVersion::v3_1_1);
  ASSERT_TRUE(packet);
  EXPECT_EQ(std::get<Publish>(*packet).payload.bytes().data(), whole.bytes().data() + 5);
}

// MQTT 2.2.3, table 2.4: the borders between one, two, three and four bytes.
TEST(Codec, RemainingLengthAtEveryBorder) {
  const auto publish_of = [](std::size_t remaining) {
    return Publish{slice("t"), slice(std::string(remaining - 3, 'x')), {}, false, false, 0};
  };
  for (const auto& [remaining, header_size] : {std::pair<std::size_t, std::size_t>{127, 2},
                                               {128, 3},
                                               {16'383, 3},
                                               {16'384, 4},
                                               {2'097'151, 4},
                                               {2'097'152, 5}}) {
    const Publish packet = publish_of(remaining);
    const Buffer bytes = encoded(packet);
    EXPECT_EQ(bytes.size(), header_size + remaining);
    const auto again = decoded(bytes, Sender::client);
    ASSERT_TRUE(again) << remaining;
    EXPECT_EQ(std::get<Publish>(*again), packet);
  }
}

void expect_shared_equals_encoded(const Publish& packet, ProtocolVersion version) {
  const EncodedPublish shared(packet.topic, packet.payload, packet.properties);
  const PublishCopy copy{version, packet.qos, packet.packet_id, packet.dup, packet.retain};
  Outbox out;
  shared.append_to(out, copy);
  std::array<Bytes, 8> pieces;
  Buffer bytes;
  for (std::size_t i = 0, n = out.pending(pieces); i < n; ++i)
    bytes.insert(bytes.end(), pieces[i].begin(), pieces[i].end());
  EXPECT_EQ(bytes, encoded(packet, version));
  EXPECT_EQ(shared.size(copy), bytes.size());
}

TEST(Codec, EncodedPublishEqualsEncodeForEveryFlag) {
  for (const std::size_t topic_size : {1u, 600u, 65'535u}) {
    for (const std::size_t payload_size : {0u, 5u, 511u, 512u, 20'000u}) {
      for (int bits = 0; bits < 12; ++bits) {
        Publish packet;
        packet.topic = slice(std::string(topic_size, 't'));
        packet.payload = slice(std::string(payload_size, 'p'));
        packet.qos = static_cast<QoS>(bits >> 2);
        packet.dup = (bits & 2) != 0 && packet.qos != QoS::at_most_once;
        packet.retain = (bits & 1) != 0;
        packet.packet_id = packet.qos == QoS::at_most_once ? 0 : 0xABCD;
        expect_shared_equals_encoded(packet, ProtocolVersion::v3_1_1);
        expect_shared_equals_encoded(packet, ProtocolVersion::v5_0);
        packet.properties.add_user("k", std::string(bits * 100u, 'v'));
        expect_shared_equals_encoded(packet, ProtocolVersion::v3_1_1);
        expect_shared_equals_encoded(packet, ProtocolVersion::v5_0);
      }
    }
  }
}

// Each receiver's own properties come before the shared ones; before 5.0 neither is written.
TEST(Codec, EncodedPublishTakesEachCopysOwnProperties) {
  Publish packet{.topic = slice("a/b"), .payload = slice("x"), .qos = QoS::at_least_once};
  packet.packet_id = 7;
  Properties shared_set, identifiers;
  shared_set.add(PropertyId::content_type, "text");
  identifiers.add(PropertyId::subscription_identifier, 300);
  const EncodedPublish shared(packet.topic, packet.payload, shared_set);
  PublishCopy copy{.version = ProtocolVersion::v5_0, .qos = packet.qos, .packet_id = 7};
  copy.expiry_s = 100'000;
  copy.identifiers = identifiers.bytes().bytes();
  copy.alias = 258;
  const auto written = [&] {
    Outbox out;
    shared.append_to(out, copy);
    EXPECT_EQ(out.size(), shared.size(copy));
    std::array<Bytes, 8> pieces;
    EXPECT_EQ(out.pending(pieces), 1u);
    return Buffer(pieces[0].begin(), pieces[0].end());
  };
  packet.properties.add(PropertyId::message_expiry_interval, 100'000);
  packet.properties.add(PropertyId::subscription_identifier, 300);
  packet.properties.add(PropertyId::topic_alias, 258);
  packet.properties.add(PropertyId::content_type, "text");
  EXPECT_EQ(written(), encoded(packet, ProtocolVersion::v5_0));
  copy.alias_known = true;
  packet.topic = {};
  EXPECT_EQ(written(), encoded(packet, ProtocolVersion::v5_0));
  EXPECT_EQ(shared.topic(), "a/b") << "whoever gets it next is told the topic";
  copy = {.version = ProtocolVersion::v3_1_1, .qos = packet.qos, .packet_id = 7};
  packet.topic = slice("a/b");
  EXPECT_EQ(written(), encoded(packet, ProtocolVersion::v3_1_1));
}

// MQTT 3.1: CONNACK's first byte is reserved, and a repeated request may carry DUP.
TEST(Codec, Version31) {
  const auto v3_1 = ProtocolVersion::v3_1;
  EXPECT_EQ(encoded(Connack{true, {}}, v3_1), frame(0x20, std::string(2, '\0')));
  const Buffer repeated = frame(0x6A, "\x01\x02");
  EXPECT_TRUE(decoded(repeated, Sender::client, v3_1));
  EXPECT_FALSE(decoded(repeated, Sender::client, ProtocolVersion::v3_1_1));
  EXPECT_FALSE(decoded(frame(0x48, "\x01\x02"), Sender::client, v3_1));
}

TEST(Codec, NamesAndDescriptionsAreOneLine) {
  EXPECT_EQ(name(PacketType::connect), "CONNECT");
  EXPECT_EQ(name(PacketType::disconnect), "DISCONNECT");
  EXPECT_EQ(name(static_cast<PacketType>(0)), "?");
  EXPECT_EQ(name(PacketType::auth), "AUTH");
  EXPECT_EQ(name(static_cast<PacketType>(16)), "?");
  EXPECT_EQ(name(static_cast<PacketType>(200)), "?");
  EXPECT_EQ(describe(Publish{slice("a/b"), slice("12345"), QoS::at_least_once, false, true, 7}),
            "PUBLISH qos 1 dup id 7 topic a/b 5 B");
  EXPECT_EQ(describe(Publish{slice("a\nb"), {}, {}, true, false, 0}),
            "PUBLISH qos 0 retain topic a\\x0Ab 0 B");
  EXPECT_EQ(describe(Suback{3, {1, 128}}), "SUBACK id 3 codes 1 128");
  Puback puback{7, ReasonCode::quota_exceeded};
  puback.properties.add(PropertyId::reason_string, "full\n").add_user("k", "v");
  EXPECT_EQ(describe(puback),
            "PUBACK id 7 0x97 Quota exceeded, Reason String full\\x0A, User Property k=v");
  EXPECT_EQ(describe(Subscribe{1, {{slice("a"), {}, true, true, RetainHandling::do_not_send}}}),
            "SUBSCRIBE id 1 a qos 0 no local retain as published retain handling 2");
  for (const Sample& sample : samples_of_both())
    EXPECT_EQ(describe(sample.packet).rfind(name(type_of(sample.packet)), 0), 0u);
}

}  // namespace
}  // namespace mqttlab
