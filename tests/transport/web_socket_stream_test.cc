// Client against server: the inner Peers' streams arrive whole, however the bytes travel, and end
// once, wherever the connection breaks.
#include <gtest/gtest.h>
#include <malloc.h>

#include <cstdio>
#include <memory>

#include "tests/support/duplex.h"
#include "tests/transport/web_socket_script.h"

namespace mqttlab {
namespace {

using namespace testing;

/// Both ends, and the wire between them.
struct Pair {
  explicit Pair(std::uint64_t seed = 1, WebSocketSettings common = {})
      : server_settings{common, "/mqtt", {}, {}, {}},
        client_settings{common, "broker.example", "/mqtt", {}},
        client(client_settings, Random(seed, "mask"), gives(&at_client), 0) {}
  WebSocketServerSettings server_settings;
  WebSocketClientSettings client_settings;
  Talker at_server, at_client;
  WebSocketServerFilter server{server_settings, gives(&at_server), 0};
  WebSocketClientFilter client;
  Duplex wire{client, server};
};

std::string random_bytes(Random& random, std::size_t size) {
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random.below(256));
  return bytes;
}

TEST(WebSocketStream, ClientAndServerAgreeAndPart) {
  for (const bool client_ends : {true, false}) {
    Pair pair;
    pair.at_client.to_say = "CONNECT";
    pair.at_server.to_say = "CONNACK";
    pair.wire.run();
    EXPECT_EQ(pair.at_server.heard, "CONNECT");
    EXPECT_EQ(pair.at_client.heard, "CONNACK");
    (client_ends ? pair.at_client : pair.at_server).to_say += "DISCONNECT";
    (client_ends ? pair.at_client : pair.at_server).finish_when_said = true;
    pair.wire.wake();
    EXPECT_EQ((client_ends ? pair.at_server : pair.at_client).heard.substr(7), "DISCONNECT");
    const std::vector here{CloseCause::local}, there{CloseCause::fin};
    EXPECT_EQ(pair.at_client.ends, client_ends ? here : there);
    EXPECT_EQ(pair.at_server.ends, client_ends ? there : here);
    EXPECT_TRUE(pair.wire.over());
    EXPECT_EQ(pair.client.failure() + pair.server.failure(), "");
  }
}

TEST(WebSocketStream, EverySplitIsTheSame) {  // MQTT-6.0.0-2
  Pair whole;
  whole.at_client.to_say = "CONNECT and SUBSCRIBE";
  whole.at_server.to_say = "CONNACK and SUBACK";
  whole.wire.run();
  const auto play = [&](int end, std::size_t cut, std::size_t chunk) {
    Pair pair;
    WebSocketFilter& filter = end == 1 ? static_cast<WebSocketFilter&>(pair.server) : pair.client;
    const std::string& bytes = whole.wire.end(1 - end).written;
    give(filter, bytes.substr(0, cut), 0, chunk);
    take(filter);
    give(filter, bytes.substr(cut), 0, chunk);
    EXPECT_TRUE(filter.is_established());
    EXPECT_EQ(filter.failure(), "");
    EXPECT_EQ((end == 1 ? pair.at_server : pair.at_client).heard,
              (end == 1 ? whole.at_client : whole.at_server).to_say);
  };
  for (const int end : {0, 1}) {
    const std::size_t size = whole.wire.end(1 - end).written.size();
    for (std::size_t cut = 0; cut <= size; ++cut) play(end, cut, size);
    for (const std::size_t chunk : {1, 2, 3, 5, 8, 13}) play(end, 0, chunk);
  }
}

TEST(WebSocketStream, EveryCutEndsBothOnce) {
  for (const std::size_t segment : {1 << 16, 7}) {
    std::size_t written = 0;
    for (std::size_t cut = 0; cut == 0 || written == cut - 1; ++cut) {
      Pair pair;
      pair.wire.segment = segment;
      pair.wire.cut_at = cut;
      pair.at_client.to_say = "CONNECT, DISCONNECT";
      pair.at_client.finish_when_said = true;
      pair.at_server.to_say = "CONNACK";
      pair.wire.run();
      written = pair.wire.end(0).written.size() + pair.wire.end(1).written.size();
      EXPECT_TRUE(pair.wire.over()) << cut;
      EXPECT_EQ(pair.at_server.ends.size(), pair.server.is_established() ? 1U : 0U) << cut;
      EXPECT_EQ(pair.at_client.ends.size(), pair.client.is_established() ? 1U : 0U) << cut;
      EXPECT_EQ(pair.server.failure().empty(), pair.server.is_established()) << cut;
      EXPECT_EQ(pair.client.failure().empty(), pair.client.is_established()) << cut;
      EXPECT_TRUE(pair.at_client.to_say.starts_with(pair.at_server.heard)) << cut;
      EXPECT_TRUE(pair.at_server.to_say.starts_with(pair.at_client.heard)) << cut;
    }
    EXPECT_GT(written, 300U);
  }
}

// Random payloads, segments, buffers, room and silence; pings of both ends between them.
TEST(WebSocketStream, StreamsArriveWhole) {  // MQTT-6.0.0-2
  std::uint64_t moved = 0;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed, "story");
    WebSocketSettings settings;
    settings.ping_interval = 2 * second;
    settings.pong_timeout = 1000 * second;
    settings.open_timeout = 1000 * second;
    Pair pair(seed, settings);
    const std::size_t longest = random.below(2) ? 200 : 30'000;
    for (int step = 0; step < 40; ++step) {
      const bool up = random.below(2) == 0;
      Talker& talker = up ? pair.at_client : pair.at_server;
      talker.to_say += random_bytes(random, random.below(longest));
      talker.piece_bytes = 1 + random.below(5'000);
      talker.room_bytes = random.below(3) * random.below(3'000);
      pair.wire.segment = 1 + random.below(longest);
      pair.wire.buffer = random.below(longest);
      pair.wire.wake();
      pair.wire.run(pair.wire.now + static_cast<Time>(random.below(3 * second)));
      for (WebSocketFilter* end : {static_cast<WebSocketFilter*>(&pair.client),
                                   static_cast<WebSocketFilter*>(&pair.server)}) {
        std::array<Bytes, 32> pieces;
        std::size_t size = 0;
        for (std::size_t i = end->pending(pieces); i-- > 0;) size += pieces[i].size();
        ASSERT_LE(size, WebSocketFilter::frame_bytes + 512) << "buffers are bounded";
      }
    }
    pair.wire.buffer = 65'536;
    for (Talker* talker : {&pair.at_client, &pair.at_server}) talker->room_bytes = 1'000;
    pair.wire.wake();
    EXPECT_TRUE(pair.at_server.heard == pair.at_client.to_say);
    EXPECT_TRUE(pair.at_client.heard == pair.at_server.to_say);
    EXPECT_EQ(pair.client.failure() + pair.server.failure(), "");
    moved += pair.at_server.heard.size() + pair.at_client.heard.size();
  }
  EXPECT_GT(moved, 10'000'000U);
}

TEST(WebSocketStream, BadBytesEndInOrder) {
  int failures = 0;
  for (std::uint64_t seed = 1; seed <= 500; ++seed) {
    Random random(seed, "corruption");
    Pair pair(seed);
    pair.wire.run();
    pair.at_client.to_say = random_bytes(random, 1 + random.below(300));
    pair.at_server.to_say = random_bytes(random, 1 + random.below(300));
    pair.client.advance(0);
    pair.server.advance(0);
    std::string wires[] = {take(pair.server), take(pair.client)};
    for (const bool upwards : {true, false}) {
      std::string& bytes = wires[upwards];
      for (int i = 0; i < 3; ++i)
        bytes[random.below(std::min<std::size_t>(bytes.size(), 8))] ^= 1 << random.below(8);
      WebSocketFilter& to = upwards ? static_cast<WebSocketFilter&>(pair.server) : pair.client;
      give(to, bytes, 0, 1 + random.below(50));
      failures += to.failure().empty() ? 0 : 1;
      // What came may look like a Close.
      const bool ended = !(upwards ? pair.at_server : pair.at_client).ends.empty();
      EXPECT_TRUE(ended || to.failure().empty());
      std::string answer = take(to);
      const auto frames = frames_in(answer);
      EXPECT_EQ(ended, !frames.empty() && frames.back().opcode == Opcode::close);
    }
  }
  EXPECT_GT(failures, 300);
}

// Memory -------------------------------------------------------------------------------------

TEST(WebSocketStream, AnnouncedLengthReservesNothing) {
  OpenServer server;
  server.inner.room_bytes = 100;
  const std::size_t before = mallinfo2().uordblks;
  give(server.filter, std::string("\x82\xff\0\0\0\0\x0f\xff\xff\xff\1\2\3\4", 14));
  EXPECT_EQ(give(server.filter, std::string(1'000, 'x')), "");
  EXPECT_EQ(server.inner.heard.size(), 1'000U);
  EXPECT_LT(mallinfo2().uordblks, before + 16'384);
  EXPECT_EQ(server.filter.failure(), "");
}

TEST(WebSocketStream, IdleConnectionsAreSmall) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "the sanitizer's memory is not counted";
#endif
  Talker inner;  // of all of them: it holds nothing for any of them
  const auto per_connection = [&](auto open, std::string_view bytes, std::size_t room) {
    constexpr std::size_t count = 200;
    std::vector<decltype(open())> open_ones;
    open_ones.reserve(count);
    const std::size_t before = mallinfo2().uordblks;
    for (std::size_t i = 0; i < count; ++i) {
      inner = Talker{};
      auto& filter = *open_ones.emplace_back(open());
      inner.room_bytes = 1'000;
      inner.to_say += std::string(20'000, 'x');
      filter.advance(0);
      take(filter);
      EXPECT_EQ(give(filter, bytes), "");
      inner.room_bytes = room;
      EXPECT_EQ(give(filter, bytes).empty(), room > 0);
      inner.to_say += std::string(room > 0 ? 0 : 20'000, 'x');
      filter.advance(0);
    }
    inner = Talker{};
    return (mallinfo2().uordblks - before) / count;
  };
  WebSocketServerSettings server_settings;
  WebSocketClientSettings client_settings;
  client_settings.host = "broker.example";
  const auto server = [&] {
    auto filter = std::make_unique<WebSocketServerFilter>(server_settings, gives(&inner), 0);
    give(*filter, good_request);
    return filter;
  };
  const auto client = [&] {
    auto filter = std::make_unique<WebSocketClientFilter>(client_settings, Random(1, "mask"),
                                                          gives(&inner), 0);
    const std::string request = take(*filter);
    WebSocketServerFilter other(server_settings, gives(&inner), 0);
    give(other, request);
    give(*filter, take(other));
    return filter;
  };
  const std::string down = binary(std::string(20'000, 'y'), {.mask = false});
  const std::string up = binary(std::string(20'000, 'y'));
  (void)per_connection(server, up, 1'000);  // fills the allocator's caches
  const std::size_t idle[] = {per_connection(server, up, 1'000),
                              per_connection(client, down, 1'000)};
  const std::size_t blocked[] = {per_connection(server, up, 0), per_connection(client, down, 0)};
  std::printf("bytes of a connection: server %zu, client %zu; blocked: server %zu, client %zu\n",
              idle[0], idle[1], blocked[0], blocked[1]);
  EXPECT_LT(idle[0], 1'000U);
  EXPECT_LT(idle[1], 1'000U);
  EXPECT_LT(blocked[0], 10'000U);
  EXPECT_LT(blocked[1], 10'000U + WebSocketFilter::frame_bytes);
}

}  // namespace
}  // namespace mqttlab
