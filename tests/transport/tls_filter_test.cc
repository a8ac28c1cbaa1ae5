#include "tests/support/tls_pair.h"

namespace mqttlab::testing {
namespace {

std::string text_of_size(std::size_t size, char first) {
  std::string text(size, ' ');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>(first + (i * i / 7) % 61);
  return text;
}

const TestCertificates& certificates() {
  static const TestCertificates made;
  return made;
}

using Ends = std::vector<CloseCause>;

TEST(TlsFilter, CarriesBytesBothWaysAndClosesInOrder) {
  TlsPair pair(certificates().server_settings(), certificates().client_settings());
  pair.client_talker.to_say = "ping";
  pair.server_talker.to_say = "pong";
  pair.wire.run();
  EXPECT_EQ(pair.server_talker.heard, "ping");
  EXPECT_EQ(pair.client_talker.heard, "pong");
  EXPECT_TRUE(pair.server.is_established() && pair.client.is_established());
  EXPECT_EQ(pair.server_meets.front().certificate, "");
  pair.client_talker.finish_when_said = true;
  pair.wire.wake();
  EXPECT_TRUE(pair.wire.over());
  EXPECT_EQ(pair.client_talker.ends, Ends{CloseCause::local});
  EXPECT_EQ(pair.server_talker.ends, Ends{CloseCause::fin});
  EXPECT_EQ(pair.server.failure() + pair.client.failure(), "");
}

struct Traffic {
  const char* name;
  std::size_t segment, buffer, piece, most_pieces, room, bytes;
};

class TlsTraffic : public ::testing::TestWithParam<Traffic> {};

TEST_P(TlsTraffic, ArrivesWholeUnderBackPressure) {
  const Traffic& t = GetParam();
  for (const TlsVersion version : {TlsVersion::v1_2, TlsVersion::v1_3}) {
    auto server = certificates().server_settings();
    server.oldest = server.newest = version;
    TlsPair pair(server, certificates().client_settings());
    pair.wire.segment = t.segment;
    pair.wire.buffer = t.buffer;
    for (Talker* talker : {&pair.server_talker, &pair.client_talker}) {
      talker->to_say = text_of_size(t.bytes, talker == &pair.server_talker ? 'a' : 'A');
      talker->piece_bytes = t.piece;
      talker->most_pieces = t.most_pieces;
      talker->room_bytes = t.room;
    }
    pair.wire.run();
    EXPECT_TRUE(pair.server_talker.heard == pair.client_talker.to_say);
    EXPECT_TRUE(pair.client_talker.heard == pair.server_talker.to_say);
    EXPECT_FALSE(pair.wire.over());
    EXPECT_EQ(pair.server.buffer_bytes() + pair.client.buffer_bytes(), 0u);
  }
}

INSTANTIATE_TEST_SUITE_P(
    , TlsTraffic,
    ::testing::Values(Traffic{"bytes", 1, 1, 1, 1, 1, 300},
                      Traffic{"byte_segments", 1, 65'536, 700, 9, 5'000, 20'000},
                      Traffic{"tiny_room", 65'536, 65'536, 65'536, 1, 3, 200'000},
                      Traffic{"tiny_pieces", 65'536, 65'536, 3, 7, 65'536, 200'000},
                      Traffic{"small_buffer", 1'500, 1'500, 100, 64, 500, 500'000},
                      Traffic{"megabytes", 65'536, 65'536, 1'000, 99, 60'000, 4'000'000}),
    [](const auto& info) { return info.param.name; });

TEST(TlsFilter, HoldsNoMoreThanItsBoundWhenTheInnerPeerHearsNothing) {
  TlsPair pair(certificates().server_settings(), certificates().client_settings());
  pair.wire.run();
  pair.server_talker.room_bytes = 0;
  pair.client_talker.to_say = text_of_size(1'000'000, 'a');
  pair.wire.wake();
  EXPECT_TRUE(pair.server.space().empty());
  EXPECT_EQ(pair.server_talker.heard, "");
  EXPECT_LE(pair.server.buffer_bytes(), RecordBytes::in_bytes);
  EXPECT_LE(pair.client.buffer_bytes(), 80u << 10);
  // The transport, both filters, and a record within OpenSSL; the rest waits where it comes from.
  EXPECT_LE(pair.client_talker.said(), (65u + 16 + 33 + 16) << 10);
  pair.server_talker.room_bytes = 5'000;
  pair.wire.wake();
  EXPECT_TRUE(pair.server_talker.heard == pair.client_talker.to_say);
}

TEST(TlsFilter, WritesFullRecordsForManySmallPackets) {
  TlsPair pair(certificates().server_settings(), certificates().client_settings());
  pair.wire.run();
  const std::size_t before = pair.wire.end(1).written.size();
  pair.client_talker.to_say = text_of_size(64 * 1'000, 'a');
  pair.client_talker.piece_bytes = 250;
  pair.wire.wake();
  // 22 bytes a record of TLS 1.3: four records, not 256.
  EXPECT_EQ(pair.wire.end(1).written.size() - before, 64'000u + 4 * 22);
}

TEST(TlsFilter, TellsTheEndOnceWhereverTheStreamIsCut) {
  TlsPair whole(certificates().mutual());
  whole.client_talker.to_say = whole.server_talker.to_say = "something";
  whole.client_talker.finish_when_said = true;
  whole.wire.run();
  ASSERT_TRUE(whole.wire.over());
  const std::size_t bytes = whole.wire.end(0).written.size() + whole.wire.end(1).written.size();
  for (std::size_t cut = 1; cut <= bytes; cut += 4) {
    TlsPair pair(certificates().mutual());
    pair.client_talker.to_say = pair.server_talker.to_say = "something";
    pair.client_talker.finish_when_said = true;
    pair.wire.segment = 1 + cut % 300;
    pair.wire.cut_at = cut;
    pair.wire.run();
    EXPECT_TRUE(pair.wire.over()) << cut;
    EXPECT_EQ(pair.server_talker.ends.size(), pair.server_meets.size()) << cut;
    EXPECT_EQ(pair.client_talker.ends.size(), pair.client_meets.size()) << cut;
    EXPECT_EQ(pair.server.is_established(), pair.server_meets.size() == 1) << cut;
    EXPECT_NE(pair.server.is_established(), pair.server.failure() != "") << cut;
    EXPECT_EQ(pair.server.buffer_bytes() + pair.client.buffer_bytes(), 0u) << cut;
  }
}

TEST(TlsFilter, TakesAStreamWithoutGoodbyeForCut) {
  TlsPair pair(certificates().server_settings(), certificates().client_settings());
  pair.wire.run();
  pair.server.closed(CloseCause::fin, 0);
  EXPECT_EQ(pair.server_talker.ends, Ends{CloseCause::reset});
}

TEST(TlsFilter, ClosesInOrderWhenNobodyWantsIt) {
  TlsPair pair(certificates().server_settings(), certificates().client_settings());
  pair.wanted = false;
  pair.wire.run();
  EXPECT_TRUE(pair.wire.over());
  EXPECT_EQ(pair.server.failure() + pair.client.failure(), "");
}

TEST(TlsFilter, EndsAHandshakeThatTakesTooLong) {
  auto settings = certificates().server_settings();
  settings.handshake_timeout = 3 * second;
  Talker talker;
  TlsFilter server(
      std::make_shared<TlsContext>(settings), [&](const auto&, Time) { return &talker; },
      1 * second);
  EXPECT_EQ(server.deadline(), 4 * second);
  server.advance(4 * second - 1);
  EXPECT_FALSE(server.finished());
  server.advance(4 * second);
  EXPECT_TRUE(server.finished());
  EXPECT_EQ(server.deadline(), never);
  EXPECT_EQ(server.failure(), "the other end has not finished the TLS handshake in time");
}

struct Stranger {
  const char* name;
  std::string bytes;
  const char* failure;
};

class TlsStrangers : public ::testing::TestWithParam<Stranger> {};

TEST_P(TlsStrangers, AreToldFromTheirFirstBytes) {
  for (const std::size_t segment : {std::size_t{1}, std::size_t{65'536}}) {
    TlsFilter server(
        std::make_shared<TlsContext>(certificates().server_settings()),
        [&](const auto&, Time) -> Peer* {
          ADD_FAILURE() << "established";
          return nullptr;
        },
        0);
    Talker stranger;
    stranger.to_say = GetParam().bytes;
    Duplex wire(server, stranger);
    wire.segment = segment;
    wire.run(never - 1);
    EXPECT_TRUE(wire.over());
    EXPECT_EQ(server.failure(), GetParam().failure);
  }
}

std::string handshake_garbage() {
  std::string bytes;  // records of a ClientHello that claims to be 16 MB
  for (int i = 0; i < 40; ++i) {
    bytes += std::string("\x16\x03\x01\x08\x00", 5);
    bytes += i == 0 ? std::string("\x01\xff\xff\xff", 4) + std::string(2'044, 'x')
                    : std::string(2'048, 'x');
  }
  return bytes;
}

INSTANTIATE_TEST_SUITE_P(
    , TlsStrangers,
    ::testing::Values(
        Stranger{"mqtt", std::string("\x10\x0c\0\x04MQTT\x04\x02\0\x3c\0\0", 14),
                 "not TLS: the other end speaks plain MQTT"},
        Stranger{"http", "GET / HTTP/1.1\r\n\r\n", "not TLS: the other end speaks plain HTTP"},
        Stranger{"zero", std::string(100, '\0'), "not TLS: the first byte is 0"},
        Stranger{"garbage", handshake_garbage(),
                 "the other end breaks TLS: excessive message size"},
        Stranger{"silence", "", "the other end has not finished the TLS handshake in time"},
        Stranger{"half_a_hello", std::string("\x16\x03\x01\x02\x00\x01\x00\x01", 8),
                 "the other end has not finished the TLS handshake in time"}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace mqttlab::testing
