// Every rule of 5.0's wire format that is not a property's or a reason code's, broken once.
#include <gtest/gtest.h>

#include "tests/wire/samples.h"

namespace mqttlab {
namespace {

using namespace test;
using namespace std::string_literals;
constexpr Sender client = Sender::client, server = Sender::server;

struct Case5 {
  std::string statement;
  std::string what;
  Buffer bytes;
  Sender sender = client;
  std::uint8_t reason = 0x81;
};

void expect_violations_5(const std::vector<Case5>& cases) {
  for (const Case5& c : cases) {
    const auto packet = decoded(c.bytes, c.sender, v5);
    ASSERT_FALSE(packet) << c.statement << " " << c.what << ": " << describe(*packet);
    EXPECT_EQ(packet.violation().statement, c.statement) << c.what;
    EXPECT_EQ(packet.violation().reason, c.reason) << c.statement << " " << c.what;
  }
}

std::string connect_body(int flags, const std::string& payload,
                         const std::string& properties = "") {
  return field("MQTT") + "\x05"s + static_cast<char>(flags) + "\0\0"s + set(properties) + payload;
}

TEST(Strictness5, Connect) {
  const auto connect = [](int flags, const std::string& payload) {
    return frame(0x10, connect_body(flags, payload));
  };
  const std::string id = field("id"), will = set("") + field("w") + field("m");
  const auto will_topic = [&](const std::string& topic) {
    return connect(0x06, id + set("") + field(topic) + field("m"));
  };
  expect_violations_5({
      {"MQTT-3.1.2-1", "unknown name", frame(0x10, field("MQTX") + "\x05"s), client, 0x84},
      {"MQTT-3.1.2-2", "level 6", frame(0x10, field("MQTT") + "\x06"s), client, 0x84},
      {"MQTT-3.1.2-2", "level 5 of MQIsdp", frame(0x10, field("MQIsdp") + "\x05"s), client, 0x84},
      {"U-3.1.2.3-1", "reserved flag, MQTT-3.1.2-3", connect(0x03, id)},
      {"MQTT-3.1.2-11", "will QoS without will", connect(0x0A, id)},
      {"MQTT-3.1.2-13", "will retain without will", connect(0x22, id)},
      {"U-3.1.2.6-1", "will QoS 3, MQTT-3.1.2-12", connect(0x1E, id + will)},
      {"MQTT-3.1.3-3", "no client id", connect(0x02, "")},
      {"MQTT-3.1.3-4", "client id not UTF-8", connect(0x02, field("\xC3"))},
      {"U-1.5.4-1", "client id with U+0000, MQTT-1.5.4-2", connect(0x02, field("a\0"s))},
      {"MQTT-3.1.2-9", "will topic missing", connect(0x06, id + set(""))},
      {"MQTT-3.1.2-9", "will message missing", connect(0x06, id + set("") + field("w"))},
      {"MQTT-2.1.4", "will properties missing", connect(0x06, id)},
      {"MQTT-3.1.3-11", "will topic not UTF-8", will_topic("\xFF")},
      {"MQTT-4.7.3-1", "will topic empty", will_topic("")},
      {"MQTT-4.7.0-1", "will topic with wildcard", will_topic("a/#")},
      {"MQTT-4.7.3-2", "will topic with U+0000", will_topic("a\0"s)},
      {"MQTT-3.1.2-17", "user name missing", connect(0x82, id)},
      {"MQTT-3.1.3-12", "user name not UTF-8", connect(0x82, id + field("\xED\xA0\x80"))},
      {"MQTT-3.1.2-19", "password missing", connect(0x42, id)},
      {"MQTT-3.1.2-16", "user name without flag", connect(0x02, id + field("u"))},
      {"MQTT-3.1.2-18", "password without flag", connect(0x82, id + field("u") + field("p"))},
      {"MQTT-2.1.4", "left over", connect(0xC2, id + field("u") + field("p") + "x"s)},
      {"MQTT-2.1.4", "cut in keep alive", frame(0x10, field("MQTT") + "\x05\x02\0"s)},
      {"U-3.1.2.11.10-2", "data without method",
       frame(0x10, connect_body(0x02, id, "\x16"s + field("d"))), client, 0x82},
  });
}

// MQTT-3.1.3-1: the order of the payload shows in the sample that has every field.
// All 256 values of the Connect Flags: MQTT-3.1.2-3, -11, -12 and -13 say which are allowed, and a
// password may stand alone.
TEST(Strictness5, EveryValueOfConnectFlags) {
  for (int flags = 0; flags < 256; ++flags) {
    const bool will = flags & 4;
    const int will_qos = flags >> 3 & 3;
    std::string payload = field("id");
    if (will) payload += set("") + field("w") + field("m");
    if (flags & 0x80) payload += field("u");
    if (flags & 0x40) payload += field("p");
    const bool allowed =
        !(flags & 1) && will_qos != 3 && (will || (will_qos == 0 && !(flags & 0x20)));
    const auto bytes = frame(0x10, connect_body(flags, payload));
    EXPECT_EQ(bool(decoded(bytes, client, v5)), allowed) << flags;
  }
}

TEST(Strictness5, WhoDoesNotSpeak5DoesNotReadIt) {
  for (const Sample& sample : samples_5()) {
    if (type_of(sample.packet) != PacketType::connect) continue;
    for (const auto version : {ProtocolVersion::v3_1, ProtocolVersion::v3_1_1})
      EXPECT_EQ(decoded(sample.bytes, client, version).violation(), unsupported_protocol_level);
  }
  for (const Sample& sample : samples()) {  // who speaks 5.0 reads the older ones
    if (type_of(sample.packet) != PacketType::connect) continue;
    EXPECT_TRUE(decoded(sample.bytes, client, v5));
  }
}

TEST(Strictness5, Publish) {
  const auto publish = [](int flags, const std::string& body) {
    return frame(static_cast<std::uint8_t>(0x30 | flags), body);
  };
  const std::string id = "\0\x01"s, none = set("");
  expect_violations_5({
      {"U-3.3.1.2-1", "QoS 3, MQTT-3.3.1-4", publish(0x06, field("t") + id + none)},
      {"MQTT-3.3.1-2", "DUP at QoS 0, MQTT-4.3.1-1", publish(0x08, field("t") + none)},
      {"MQTT-2.1.4", "no topic", publish(0, "")},
      {"MQTT-2.1.4", "no properties, MQTT-2.2.2-1", publish(0, field("t"))},
      {"U-3.3.2.1-1", "topic empty without alias", publish(0, field("") + none), client, 0x82},
      {"MQTT-3.3.2-1", "topic not UTF-8", publish(0, field("\xC0\xAF") + none)},
      {"MQTT-3.3.2-2", "wildcard in topic", publish(0, field("a/+") + none)},
      {"MQTT-3.3.2-2", "wildcard in topic", publish(0, field("a#") + none), server},
      {"MQTT-4.7.3-2", "U+0000 in topic", publish(0, field("a\0"s) + none)},
      {"MQTT-2.2.1-3", "id 0", publish(2, field("t") + "\0\0"s + none), client, 0x82},
      {"MQTT-2.2.1-4", "id 0 of a server", publish(4, field("t") + "\0\0"s + none), server, 0x82},
  });
  // MQTT-2.2.1-2: at QoS 0 what follows the topic is no identifier.
  const auto plain = decoded(publish(0, field("t") + none + id), client, v5);
  ASSERT_TRUE(plain);
  EXPECT_EQ(std::get<Publish>(*plain).payload.text(), id);
}

TEST(Strictness5, SubscribeAndUnsubscribe) {
  const std::string id = "\0\x01"s + set("");
  const auto subscribe = [&](const std::string& filter, char options) {
    return frame(0x82, id + field(filter) + options);
  };
  const auto unsubscribe = [&](const std::string& filter) {
    return frame(0xA2, id + field(filter));
  };
  expect_violations_5({
      {"MQTT-2.2.1-3", "id 0", frame(0x82, "\0\0\0"s + field("a") + "\0"s), client, 0x82},
      {"U-3.8.3-1", "no filter, MQTT-3.8.3-2", frame(0x82, id), client, 0x82},
      {"MQTT-3.8.3-1", "filter not UTF-8", subscribe("\xFE", 1)},
      {"MQTT-4.7.3-2", "U+0000 in filter", subscribe("a\0"s, 1)},
      {"MQTT-4.7.3-1", "filter empty", subscribe("", 1)},
      {"MQTT-4.7.1-1", "# inside", subscribe("a/#/b", 1)},
      {"MQTT-4.7.1-1", "# in a level", subscribe("a#", 1)},
      {"MQTT-4.7.1-2", "+ in a level", subscribe("a+/b", 1)},
      {"MQTT-4.8.2-1", "no share name", subscribe("$share//a", 1)},
      {"MQTT-4.8.2-1", "nothing after $share/", subscribe("$share/", 1)},
      {"MQTT-4.8.2-2", "no filter after the share name", subscribe("$share/g", 1)},
      {"MQTT-4.8.2-2", "empty filter after the share name", subscribe("$share/g/", 1)},
      {"MQTT-4.8.2-2", "+ in the share name", subscribe("$share/+/a", 1)},
      {"MQTT-4.8.2-2", "# in the share name", subscribe("$share/g#/a", 1)},
      {"MQTT-4.7.1-1", "# inside a shared filter", subscribe("$share/g/#/a", 1)},
      {"MQTT-3.8.3-4", "no local on a shared one", subscribe("$share/g/a", 4), client, 0x82},
      {"MQTT-3.8.3-5", "reserved bit 6", subscribe("a", 0x40)},
      {"MQTT-3.8.3-5", "reserved bit 7", subscribe("a", static_cast<char>(0x80))},
      {"U-3.8.3.1-1", "QoS 3", subscribe("a", 3), client, 0x82},
      {"U-3.8.3.1-2", "retain handling 3", subscribe("a", 0x30), client, 0x82},
      {"MQTT-2.1.4", "no options", frame(0x82, id + field("a"))},
      {"MQTT-2.2.1-3", "id 0", frame(0xA2, "\0\0\0"s + field("a")), client, 0x82},
      {"U-3.10.3-1", "no filter, MQTT-3.10.3-2", frame(0xA2, id), client, 0x82},
      {"MQTT-3.10.3-1", "filter not UTF-8", unsubscribe("\x80")},
      {"MQTT-4.8.2-2", "shared", unsubscribe("$share/g")},
      {"MQTT-2.2.1-6", "id 0", frame(0x90, "\0\0\0\0"s), server, 0x82},
      {"MQTT-3.8.4-6", "no code", frame(0x90, id), server, 0x82},
      {"MQTT-2.2.1-6", "id 0", frame(0xB0, "\0\0\0\0"s), server, 0x82},
      {"MQTT-3.11.3-1", "no code", frame(0xB0, id), server, 0x82},
  });
}

// All 256 values of the options.
TEST(Strictness5, EveryValueOfSubscriptionOptions) {
  for (int options = 0; options < 256; ++options) {
    const std::string body = "\0\x01"s + set("") + field("a") + static_cast<char>(options);
    const auto packet = decoded(frame(0x82, body), client, v5);
    const bool allowed = options < 0x40 && (options & 3) != 3 && (options & 0x30) != 0x30;
    ASSERT_EQ(bool(packet), allowed) << options;
    if (!packet) continue;
    const Subscription& read = std::get<Subscribe>(*packet).subscriptions.at(0);
    EXPECT_EQ(static_cast<int>(read.qos), options & 3);
    EXPECT_EQ(read.no_local, (options & 4) != 0);
    EXPECT_EQ(read.retain_as_published, (options & 8) != 0);
    EXPECT_EQ(static_cast<int>(read.retain_handling), options >> 4);
    EXPECT_EQ(encoded(*packet, v5), frame(0x82, body));
  }
}

TEST(Strictness5, HeadersAndTheRest) {
  const std::string method = "\x15"s + field("m");
  std::vector<Case5> cases{
      {"MQTT-2.1.2", "type 0", frame(0x00, "")},
      {"MQTT-3.2.2-1", "reserved acknowledge flag", frame(0x20, "\x02\0\0"s), server},
      {"MQTT-3.2.2-6", "session present in a refusal", frame(0x20, "\x01\x87\0"s), server, 0x82},
      {"MQTT-2.1.4", "CONNACK of 3.1.1", frame(0x20, "\0\0"s), server},
      {"MQTT-2.1.4", "PUBACK too long", frame(0x40, "\0\x01\0\0x"s)},
      {"MQTT-2.2.1-5", "PUBACK id 0", frame(0x40, "\0\0"s), client, 0x82},
      {"MQTT-2.2.1-5", "PUBCOMP id 0", frame(0x70, "\0\0\0"s), server, 0x82},
      {"MQTT-2.1.4", "PINGREQ with a body", frame(0xC0, "x")},
      {"MQTT-2.1.4", "PINGRESP with a body", frame(0xD0, "x"), server},
      {"MQTT-2.1.4", "DISCONNECT too long", frame(0xE0, "\0\0x"s)},
      {"U-3.15.2.2.2-2", "AUTH without properties", frame(0xF0, "\x18"s), client, 0x82},
      {"U-3.15.2.2.2-2", "AUTH without method", frame(0xF0, "\x18\0"s), server, 0x82},
      {"MQTT-3.15.2-1", "success of a client", frame(0xF0, ""), client, 0x82},
      {"MQTT-2.1.4", "AUTH too long", frame(0xF0, "\x18"s + set(method) + "x"s)},
      {"MQTT-1.5.5-1", "Remaining Length not minimal", {0xC0, 0x80, 0x00}},
      {"MQTT-2.1.4", "less than announced", {0x30, 0x05, 0, 1, 't'}},
      {"MQTT-2.1.4", "half a header", {0xC0}},
  };
  // Table 2.1: who may send what.
  for (const Sample& sample : samples_5()) {
    const PacketType type = type_of(sample.packet);
    const bool both = (type >= PacketType::publish && type <= PacketType::pubcomp) ||
                      type >= PacketType::disconnect;
    if (both) continue;
    cases.push_back({"MQTT-2.1.2", "wrong sender of " + std::string(name(type)), sample.bytes,
                     sample.sender == client ? server : client, 0x82});
  }
  expect_violations_5(cases);
}

// MQTT-2.1.3-1 (U-2.1.3-1), MQTT-3.6.1-1, MQTT-3.8.1-1, MQTT-3.10.1-1, MQTT-3.14.1-1,
// MQTT-3.15.1-1.
TEST(Strictness5, EveryOtherValueOfTheFlagsIsRefused) {
  for (const Sample& sample : samples_5()) {
    const PacketType type = type_of(sample.packet);
    if (type == PacketType::publish) continue;
    for (std::uint8_t flags = 0; flags < 16; ++flags) {
      Buffer bytes = sample.bytes;
      bytes[0] = static_cast<std::uint8_t>((bytes[0] & 0xF0) | flags);
      if (bytes == sample.bytes) continue;
      EXPECT_EQ(decoded(bytes, sample.sender, v5).violation(), malformed("U-2.1.3-1"));
    }
  }
}

// MQTT-1.5.4-3: U+FEFF is kept, at any place.
TEST(Strictness5, ByteOrderMarkIsACharacter) {
  const std::string topic = "\xEF\xBB\xBF"s + "a/\xEF\xBB\xBF"s;
  const auto packet = decoded(frame(0x30, field(topic) + set("")), client, v5);
  ASSERT_TRUE(packet);
  EXPECT_EQ(std::get<Publish>(*packet).topic.text(), topic);
}

// The forms that end early, and the long ones that say the same.
TEST(Strictness5, ShortForms) {
  for (const std::uint8_t first : {0x40, 0x50, 0x62, 0x70}) {
    const auto bare = decoded(frame(first, "\0\x01"s), client, v5);
    ASSERT_TRUE(bare);
    for (const std::string& form : {"\0\x01\0"s, "\0\x01\0\0"s}) {
      const auto longer = decoded(frame(first, form), client, v5);
      ASSERT_TRUE(longer);
      EXPECT_EQ(*longer, *bare);
      EXPECT_EQ(encoded(*longer, v5), frame(first, "\0\x01"s));
    }
  }
  for (const std::string& form : {""s, "\0"s, "\0\0"s}) {
    const auto packet = decoded(frame(0xE0, form), client, v5);
    ASSERT_TRUE(packet);
    EXPECT_EQ(*packet, Packet(Disconnect{}));
  }
  EXPECT_EQ(*decoded(frame(0xF0, ""), server, v5), Packet(Auth{}));
}

// What 3.1.1 cannot carry is left out.
TEST(Strictness5, WrittenTo311) {
  Properties user;
  user.add_user("k", "v");
  const auto v3 = ProtocolVersion::v3_1_1;
  EXPECT_EQ(encoded(Publish{slice("t"), slice("x"), {}, false, false, 0, user}, v3),
            frame(0x30, field("t") + "x"s));
  EXPECT_EQ(encoded(Puback{1, ReasonCode::quota_exceeded, user}, v3), frame(0x40, "\0\x01"s));
  EXPECT_EQ(encoded(Unsuback{1, {ReasonCode::success}, user}, v3), frame(0xB0, "\0\x01"s));
  EXPECT_EQ(encoded(Disconnect{ReasonCode::server_busy, user}, v3), frame(0xE0, ""));
  EXPECT_EQ(encoded(Subscribe{1, {{slice("a"), QoS::at_least_once, true, true}}, user}, v3),
            frame(0x82, "\0\x01"s + field("a") + "\x01"s));
}

}  // namespace
}  // namespace mqttlab
