// Taps: bytes at the host boundary become packet events.
#include "protocol/trace/tap.h"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

#include "protocol/wire/codec.h"

namespace mqttlab::trace {
namespace {

using Buffer = std::vector<std::uint8_t>;

Slice slice(std::string_view text) { return Slice::copy_of(text); }

Buffer encoded(const std::vector<Packet>& packets,
               ProtocolVersion version = ProtocolVersion::v3_1_1) {
  Outbox out;
  for (const Packet& packet : packets) encode(packet, version, out);
  std::array<Bytes, 64> pieces;
  Buffer bytes;
  for (std::size_t i = 0, n = out.pending(pieces); i < n; ++i)
    bytes.insert(bytes.end(), pieces[i].begin(), pieces[i].end());
  return bytes;
}

Connect connect_with_will() {
  Connect packet;
  packet.client_id = slice("meter-1");
  packet.clean_session = false;
  packet.keep_alive_s = 30;
  packet.will = Will{slice("will/meter-1"), slice("gone"), QoS::exactly_once, true};
  return packet;
}

std::vector<Packet> client_packets() {
  return {connect_with_will(),
          Subscribe{1, {{slice("a/+"), QoS::at_least_once}, {slice("#"), QoS::exactly_once}}},
          Publish{slice("a/b"), slice("21.5"), QoS::exactly_once, true, true, 7},
          Publish{slice("a/b"), slice(std::string(5'000, 'x')), QoS::at_most_once, false, false, 0},
          Pubrel{7},
          Unsubscribe{9, {slice("a/+")}},
          Pingreq{},
          Disconnect{}};
}

std::vector<Packet> server_packets() {
  return {Connack{true, ConnectReturn::accepted},
          Suback{1, {1, suback_failure}},
          Pubrec{7},
          Pubcomp{7},
          Unsuback{9},
          Pingresp{}};
}

class TapTest : public testing::Test {
 protected:
  TapTest() {
    log.add_actor("broker");
    log.add_actor("meter-1");
  }
  const Event& event(std::size_t index) const { return log.events().at(index); }
  Log log;
};

TEST_F(TapTest, EveryPacketBecomesAnEventWithItsFields) {
  Tap tap(log, End::client, 1, 42, 100);
  tap.written(encoded(client_packets()), 200);
  tap.arrived(encoded(server_packets()), 300);
  tap.closed(CloseCause::reset, 400);

  ASSERT_EQ(log.events().size(), 1 + client_packets().size() + server_packets().size() + 1);
  for (const Event& e : log.events()) {
    EXPECT_EQ(e.actor, 1u);
    EXPECT_EQ(e.connection, 42u);
    EXPECT_EQ(e.end, End::client);
  }
  EXPECT_EQ(event(0).kind, Kind::opened);
  EXPECT_EQ(event(0).at, 100);
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i < client_packets().size(); ++i) {
    EXPECT_EQ(event(1 + i).kind, Kind::written);
    EXPECT_EQ(event(1 + i).packet, type_of(client_packets()[i]));
    EXPECT_EQ(event(1 + i).bytes, encoded({client_packets()[i]}).size());
    EXPECT_EQ(event(1 + i).at, 200);
    bytes += event(1 + i).bytes;
  }
  EXPECT_EQ(tap.written_bytes(), bytes);

  const ConnectDetail& connect = log.detail<ConnectDetail>(event(1).detail);
  EXPECT_EQ(log.text(event(1).text), "meter-1");
  EXPECT_FALSE(connect.clean_session);
  EXPECT_EQ(connect.keep_alive_s, 30);
  EXPECT_TRUE(connect.has_will && connect.will_retain && !connect.will_payload_empty);
  EXPECT_EQ(connect.will_qos, QoS::exactly_once);
  EXPECT_EQ(log.text(connect.will_topic), "will/meter-1");
  EXPECT_EQ(connect.will_message, Log::identity("will/meter-1", slice("gone").bytes()));

  const auto& filters = log.detail<FiltersDetail>(event(2).detail).filters;
  ASSERT_EQ(filters.size(), 2u);
  EXPECT_EQ(event(2).packet_id, 1);
  EXPECT_EQ(log.text(filters[0].filter), "a/+");
  EXPECT_EQ(filters[1].qos(), 2);

  EXPECT_EQ(qos_of(event(3)), QoS::exactly_once);
  EXPECT_TRUE(dup_of(event(3)) && retain_of(event(3)));
  EXPECT_EQ(event(3).packet_id, 7);
  EXPECT_EQ(event(3).payload_bytes, 4u);
  EXPECT_EQ(log.text(event(3).text), "a/b");
  EXPECT_EQ(event(3).message, Log::identity("a/b", slice("21.5").bytes()));
  EXPECT_EQ(event(4).flags, 0);
  EXPECT_EQ(event(5).packet_id, 7);
  EXPECT_EQ(log.text(log.detail<FiltersDetail>(event(6).detail).filters.at(0).filter), "a/+");

  const std::size_t arrived = 1 + client_packets().size();
  EXPECT_EQ(event(arrived).kind, Kind::arrived);
  EXPECT_EQ(event(arrived).flags, 1);
  EXPECT_EQ(log.detail<FiltersDetail>(event(arrived + 1).detail).filters.at(1).code,
            suback_failure);
  EXPECT_EQ(event(log.events().size() - 1).kind, Kind::closed);
  EXPECT_EQ(event(log.events().size() - 1).code, static_cast<std::uint8_t>(CloseCause::reset));
}

TEST_F(TapTest, TheBrokersEndSeesTheDirectionsTheOtherWayRound) {
  Tap tap(log, End::broker, 0, 42, 0);
  tap.arrived(encoded(client_packets()), 1);
  tap.written(encoded(server_packets()), 2);
  for (const Event& e : log.events()) EXPECT_NE(e.kind, Kind::malformed);
  EXPECT_EQ(event(1).kind, Kind::arrived);
  EXPECT_EQ(event(1).packet, PacketType::connect);
}

// A packet is written when its last byte is taken, and every split tells the same.
TEST_F(TapTest, EverySplitGivesTheSamePacketsAtTheTimeOfTheirLastByte) {
  const Buffer bytes = encoded(client_packets());
  for (std::size_t at = 0; at <= bytes.size(); ++at) {
    Log split_log;
    split_log.add_actor("meter-1");
    Tap tap(split_log, End::client, 0, 1, 0);
    tap.written(Bytes(bytes).first(at), 1);
    tap.written(Bytes(bytes).subspan(at), 2);
    tap.closed(CloseCause::fin, 3);
    ASSERT_EQ(split_log.events().size(), client_packets().size() + 2);
    std::size_t end = 0;
    for (std::size_t i = 1; i <= client_packets().size(); ++i) {
      const Event& e = split_log.events()[i];
      end += e.bytes;
      ASSERT_EQ(e.packet, type_of(client_packets()[i - 1]));
      ASSERT_EQ(e.at, end <= at ? 1 : 2) << "split at " << at << " packet " << i;
    }
  }
}

TEST_F(TapTest, ByteByByteGivesTheSameFingerprintAsWhole) {
  const auto run = [](std::size_t piece) {
    Log run_log;
    run_log.add_actor("meter-1");
    Tap tap(run_log, End::client, 0, 1, 0);
    const Buffer bytes = encoded(client_packets());
    for (std::size_t at = 0; at < bytes.size(); at += piece)
      tap.written(Bytes(bytes).subspan(at, std::min(piece, bytes.size() - at)), 1);
    return run_log.fingerprint();
  };
  EXPECT_EQ(run(1), run(1 << 20));
  EXPECT_EQ(run(7), run(1 << 20));
}

TEST_F(TapTest, WhatIsLeftAtTheEndIsATailPerDirection) {
  Tap tap(log, End::client, 1, 1, 0);
  tap.written(Buffer{0xC0, 0x00, 0x30, 0x09, 0x00}, 1);
  tap.arrived(Buffer{0xD0}, 2);
  tap.closed(CloseCause::timeout, 3);
  tap.closed(CloseCause::fin, 4);
  tap.arrived(Buffer{0x00}, 5);  // would complete a PINGRESP
  ASSERT_EQ(log.events().size(), 5u);
  EXPECT_EQ(event(2).kind, Kind::tail);
  EXPECT_EQ(event(2).bytes, 3u);
  EXPECT_EQ(event(2).flags, 0);
  EXPECT_EQ(event(3).kind, Kind::tail);
  EXPECT_EQ(event(3).bytes, 1u);
  EXPECT_EQ(event(3).flags, 1);
  EXPECT_EQ(event(4).kind, Kind::closed);
  EXPECT_EQ(event(4).at, 3);
}

TEST_F(TapTest, MalformedBytesStopTheirDirectionOnly) {
  Tap tap(log, End::broker, 0, 1, 0);
  tap.arrived(encoded({connect_with_will()}), 1);
  tap.arrived(Buffer{0xC1, 0x00, 0xC0, 0x00}, 2);
  tap.arrived(Buffer{0xC0, 0x00, 0x30}, 3);
  tap.written(encoded({Connack{}}), 4);
  tap.closed(CloseCause::local, 5);
  ASSERT_EQ(log.events().size(), 5u);
  EXPECT_EQ(event(2).kind, Kind::malformed);
  EXPECT_EQ(event(2).code, 0x81);
  EXPECT_EQ(event(2).flags, 1);
  EXPECT_EQ(event(2).bytes, 2u);
  EXPECT_EQ(log.text(event(2).text), "MQTT-2.2.2-2");
  EXPECT_EQ(event(3).packet, PacketType::connack);
  EXPECT_EQ(event(4).kind, Kind::closed);
}

TEST_F(TapTest, AHeaderThatIsNoneIsMalformedAtOnce) {
  Tap tap(log, End::broker, 0, 1, 0);
  tap.arrived(encoded({connect_with_will()}), 1);
  tap.arrived(Buffer{0x30, 0xFF, 0xFF, 0xFF, 0xFF, 0x01}, 2);
  tap.closed(CloseCause::local, 3);
  ASSERT_EQ(log.events().size(), 4u) << "no tail after malformed bytes";
  EXPECT_EQ(event(2).kind, Kind::malformed);
  EXPECT_EQ(log.text(event(2).text), "MQTT-2.2.3");
}

TEST_F(TapTest, APacketOfTheWrongSenderIsMalformed) {
  Tap tap(log, End::broker, 0, 1, 0);
  tap.arrived(encoded({Connack{}}), 1);
  EXPECT_EQ(event(1).kind, Kind::malformed);
  EXPECT_EQ(event(1).code, 0x82);
}

// Under 3.1 a repeated PUBREL may carry DUP: the tap has learnt the version from CONNECT.
TEST_F(TapTest, ConnectSetsTheVersion) {
  for (const auto version : {ProtocolVersion::v3_1, ProtocolVersion::v3_1_1}) {
    Log version_log;
    version_log.add_actor("broker");
    Tap tap(version_log, End::broker, 0, 1, 0);
    Connect connect = connect_with_will();
    connect.version = version;
    tap.arrived(encoded({connect}), 1);
    tap.arrived(Buffer{0x6A, 0x02, 0x00, 0x01}, 2);
    EXPECT_EQ(version_log.detail<ConnectDetail>(version_log.events()[1].detail).version, version);
    EXPECT_EQ(version_log.events()[2].kind,
              version == ProtocolVersion::v3_1 ? Kind::arrived : Kind::malformed);
  }
}

}  // namespace
}  // namespace mqttlab::trace
