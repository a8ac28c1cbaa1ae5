// Every rule of the wire format, broken once: the violation names the statement.
#include <gtest/gtest.h>

#include "tests/wire/samples.h"

namespace mqttlab {
namespace {

using namespace test;
using namespace std::string_literals;

struct Case {
  std::string statement;
  std::string what;
  Buffer bytes;
  Sender sender = Sender::client;
  std::uint8_t reason = 0x81;
};

std::string connect_body(std::uint8_t flags, const std::string& payload) {
  return field("MQTT") + "\x04" + static_cast<char>(flags) + "\0\0"s + payload;
}

std::vector<Case> connect_cases() {
  const auto connect = [](std::uint8_t flags, const std::string& payload) {
    return frame(0x10, connect_body(flags, payload));
  };
  const std::string id = field("id"), rest = "\x02\0\0"s + id;
  const Sender client = Sender::client;
  return {
      {"MQTT-3.1.2-1", "unknown name", frame(0x10, field("MQTX") + "\x04" + rest), client, 0x84},
      {"MQTT-3.1.2-1", "name in lower case", frame(0x10, field("mqtt") + "\x04" + rest), client,
       0x84},
      {"MQTT-3.1.2-1", "no name", frame(0x10, "")},
      {"MQTT-3.1.2-2", "level 5", frame(0x10, field("MQTT") + "\x05" + rest), client, 0x84},
      {"MQTT-3.1.2-2", "level 5, another layout", frame(0x10, field("MQTT") + "\x05\xFF"), client,
       0x84},
      {"MQTT-3.1.2-2", "level 3 of MQTT", frame(0x10, field("MQTT") + "\x03" + rest), client, 0x84},
      {"MQTT-3.1.2-2", "level 4 of MQIsdp", frame(0x10, field("MQIsdp") + "\x04" + rest), client,
       0x84},
      {"MQTT-3.1.2-3", "reserved flag", connect(0x03, id)},
      {"MQTT-3.1.2-13", "will QoS without will", connect(0x0A, id)},
      {"MQTT-3.1.2-15", "will retain without will", connect(0x22, id)},
      {"MQTT-3.1.2-14", "will QoS 3", connect(0x1E, id + field("w") + field("m"))},
      {"MQTT-3.1.2-22", "password without user name", connect(0x42, id + field("p"))},
      {"MQTT-3.1.3-3", "no client id", connect(0x02, "")},
      {"MQTT-3.1.3-3", "client id cut", connect(0x02, "\0\x05id"s)},
      {"MQTT-3.1.3-4", "client id not UTF-8", connect(0x02, field("\xC3"))},
      {"MQTT-1.5.3-2", "client id with U+0000", connect(0x02, field("a\0b"s))},
      {"MQTT-3.1.2-9", "will topic missing", connect(0x06, id)},
      {"MQTT-3.1.2-9", "will message missing", connect(0x06, id + field("w"))},
      {"MQTT-3.1.3-10", "will topic not UTF-8", connect(0x06, id + field("\xFF") + field("m"))},
      {"MQTT-4.7.3-1", "will topic empty", connect(0x06, id + field("") + field("m"))},
      {"MQTT-4.7.1-1", "will topic with wildcard", connect(0x06, id + field("#") + field("m"))},
      {"MQTT-3.1.2-19", "user name missing", connect(0x82, id)},
      {"MQTT-3.1.3-11", "user name not UTF-8", connect(0x82, id + field("\xED\xA0\x80"))},
      {"MQTT-3.1.2-21", "password missing", connect(0xC2, id + field("u"))},
      {"MQTT-3.1.2-18", "user name without flag", connect(0x02, id + field("u"))},
      {"MQTT-3.1.2-20", "password without flag", connect(0x82, id + field("u") + field("p"))},
      {"MQTT-2.2.3", "left over", connect(0xC2, id + field("u") + field("p") + "x")},
      {"MQTT-2.2.3", "cut in keep alive", frame(0x10, field("MQTT") + "\x04\x02\0"s)},
  };
}

std::vector<Case> publish_cases() {
  const auto publish = [](std::uint8_t flags, const std::string& body) {
    return frame(static_cast<std::uint8_t>(0x30 | flags), body);
  };
  const std::string id = "\x00\x01"s;
  return {
      {"MQTT-3.3.1-4", "QoS 3", publish(0x06, field("t") + id)},
      {"MQTT-3.3.1-2", "DUP at QoS 0", publish(0x08, field("t"))},
      {"MQTT-2.2.3", "no topic", publish(0, "")},
      {"MQTT-2.2.3", "topic cut", publish(0, "\x00\x02t"s)},
      {"MQTT-4.7.3-1", "topic empty", publish(0, field(""))},
      {"MQTT-3.3.2-1", "topic not UTF-8", publish(0, field("\xC0\xAF"))},
      {"MQTT-3.3.2-1", "surrogate in topic", publish(0, field("\xED\xBF\xBF"))},
      {"MQTT-1.5.3-2", "U+0000 in topic", publish(0, field("a\0"s))},
      {"MQTT-3.3.2-2", "+ in topic", publish(0, field("a/+"))},
      {"MQTT-3.3.2-2", "# in topic", publish(0, field("a#b"))},
      {"MQTT-2.3.1-1", "QoS 1 with id 0", publish(2, field("t") + "\0\0"s), Sender::client, 0x82},
      {"MQTT-2.3.1-1", "QoS 2 with id 0", publish(4, field("t") + "\0\0"s), Sender::server, 0x82},
      {"MQTT-2.2.3", "no id", publish(2, field("t"))},
      {"MQTT-2.2.3", "half an id", publish(4, field("t") + "\x01")},
  };
}

std::vector<Case> acknowledgement_cases() {
  std::vector<Case> out;
  struct Type {
    std::uint8_t first_byte;
    Sender sender;
    std::string zero_id, flags;
  };
  for (const Type& type : {
           Type{0x40, Sender::client, "MQTT-2.3.1-6", "MQTT-2.2.2-2"},
           Type{0x50, Sender::server, "MQTT-2.3.1-6", "MQTT-2.2.2-2"},
           Type{0x62, Sender::client, "MQTT-2.3.1-6", "MQTT-3.6.1-1"},
           Type{0x70, Sender::server, "MQTT-4.3.3-2", "MQTT-2.2.2-2"},
           Type{0xB0, Sender::server, "MQTT-2.3.1-7", "MQTT-2.2.2-2"},
       }) {
    const std::string what = "type " + std::to_string(type.first_byte >> 4);
    const auto flipped = static_cast<std::uint8_t>(type.first_byte ^ 0x08);
    out.push_back(
        {type.zero_id, what + " id 0", frame(type.first_byte, "\0\0"s), type.sender, 0x82});
    out.push_back({type.flags, what + " flags", frame(flipped, "\0\x01"s), type.sender});
    out.push_back({"MQTT-2.2.3", what + " cut", frame(type.first_byte, "\x01"), type.sender});
    out.push_back(
        {"MQTT-2.2.3", what + " too long", frame(type.first_byte, "\x01\x01\x01"), type.sender});
  }
  return out;
}

std::vector<Case> subscription_cases() {
  const std::string id = "\x00\x01"s;
  const Sender client = Sender::client, server = Sender::server;
  return {
      {"MQTT-3.8.1-1", "flags", frame(0x80, id + field("a") + "\x01")},
      {"MQTT-2.3.1-1", "id 0", frame(0x82, "\0\0"s + field("a") + "\x01"), client, 0x82},
      {"MQTT-3.8.3-3", "no filter", frame(0x82, id), client, 0x82},
      {"MQTT-3.8.3-1", "filter not UTF-8", frame(0x82, id + field("\xFE") + "\x01")},
      {"MQTT-1.5.3-2", "U+0000 in filter", frame(0x82, id + field("a\0"s) + "\x01")},
      {"MQTT-4.7.3-1", "filter empty", frame(0x82, id + field("") + "\x01")},
      {"MQTT-4.7.1-2", "# inside", frame(0x82, id + field("a/#/b") + "\x01")},
      {"MQTT-4.7.1-2", "# in a level", frame(0x82, id + field("a#") + "\x01")},
      {"MQTT-4.7.1-3", "+ in a level", frame(0x82, id + field("a+/b") + "\x01")},
      {"MQTT-3.8.3-4", "QoS 3", frame(0x82, id + field("a") + "\x03")},
      {"MQTT-3.8.3-4", "reserved bits", frame(0x82, id + field("a") + "\x05")},
      {"MQTT-2.2.3", "QoS missing", frame(0x82, id + field("a"))},
      {"MQTT-2.2.3", "second filter cut", frame(0x82, id + field("a") + "\x01\x00\x09x"s)},
      {"MQTT-3.10.1-1", "flags", frame(0xA0, id + field("a"))},
      {"MQTT-2.3.1-1", "id 0", frame(0xA2, "\0\0"s + field("a")), client, 0x82},
      {"MQTT-3.10.3-2", "no filter", frame(0xA2, id), client, 0x82},
      {"MQTT-3.10.3-1", "filter not UTF-8", frame(0xA2, id + field("\x80"))},
      {"MQTT-4.7.1-2", "# inside", frame(0xA2, id + field("#/a"))},
      {"MQTT-2.2.3", "filter cut", frame(0xA2, id + "\0\x02"s + "a")},
      {"MQTT-2.3.1-7", "id 0", frame(0x90, "\0\0\0"s), server, 0x82},
      {"MQTT-3.8.4-5", "no code", frame(0x90, id), server, 0x82},
      {"MQTT-3.9.3-2", "code 3", frame(0x90, id + "\x03"), server},
      {"MQTT-3.9.3-2", "code 0x81", frame(0x90, id + "\x01\x81"), server},
      {"MQTT-2.2.2-2", "flags", frame(0x92, id + "\x01"), server},
  };
}

std::vector<Case> other_cases() {
  const Sender client = Sender::client, server = Sender::server;
  std::vector<Case> out{
      {"MQTT-2.2.1", "type 0", frame(0x00, ""), client},
      {"MQTT-2.2.1", "type 15", frame(0xF0, ""), server},
      {"MQTT-2.2.2-2", "CONNECT flags", frame(0x11, connect_body(2, field("i"))), client},
      {"MQTT-2.2.2-2", "CONNACK flags", frame(0x21, "\0\0"s), server},
      {"MQTT-3.2.2", "reserved acknowledge flag", frame(0x20, "\x02\0"s), server},
      {"MQTT-3.2.2-6", "undefined return code", frame(0x20, "\0\x06"s), server},
      {"MQTT-3.2.2-4", "session present in a refusal", frame(0x20, "\x01\x05"), server, 0x82},
      {"MQTT-2.2.3", "CONNACK cut", frame(0x20, "\0"s), server},
      {"MQTT-2.2.3", "CONNACK too long", frame(0x20, "\0\0\0"s), server},
      {"MQTT-2.2.2-2", "PINGREQ flags", frame(0xC1, ""), client},
      {"MQTT-2.2.2-2", "PINGRESP flags", frame(0xD4, ""), server},
      {"MQTT-3.14.1-1", "DISCONNECT flags", frame(0xE1, ""), client},
      {"MQTT-2.2.3", "PINGREQ with a body", frame(0xC0, "x"), client},
      {"MQTT-2.2.3", "PINGRESP with a body", frame(0xD0, "x"), server},
      {"MQTT-2.2.3", "DISCONNECT with a body", frame(0xE0, "x"), client},
      {"MQTT-2.2.3", "no header", {}, client},
      {"MQTT-2.2.3", "half a header", {0xC0}, client},
      {"MQTT-2.2.3", "length not minimal", {0xC0, 0x80, 0x00}, client},
      {"MQTT-2.2.3", "length of five bytes", {0x30, 0x80, 0x80, 0x80, 0x80, 0x01}, client},
      {"MQTT-2.2.3", "less than announced", {0x30, 0x05, 0, 1, 't'}, client},
      {"MQTT-2.2.3", "more than announced", {0xC0, 0x00, 0x00}, client},
  };
  // Table 2.1: who may send what.
  for (const Sample& sample : samples()) {
    const PacketType type = type_of(sample.packet);
    const bool both =
        type == PacketType::publish || (type >= PacketType::puback && type <= PacketType::pubcomp);
    if (both) continue;
    out.push_back({"MQTT-2.2.1", "wrong sender of " + std::string(name(type)), sample.bytes,
                   sample.sender == client ? server : client, 0x82});
  }
  return out;
}

void expect_violations(const std::vector<Case>& cases) {
  for (const Case& c : cases) {
    const auto packet = decoded(c.bytes, c.sender);
    ASSERT_FALSE(packet) << c.statement << " " << c.what << ": " << describe(*packet);
    EXPECT_EQ(packet.violation().statement, c.statement) << c.what;
    EXPECT_EQ(packet.violation().reason, c.reason) << c.statement << " " << c.what;
  }
}

// Ill-formed strings and U+0000 in topics: MQTT-1.5.3-1, MQTT-4.7.3-2.
TEST(Strictness, Connect) { expect_violations(connect_cases()); }
TEST(Strictness, Publish) { expect_violations(publish_cases()); }
TEST(Strictness, Acknowledgements) { expect_violations(acknowledgement_cases()); }
TEST(Strictness, SubscribeAndUnsubscribe) { expect_violations(subscription_cases()); }
TEST(Strictness, HeadersSendersAndTheRest) { expect_violations(other_cases()); }

TEST(Strictness, UnsupportedLevelIsTheViolationThatABrokerAnswers) {
  const auto packet = decoded(frame(0x10, field("MQTT") + "\x05"), Sender::client);
  ASSERT_FALSE(packet);
  EXPECT_EQ(packet.violation(), unsupported_protocol_level);
}

// MQTT-2.2.2-2: all 16 values of the flags, for every type whose flags are fixed.
TEST(Strictness, EveryOtherValueOfTheFlagsIsRefused) {
  for (const Sample& sample : samples()) {
    if (type_of(sample.packet) == PacketType::publish) continue;
    for (std::uint8_t flags = 0; flags < 16; ++flags) {
      Buffer bytes = sample.bytes;
      bytes[0] = static_cast<std::uint8_t>((bytes[0] & 0xF0) | flags);
      EXPECT_EQ(bool(decoded(bytes, sample.sender)), bytes == sample.bytes);
    }
  }
}

// All 256 values of the Connect Flags with all payload fields that they ask for: MQTT-3.1.2-3, -11,
// -13, -14, -15 and -22 say exactly which are allowed.
TEST(Strictness, EveryValueOfConnectFlags) {
  for (int flags = 0; flags < 256; ++flags) {
    const bool will = flags & 4, user = flags & 0x80, password = flags & 0x40;
    const int will_qos = flags >> 3 & 3;
    std::string payload = field("id");
    if (will) payload += field("w") + field("m");
    if (user) payload += field("u");
    if (password) payload += field("p");
    const bool allowed = !(flags & 1) && will_qos != 3 &&
                         (will || (will_qos == 0 && !(flags & 0x20))) && (user || !password);
    const auto body = connect_body(static_cast<std::uint8_t>(flags), payload);
    EXPECT_EQ(bool(decoded(frame(0x10, body), Sender::client)), allowed) << flags;
  }
}

// MQTT-1.5.3-3: U+FEFF is kept, at any place.
TEST(Strictness, ByteOrderMarkIsACharacter) {
  const std::string topic =
      "\xEF\xBB\xBF"
      "a/\xEF\xBB\xBF";
  const auto packet = decoded(frame(0x30, field(topic)), Sender::client);
  ASSERT_TRUE(packet);
  EXPECT_EQ(std::get<Publish>(*packet).topic.text(), topic);
}

}  // namespace
}  // namespace mqttlab
