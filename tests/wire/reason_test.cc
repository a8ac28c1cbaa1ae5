// Every reason code in every packet, from either end. What is expected is written down once more.
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "tests/wire/samples.h"

namespace mqttlab {
namespace {

using namespace test;
using namespace std::string_literals;

struct Carrier {
  PacketType type;
  std::string_view statement;
  std::uint8_t first_byte;
  std::string before, after;     // the code
  std::set<int> client, server;  // who may send which; empty: not this packet at all
};

std::vector<Carrier> carriers() {
  const std::string id = "\0\x01"s, method = set("\x15"s + field("m"));
  const std::set<int> acknowledged{0x00, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99};
  std::set<int> acknowledged_by_server = acknowledged;
  acknowledged_by_server.insert(0x10);
  const std::set<int> released{0x00, 0x92};
  return {
      {PacketType::connack, "MQTT-3.2.2-8", 0x20, "\0"s, set(""), {}, {0x00, 0x80, 0x81, 0x82, 0x83,
                                                                       0x84, 0x85, 0x86, 0x87, 0x88,
                                                                       0x89, 0x8A, 0x8C, 0x90, 0x95,
                                                                       0x97, 0x99, 0x9A, 0x9B, 0x9C,
                                                                       0x9D, 0x9F}},
      {PacketType::puback, "MQTT-3.4.2-1", 0x40, id, "", acknowledged, acknowledged_by_server},
      {PacketType::pubrec, "MQTT-3.5.2-1", 0x50, id, "", acknowledged, acknowledged_by_server},
      {PacketType::pubrel, "MQTT-3.6.2-1", 0x62, id, "", released, released},
      {PacketType::pubcomp, "MQTT-3.7.2-1", 0x70, id, "", released, released},
      {PacketType::suback,
       "MQTT-3.9.3-2",
       0x90,
       id + set(""),
       "",
       {},
       {0, 1, 2, 0x80, 0x83, 0x87, 0x8F, 0x91, 0x97, 0x9E, 0xA1, 0xA2}},
      {PacketType::unsuback,
       "MQTT-3.11.3-2",
       0xB0,
       id + set(""),
       "",
       {},
       {0x00, 0x11, 0x80, 0x83, 0x87, 0x8F, 0x91}},
      {PacketType::disconnect,
       "MQTT-3.14.2-1",
       0xE0,
       "",
       "",
       {0x00, 0x04, 0x80, 0x81, 0x82, 0x83, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99},
       {0x00, 0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8B, 0x8C, 0x8D, 0x8E, 0x8F, 0x90, 0x93, 0x94,
        0x95, 0x96, 0x97, 0x98, 0x99, 0x9A, 0x9B, 0x9C, 0x9D, 0x9E, 0x9F, 0xA0, 0xA1, 0xA2}},
      {PacketType::auth, "MQTT-3.15.2-1", 0xF0, "", method, {0x18, 0x19}, {0x00, 0x18}},
  };
}

// MQTT-3.2.2-8, MQTT-3.4.2-1, MQTT-3.5.2-1, MQTT-3.6.2-1, MQTT-3.7.2-1, MQTT-3.9.3-2,
// MQTT-3.11.3-2, MQTT-3.14.2-1, MQTT-3.15.2-1.
TEST(Reason, EveryCodeInEveryPacketFromEitherEnd) {
  for (const Carrier& carrier : carriers()) {
    for (const Sender sender : {Sender::client, Sender::server}) {
      const auto& mine = sender == Sender::client ? carrier.client : carrier.server;
      const auto& other = sender == Sender::client ? carrier.server : carrier.client;
      if (mine.empty()) continue;
      for (int code = 0; code < 256; ++code) {
        const std::string body = carrier.before + static_cast<char>(code) + carrier.after;
        const auto packet = decoded(frame(carrier.first_byte, body), sender, ProtocolVersion::v5_0);
        const std::string where = std::string(name(carrier.type)) + " " + std::to_string(code);
        ASSERT_EQ(bool(packet), mine.contains(code)) << where;
        if (packet) {
          EXPECT_TRUE(
              decoded(encoded(*packet, ProtocolVersion::v5_0), sender, ProtocolVersion::v5_0))
              << where;
          continue;
        }
        EXPECT_EQ(packet.violation().statement, carrier.statement) << where;
        EXPECT_EQ(packet.violation().reason, other.contains(code) ? 0x82 : 0x81) << where;
      }
    }
  }
}

TEST(Reason, NamesAreThoseOfThePacket) {
  EXPECT_EQ(name(ReasonCode::success, PacketType::puback), "Success");
  EXPECT_EQ(name(ReasonCode::success, PacketType::suback), "Granted QoS 0");
  EXPECT_EQ(name(ReasonCode::success, PacketType::disconnect), "Normal disconnection");
  EXPECT_EQ(name(ReasonCode::quota_exceeded, PacketType::puback), "Quota exceeded");
  EXPECT_EQ(name(ReasonCode::quota_exceeded, PacketType::pubrel), "?");
  std::map<int, int> rows;
  for (const ReasonRule& rule : reason_rules()) {
    ++rows[static_cast<int>(rule.code)];
    EXPECT_FALSE(rule.name.empty());
    EXPECT_NE(rule.from_client | rule.from_server, 0) << rule.name;
  }
  EXPECT_EQ(rows.size(), 43u);
  EXPECT_EQ(rows[0], 3);
}

}  // namespace
}  // namespace mqttlab
