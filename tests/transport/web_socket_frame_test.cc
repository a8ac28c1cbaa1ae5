// Frames and messages on a WebSocket that is open, one end against a script.
#include <gtest/gtest.h>

#include "tests/transport/web_socket_script.h"

namespace mqttlab {
namespace {

using namespace testing;

/// A client's end that has been upgraded.
struct OpenClient {
  OpenClient() {
    const std::string request = take(filter);
    const auto at = request.find("Key: ") + 5;
    const auto key = request.substr(at, 24);
    give(filter,
         "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"
         "Sec-WebSocket-Protocol: mqtt\r\nSec-WebSocket-Accept: " +
             accept_of(key) + "\r\n\r\n");
  }
  static WebSocketClientSettings to_broker() {
    WebSocketClientSettings settings;
    settings.host = "broker.example";
    return settings;
  }
  WebSocketClientSettings settings = to_broker();
  Talker inner;
  WebSocketClientFilter filter{settings, Random(7, "dial"), gives(&inner), 0};
};

std::vector<ReadFrame> frames_of(WebSocketFilter& filter, Time now = 0) {
  std::string stream = take(filter, now);
  auto frames = frames_in(stream);
  EXPECT_EQ(stream, "") << "a frame is cut";
  return frames;
}

int status_of(const ReadFrame& close) {
  EXPECT_EQ(close.opcode, Opcode::close);
  if (close.payload.size() < 2) return 0;
  return static_cast<std::uint8_t>(close.payload[0]) * 256 +
         static_cast<std::uint8_t>(close.payload[1]);
}

struct BadFrames {
  std::string what;
  std::string bytes;
  int status;
};

std::vector<BadFrames> bad_frames() {
  const auto raw = [](std::initializer_list<int> bytes) {
    return std::string(bytes.begin(), bytes.end());
  };
  const FrameOptions more{.fin = false};
  return {
      {"text", frame(Opcode::text, "CONNECT"), 1003},  // MQTT-6.0.0-1
      {"text that is empty", frame(Opcode::text, ""), 1003},
      {"text in fragments", frame(Opcode::text, "CONN", more), 1003},
      {"no mask", binary("x", {.mask = false}), 1002},
      {"no mask on a ping", frame(Opcode::ping, "", {.mask = false}), 1002},
      {"RSV1", binary("x", {.reserved = 4}), 1002},
      {"RSV3 on a ping", frame(Opcode::ping, "", {.reserved = 1}), 1002},
      {"opcode 3", frame(Opcode{3}, "x"), 1002},
      {"opcode 7", frame(Opcode{7}, ""), 1002},
      {"opcode 11", frame(Opcode{11}, "x"), 1002},
      {"opcode 15", frame(Opcode{15}, ""), 1002},
      {"a ping of 126 bytes", frame(Opcode::ping, std::string(126, 'x')), 1002},
      {"a ping in fragments", frame(Opcode::ping, "x", more), 1002},
      {"a continuation of nothing", frame(Opcode::continuation, "x"), 1002},
      {"a message in a message", binary("x", more) + binary("y"), 1002},
      {"a continuation behind the end",
       binary("x", more) + frame(Opcode::continuation, "y") + frame(Opcode::continuation, "z"),
       1002},
      {"a length with leading zeros", raw({0x82, 0xfe, 0, 5}), 1002},
      {"a length with more leading zeros", raw({0x82, 0xff, 0, 0, 0, 0, 0, 0, 1, 0}), 1002},
      {"a negative length", raw({0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0}), 1002},
      {"a length over the limit", raw({0x82, 0xff, 0x7f, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5}),
       1009},
      {"fragments over the limit",
       binary("x", more) + raw({0x80, 0xff, 0, 0, 0, 0, 0x10, 0, 0, 4, 1, 2, 3, 4, 5}), 1009},
      {"Close of one byte", frame(Opcode::close, "x"), 1002},
      {"Close with 0", frame(Opcode::close, close_payload(0)), 1002},
      {"Close with 999", frame(Opcode::close, close_payload(999)), 1002},
      {"Close with 1005", frame(Opcode::close, close_payload(1005)), 1002},
      {"Close with 5000", frame(Opcode::close, close_payload(5000)), 1002},
  };
}

TEST(WebSocketFrames, ServerClosesOnWhatIsWrong) {  // MQTT-6.0.0-1
  for (const BadFrames& bad : bad_frames()) {
    for (const std::size_t chunk : {1 << 30, 1}) {
      OpenServer server;
      EXPECT_EQ(give(server.filter, binary("good"), 0, chunk), "");
      EXPECT_EQ(give(server.filter, bad.bytes + binary("late"), 0, chunk), "");
      EXPECT_TRUE(server.filter.finished()) << bad.what;
      EXPECT_TRUE(server.inner.heard.starts_with("good")) << bad.what;
      EXPECT_EQ(server.inner.heard.find("late"), std::string::npos) << bad.what;
      EXPECT_EQ(server.inner.ends, std::vector{CloseCause::local}) << bad.what;
      const auto frames = frames_of(server.filter);
      ASSERT_EQ(frames.size(), 1U) << bad.what;
      EXPECT_EQ(status_of(frames[0]), bad.status) << bad.what;
      EXPECT_FALSE(frames[0].masked);
      EXPECT_TRUE(server.filter.failure().starts_with("the other end sent a"))
          << server.filter.failure();
      EXPECT_EQ(server.filter.deadline(), never);
    }
  }
}

TEST(WebSocketFrames, ClientClosesOnTextAndOnMasks) {  // MQTT-6.0.0-1
  for (const auto& [bytes, status] : {
           std::pair{frame(Opcode::text, "x", {.mask = false}), 1003},
           std::pair{binary("x"), 1002},
       }) {
    OpenClient client;
    give(client.filter, bytes);
    const auto frames = frames_of(client.filter);
    ASSERT_EQ(frames.size(), 1U);
    EXPECT_EQ(status_of(frames[0]), status);
    EXPECT_TRUE(frames[0].masked);
    EXPECT_TRUE(client.filter.finished());
    EXPECT_EQ(client.inner.heard, "");
  }
}

TEST(WebSocketFrames, PacketsLieInFramesAsTheyLike) {  // MQTT-6.0.0-2
  const FrameOptions more{.fin = false};
  const std::string stream =
      binary("onetwo") + binary("th") + binary("") + binary("ree") + binary("", more) +
      frame(Opcode::ping, "1") + frame(Opcode::continuation, "fo", more) +
      frame(Opcode::pong, "nobody asked") + frame(Opcode::continuation, "ur", more) +
      frame(Opcode::ping, "2") + frame(Opcode::continuation, "") + binary(std::string(125, 'a')) +
      binary(std::string(126, 'b')) + binary(std::string(65'535, 'c')) +
      binary(std::string(65'536, 'd'));
  const std::string content = "onetwothreefour" + std::string(125, 'a') + std::string(126, 'b') +
                              std::string(65'535, 'c') + std::string(65'536, 'd');
  for (const std::size_t chunk : {1, 2, 3, 7, 100, 4'096}) {
    OpenServer server;
    server.inner.room_bytes = 1 + chunk * 3 % 50;
    EXPECT_EQ(give(server.filter, stream, 0, chunk), "");
    EXPECT_EQ(server.inner.heard, content);
    const auto frames = frames_of(server.filter);
    ASSERT_FALSE(frames.empty());
    EXPECT_EQ(frames.back().opcode, Opcode::pong);
    EXPECT_EQ(frames.back().payload, "2");  // the last ping's answer does for those before it
    EXPECT_EQ(server.filter.failure(), "");
  }
}

TEST(WebSocketFrames, PingFloodIsAnsweredByOnePong) {
  OpenServer server;
  std::string flood;
  for (int i = 0; i < 10'000; ++i) flood += frame(Opcode::ping, std::to_string(i));
  EXPECT_EQ(give(server.filter, flood), "");
  const auto frames = frames_of(server.filter);
  ASSERT_EQ(frames.size(), 2U);  // of the first, which was written at once, and of the last
  EXPECT_EQ(frames[1].payload, "9999");
}

TEST(WebSocketFrames, OneWriteIsOneFrame) {
  OpenServer server;
  server.inner.to_say = "PUBLISH PUBACK PINGRESP";
  server.inner.piece_bytes = 8;
  server.filter.advance(0);
  server.inner.to_say += " and more";  // before anything is written
  server.filter.advance(0);
  auto frames = frames_of(server.filter);
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_EQ(frames[0].opcode, Opcode::binary);
  EXPECT_EQ(frames[0].payload, "PUBLISH PUBACK PINGRESP and more");

  const std::string large(40'000, 'x');
  for (const bool client : {false, true}) {
    OpenServer to_client;
    OpenClient to_server;
    WebSocketFilter& filter =
        client ? static_cast<WebSocketFilter&>(to_server.filter) : to_client.filter;
    Talker& inner = client ? to_server.inner : to_client.inner;
    inner.to_say = large;
    filter.advance(0);
    frames = frames_of(filter);
    ASSERT_EQ(frames.size(), 3U);
    std::string joined;
    for (const ReadFrame& each : frames) {
      EXPECT_LE(each.payload.size(), WebSocketFilter::frame_bytes);
      EXPECT_EQ(each.masked, client);
      joined += each.payload;
    }
    EXPECT_EQ(joined, large);
  }
}

TEST(WebSocketFrames, ServersPayloadIsNotCopied) {
  OpenServer server;
  server.inner.to_say = "PUBLISH";
  server.filter.advance(0);
  std::array<Bytes, 4> pieces;
  ASSERT_EQ(server.filter.pending(pieces), 2U);
  EXPECT_EQ(pieces[0].size(), 2U);
  EXPECT_EQ(text_of(pieces[1]).data(), server.inner.to_say.data());
}

TEST(WebSocketFrames, PongWaitsForTheEndOfAFrame) {
  OpenServer server;
  server.inner.to_say = std::string(1'000, 'x');
  server.filter.advance(0);
  std::string stream = take(server.filter, 0, 500);
  give(server.filter, frame(Opcode::ping, "now"));
  stream += take(server.filter);
  const auto frames = frames_in(stream);
  ASSERT_EQ(frames.size(), 2U);
  EXPECT_EQ(frames[0].payload.size(), 1'000U);
  EXPECT_EQ(frames[1].opcode, Opcode::pong);
  EXPECT_EQ(frames[1].payload, "now");
}

TEST(WebSocketFrames, NoRoomWithinStopsReading) {
  OpenServer server;
  server.inner.room_bytes = 0;
  const std::string stream = binary(std::string(20'000, 'x')) + frame(Opcode::ping, "p");
  std::string_view left = give(server.filter, stream);
  EXPECT_GT(left.size(), 11'000U);
  EXPECT_TRUE(server.filter.space().empty());
  server.filter.advance(0);
  EXPECT_TRUE(server.filter.space().empty());
  server.inner.room_bytes = 100;
  server.filter.advance(0);  // as the host does once there is room
  while (!left.empty()) {
    const std::size_t before = left.size();
    left = give(server.filter, left);
    ASSERT_LT(left.size(), before);
  }
  EXPECT_EQ(server.inner.heard, std::string(20'000, 'x'));
  EXPECT_EQ(frames_of(server.filter).at(0).opcode, Opcode::pong);
}

// Closing ------------------------------------------------------------------------------------

TEST(WebSocketFrames, OtherEndCloses) {
  for (const std::string& payload :
       {std::string(), close_payload(1000), close_payload(4999) + "bye"}) {
    OpenServer server;
    server.inner.to_say = "never written";
    give(server.filter, frame(Opcode::close, payload) + binary("late"));
    EXPECT_EQ(server.inner.ends, std::vector{CloseCause::fin});
    EXPECT_TRUE(server.filter.finished());
    EXPECT_EQ(server.inner.heard, "");
    const auto frames = frames_of(server.filter);
    ASSERT_EQ(frames.size(), 1U);
    EXPECT_EQ(frames[0].opcode, Opcode::close);
    EXPECT_EQ(frames[0].payload, payload.substr(0, 2));
    EXPECT_EQ(server.filter.failure(), "");
  }
}

TEST(WebSocketFrames, FrameThatHasBegunIsFinishedBeforeClose) {
  OpenServer server;
  server.inner.to_say = std::string(1'000, 'x');
  server.filter.advance(0);
  std::string stream = take(server.filter, 0, 300);
  give(server.filter, frame(Opcode::close, close_payload(1001)));
  EXPECT_EQ(server.inner.ends, std::vector{CloseCause::fin});
  server.inner.to_say.resize(server.inner.said());
  stream += take(server.filter);
  const auto frames = frames_in(stream);
  ASSERT_EQ(frames.size(), 2U);
  EXPECT_EQ(frames[0].payload, std::string(1'000, 'x'));
  EXPECT_EQ(status_of(frames[1]), 1001);
}

TEST(WebSocketFrames, InnerPeerCloses) {
  for (const bool answered : {true, false}) {
    OpenServer server;
    server.inner.to_say = "DISCONNECT";
    server.inner.finish_when_said = true;
    server.filter.advance(1 * second);
    EXPECT_TRUE(server.inner.ends.empty()) << "before its last bytes are gone";
    const auto frames = frames_of(server.filter, 1 * second);
    ASSERT_EQ(frames.size(), 2U);
    EXPECT_EQ(frames[0].payload, "DISCONNECT");
    EXPECT_EQ(status_of(frames[1]), 1000);
    EXPECT_EQ(server.inner.ends, std::vector{CloseCause::local});
    EXPECT_FALSE(server.filter.finished()) << "the other end's Close is awaited";
    EXPECT_EQ(server.filter.deadline(), 6 * second);
    if (answered) {
      give(server.filter,
           binary("late") + frame(Opcode::ping, "") + frame(Opcode::close, close_payload(1000)));
    } else {
      server.filter.advance(6 * second);
    }
    EXPECT_TRUE(server.filter.finished());
    EXPECT_EQ(take(server.filter), "");
    EXPECT_EQ(server.inner.heard, "");
    EXPECT_EQ(server.filter.deadline(), never);
  }
}

TEST(WebSocketFrames, ClientLeavesTheEndToTheServer) {
  OpenClient client;
  client.inner.finish_when_said = true;
  client.filter.advance(0);
  EXPECT_EQ(status_of(frames_of(client.filter).at(0)), 1000);
  for (int i = 0; i < 3; ++i)
    give(client.filter, frame(Opcode::close, close_payload(1000), {.mask = false}));
  EXPECT_FALSE(client.filter.finished());
  client.filter.advance(5 * second);
  EXPECT_TRUE(client.filter.finished());
}

TEST(WebSocketFrames, InnerPeerThatThrowsAwayBreaksTheFrame) {
  for (const bool begun : {true, false}) {
    OpenServer server;
    server.inner.to_say = std::string(1'000, 'x');
    server.filter.advance(0);
    std::string stream = take(server.filter, 0, begun ? 500 : 0);
    server.inner.to_say.resize(server.inner.said());
    server.inner.finish_when_said = true;
    server.filter.advance(0);
    EXPECT_EQ(server.inner.ends, std::vector{CloseCause::local});
    EXPECT_EQ(server.filter.finished(), begun);
    const auto frames = frames_of(server.filter);
    ASSERT_EQ(frames.size(), begun ? 0U : 1U);
    if (!begun) {
      EXPECT_EQ(status_of(frames[0]), 1000);
    }
  }
}

TEST(WebSocketFrames, FrameThatCannotBeFinishedIsFollowedByNothing) {
  OpenServer server;
  server.inner.to_say = std::string(1'000, 'x');
  server.filter.advance(0);
  take(server.filter, 0, 500);
  server.inner.to_say.resize(server.inner.said() + 10);
  give(server.filter, frame(Opcode::text, ""));
  EXPECT_EQ(server.inner.ends, std::vector{CloseCause::local});
  EXPECT_TRUE(server.filter.finished());
  EXPECT_EQ(take(server.filter), "");
  EXPECT_NE(server.filter.failure(), "");
}

TEST(WebSocketFrames, ConnectionIsGone) {
  for (const CloseCause cause : {CloseCause::fin, CloseCause::reset, CloseCause::timeout}) {
    OpenServer server;
    server.inner.to_say = "unsent";
    server.filter.advance(0);
    server.filter.closed(cause, 0);
    EXPECT_EQ(server.inner.ends, std::vector{cause});
    EXPECT_TRUE(server.filter.finished());
    EXPECT_EQ(take(server.filter), "");
    EXPECT_EQ(server.filter.failure(), "");
  }
}

// Time ---------------------------------------------------------------------------------------

WebSocketServerSettings pinging() {
  WebSocketServerSettings settings;
  settings.ping_interval = 30 * second;
  settings.pong_timeout = 10 * second;
  return settings;
}

TEST(WebSocketFrames, SilenceIsPinged) {
  OpenServer server(pinging());
  EXPECT_EQ(server.filter.deadline(), 30 * second);
  give(server.filter, binary("x"), 20 * second);
  EXPECT_EQ(server.filter.deadline(), 50 * second);
  server.filter.advance(49 * second);
  EXPECT_EQ(take(server.filter), "");
  server.filter.advance(50 * second);
  EXPECT_EQ(frames_of(server.filter).at(0).opcode, Opcode::ping);
  EXPECT_EQ(server.filter.deadline(), 60 * second);
  give(server.filter, frame(Opcode::pong, ""), 59 * second);
  EXPECT_EQ(server.filter.deadline(), 89 * second);
  server.filter.advance(89 * second);
  server.filter.advance(99 * second);
  EXPECT_TRUE(server.filter.finished());
  EXPECT_EQ(server.inner.ends, std::vector{CloseCause::timeout});
  EXPECT_EQ(server.filter.failure(), "no answer to a ping");
  EXPECT_EQ(take(server.filter), "") << "nobody reads it";
}

TEST(WebSocketFrames, NoAnswerIsMissedWhileNothingIsRead) {
  OpenServer server(pinging());
  server.inner.room_bytes = 0;
  give(server.filter, binary("x") + frame(Opcode::pong, ""));
  for (Time now = 30 * second; now <= 300 * second; now += 30 * second) {
    EXPECT_EQ(server.filter.deadline(), now);
    server.filter.advance(now);
  }
  EXPECT_FALSE(server.filter.finished());
}

TEST(WebSocketFrames, InnerPeersDeadlineIsTheFilters) {
  OpenServer server;
  EXPECT_EQ(server.filter.deadline(), never);
  server.inner.due = 3 * second;
  EXPECT_EQ(server.filter.deadline(), 3 * second);
  server.filter.advance(3 * second);
  EXPECT_EQ(server.inner.advanced, 3 * second);
}

}  // namespace
}  // namespace mqttlab
