// The upgrade: what a server lets in, what a client believes.
#include <gtest/gtest.h>

#include "protocol/transport/http_upgrade.h"
#include "tests/transport/web_socket_script.h"

namespace mqttlab {
namespace {

using namespace testing;

TEST(WebSocketUpgrade, TheStandardsSampleKeyHasTheStandardsAnswer) {
  EXPECT_EQ(accept_of("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

TEST(WebSocketUpgrade, ServerSelectsMqtt) {  // MQTT-6.0.0-4
  WebSocketServerSettings settings;
  for (const auto& [offer, selected] : {
           std::pair{"mqtt", "mqtt"},
           std::pair{"mqttv3.1, mqtt", "mqtt"},
           std::pair{"chat,mqttv3.1", "mqttv3.1"},
           std::pair{"chat\r\nSec-WebSocket-Protocol: mqtt", "mqtt"},
       }) {
    Talker inner;
    WebSocketServerFilter filter(settings, gives(&inner), 0);
    give(filter, with(good_request, "mqtt\r\n\r\n", std::string(offer) + "\r\n\r\n"));
    EXPECT_TRUE(filter.is_established());
    EXPECT_EQ(take(filter),
              "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
              "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: " +
                  std::string(selected) + "\r\n\r\n");
    EXPECT_EQ(filter.failure(), "");
    EXPECT_FALSE(filter.finished());
  }
}

struct BadUpgrade {
  std::string request;
  int status;
  std::string says;
};

std::vector<BadUpgrade> bad_upgrades() {
  const auto changed = [](std::string_view from, std::string_view to) {
    return with(good_request, from, to);
  };
  std::string fields;
  for (int i = 0; i < 64; ++i) fields += "X-" + std::to_string(i) + ": y\r\n";
  return {
      {changed("/mqtt", "/"), 404, "MQTT over WebSocket is at \"/mqtt\""},
      {changed("/mqtt", "/mqtt/"), 404, "/mqtt/"},
      {changed("/mqtt", "*"), 404, "nothing is at"},
      {changed("GET", "POST"), 405, "POST"},
      {changed("GET", "HEAD"), 405, "HEAD"},
      {changed("HTTP/1.1", "HTTP/1.0"), 426, "HTTP/1.1"},
      {changed("HTTP/1.1", "HTTP/2.0"), 505, "HTTP/1.1"},
      {changed("Host: broker.example\r\n", ""), 400, "Host"},
      {changed("Host: broker.example\r\n", "Host: a\r\nHost: b\r\n"), 400, "Host"},
      {changed("Upgrade: websocket", "Upgrade: h2c"), 426, "Upgrade: websocket"},
      {changed("Upgrade: websocket\r\n", ""), 426, "Upgrade: websocket"},
      {changed("Connection: Upgrade", "Connection: keep-alive"), 426, "upgrade"},
      {changed("Version: 13", "Version: 8"), 426, "Sec-WebSocket-Version: 13\r\n"},
      {changed("Sec-WebSocket-Version: 13\r\n", ""), 426, "13"},
      {changed("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZQ=="), 400, "Sec-WebSocket-Key"},
      {changed("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZQ"), 400, "16 bytes"},
      {changed("Sec-WebSocket-Key", "Sec-WebSocket-Kez"), 400, "Sec-WebSocket-Key"},
      {changed("Sec-WebSocket-Protocol: mqtt\r\n", ""), 400, "offer \"mqtt\""},
      {changed("Protocol: mqtt", "Protocol: MQTT, chat"), 400, "offer \"mqtt\""},
      {changed("Host:", "Host :"), 400, "one Host"},
      {changed("Host:", "Ho\x7fst:"), 400, "no HTTP request"},
      {"\x16\x03\x01\x02\x01 that is TLS", 400, "no HTTP request"},
      {"\x10\x0c that is MQTT", 400, "no HTTP request"},
      {changed("Host", "X: " + std::string(8'192, 'x') + "\r\nHost"), 431, "8192 bytes"},
      {changed("/mqtt", "/" + std::string(8'192, 'x')), 431, "8192 bytes"},
      {changed("Host", fields + "Host"), 431, "64 fields"},
  };
}

TEST(WebSocketUpgrade, ServerRefusesWhatIsNoUpgradeAndSaysWhy) {
  WebSocketServerSettings settings;
  check(settings);
  for (const BadUpgrade& bad : bad_upgrades()) {
    Talker inner;
    for (const std::size_t chunk : {1 << 30, 1}) {
      WebSocketServerFilter filter(settings, gives(&inner), 0);
      EXPECT_EQ(give(filter, bad.request, 0, chunk), "") << "all is read, whatever it is";
      const std::string status = std::to_string(bad.status);
      EXPECT_TRUE(filter.finished()) << bad.request;
      const std::string answer = take(filter);
      EXPECT_TRUE(answer.starts_with("HTTP/1.1 " + status + " ")) << bad.request << answer;
      EXPECT_NE(answer.find(bad.says), answer.npos) << answer;
      EXPECT_TRUE(filter.failure().starts_with(status)) << filter.failure();
      EXPECT_FALSE(filter.is_established());
      EXPECT_EQ(filter.deadline(), never);
    }
  }
}

TEST(WebSocketUpgrade, OriginsAreJudged) {
  struct Case {
    OriginPolicy policy;
    std::string origin;
    bool allowed;
  };
  const std::vector<Case> cases = {
      {OriginPolicy::any, "https://evil.example", true},
      {OriginPolicy::same_host, "", true},
      {OriginPolicy::same_host, "https://BROKER.example", true},
      {OriginPolicy::same_host, "https://broker.example:8443", false},
      {OriginPolicy::same_host, "https://evil.example", false},
      {OriginPolicy::same_host, "null", false},
      {OriginPolicy::list, "https://a.example", true},
      {OriginPolicy::list, "http://a.example", false},
      {OriginPolicy::list, "https://broker.example", false},
      {OriginPolicy::list, "", true},
  };
  for (const Case& c : cases) {
    WebSocketServerSettings settings;
    settings.origin_policy = c.policy;
    settings.origins = {"https://a.example"};
    check(settings);
    Talker inner;
    WebSocketServerFilter filter(settings, gives(&inner), 0);
    const std::string field = c.origin.empty() ? "" : "Origin: " + c.origin + "\r\n";
    give(filter, with(good_request, "Upgrade:", field + "Upgrade:"));
    EXPECT_EQ(filter.is_established(), c.allowed) << c.origin;
    EXPECT_EQ(take(filter).substr(9, 3), c.allowed ? "101" : "403");
  }
}

TEST(WebSocketUpgrade, PathMayHaveAQueryAndAHost) {
  WebSocketServerSettings settings;
  for (const char* target : {"/mqtt?token=a/b", "http://broker.example/mqtt"}) {
    Talker inner;
    WebSocketServerFilter filter(settings, gives(&inner), 0);
    give(filter, with(good_request, "/mqtt", target));
    EXPECT_TRUE(filter.is_established()) << target;
  }
}

TEST(WebSocketUpgrade, ServerShowsResources) {
  const auto page =
      std::make_shared<HttpResource>(HttpResource{"text/html; charset=utf-8", "<p>hello</p>"});
  WebSocketServerSettings settings;
  settings.resources = [&](std::string_view path) { return path == "/" ? page : nullptr; };
  struct Case {
    std::string request, status;
    bool with_body;
  };
  for (const Case& c : std::vector<Case>{
           {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "200 OK", true},
           {"GET /?x HTTP/1.0\r\n\r\n", "200 OK", true},
           {"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", "200 OK", false},
           {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", "405 Method", false},
           {"GET /other HTTP/1.1\r\nHost: a\r\n\r\n", "404 Not Found", false},
       }) {
    WebSocketServerFilter filter(settings, gives(nullptr), 0);
    EXPECT_EQ(give(filter, c.request), "");
    EXPECT_TRUE(filter.finished());
    const std::string answer = take(filter);
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 " + c.status)) << answer;
    EXPECT_EQ(answer.ends_with("\r\n\r\n" + page->body), c.with_body) << answer;
    for (const char* field : {"X-Content-Type-Options: nosniff\r\n", "Connection: close\r\n",
                              "Content-Security-Policy: default-src 'self';"}) {
      EXPECT_NE(answer.find(field), answer.npos) << answer;
    }
    const bool shown = c.status == "200 OK";
    EXPECT_EQ(answer.find("Content-Length: 12\r\n") != answer.npos, shown) << answer;
    filter.closed(CloseCause::local, 0);
    EXPECT_EQ(filter.failure().empty(), shown) << filter.failure();
  }
}

TEST(WebSocketUpgrade, ALargeResourceHasTimeAndThenIsThrownAway) {
  const auto page = std::make_shared<HttpResource>(
      HttpResource{"text/plain", std::string(10 * 16'384, 'x')});  // ten seconds' worth
  WebSocketServerSettings settings;
  settings.resources = [&](std::string_view) { return page; };
  WebSocketServerFilter filter(settings, gives(nullptr), 0);
  give(filter, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", 1 * second);
  EXPECT_EQ(page.use_count(), 2) << "it is not copied";
  EXPECT_EQ(filter.deadline(), 16 * second);
  std::string answer;
  for (Time now = 1 * second; now < 16 * second; now += second) {
    answer += take(filter, now, 10'000);
    filter.advance(now);
  }
  EXPECT_EQ(answer.size(), 150'000U);
  filter.advance(16 * second);
  EXPECT_EQ(take(filter), "");
  EXPECT_EQ(page.use_count(), 1);
  EXPECT_EQ(filter.deadline(), never);
}

TEST(WebSocketUpgrade, DrippingHeadHasUntilTheDeadline) {
  WebSocketServerSettings settings;
  Talker inner;
  WebSocketServerFilter filter(settings, gives(&inner), 5 * second);
  Time now = 5 * second;
  for (const char c : good_request.substr(0, 99)) {
    EXPECT_EQ(filter.deadline(), 15 * second);
    give(filter, {&c, 1}, now += 100 * millisecond);
    filter.advance(now);
    EXPECT_FALSE(filter.finished());
  }
  filter.advance(15 * second);
  EXPECT_TRUE(filter.finished());
  EXPECT_TRUE(take(filter, now).starts_with("HTTP/1.1 408 "));
  EXPECT_EQ(filter.failure(), "408: no request within 10000 ms");
}

TEST(WebSocketUpgrade, AnswerThatNobodyReadsIsThrownAway) {
  WebSocketServerSettings settings;
  WebSocketServerFilter filter(settings, gives(nullptr), 0);
  give(filter, "nonsense\r\n", 1 * second);
  EXPECT_EQ(filter.deadline(), 6 * second);
  EXPECT_NE(take(filter, 1 * second, 10), "");
  filter.advance(6 * second);
  EXPECT_EQ(take(filter), "");
  EXPECT_TRUE(filter.finished());
  EXPECT_EQ(filter.deadline(), never);
}

TEST(WebSocketUpgrade, ServerWithNobodyToServeClosesInOrder) {
  WebSocketServerSettings settings;
  WebSocketServerFilter filter(settings, gives(nullptr), 0);
  give(filter, good_request);
  std::string answer = take(filter);
  answer.erase(0, answer.find("\r\n\r\n") + 4);
  const auto frames = frames_in(answer);
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_EQ(frames[0].opcode, Opcode::close);
  EXPECT_EQ(frames[0].payload.substr(0, 2), close_payload(1001));
}

// Client -------------------------------------------------------------------------------------

struct Dial {
  Dial() { request = take(filter); }
  std::string key() const {
    const auto at = request.find("Sec-WebSocket-Key: ") + 19;
    return request.substr(at, request.find("\r\n", at) - at);
  }
  std::string good_response() const {
    return "HTTP/1.1 101 Switching Protocols\r\nupgrade: WebSocket\r\nconnection: upgrade\r\n"
           "Sec-WebSocket-Accept: " +
           accept_of(key()) + "\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n";
  }
  static WebSocketClientSettings to_broker() {
    WebSocketClientSettings settings;
    settings.host = "broker.example:8080";
    settings.path = "/mqtt?a=b";
    settings.headers = {{"Authorization", "Bearer abc"}};
    return settings;
  }
  WebSocketClientSettings settings = to_broker();
  Talker inner;
  WebSocketClientFilter filter{settings, Random(7, "dial"), gives(&inner), 0};
  std::string request;
};

TEST(WebSocketUpgrade, ClientAsksForMqtt) {  // MQTT-6.0.0-3
  Dial dial;
  EXPECT_EQ(dial.request,
            "GET /mqtt?a=b HTTP/1.1\r\nHost: broker.example:8080\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " +
                dial.key() +
                "\r\nSec-WebSocket-Protocol: mqtt\r\nAuthorization: Bearer abc\r\n\r\n");
  EXPECT_EQ(from_base64(dial.key())->size(), 16U);
}

TEST(WebSocketUpgrade, ClientSendsNothingBeforeItIsEstablished) {
  Dial dial;
  dial.inner.to_say = "CONNECT";
  const std::string response = dial.good_response();
  for (const char c : response.substr(0, response.size() - 1)) {
    give(dial.filter, {&c, 1});
    dial.filter.advance(0);
    EXPECT_EQ(take(dial.filter), "");
    EXPECT_FALSE(dial.filter.is_established());
  }
  give(dial.filter, "\n");
  EXPECT_TRUE(dial.filter.is_established());
  std::string sent = take(dial.filter);
  const auto frames = frames_in(sent);
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_EQ(frames[0].opcode, Opcode::binary);
  EXPECT_TRUE(frames[0].masked);
  EXPECT_EQ(frames[0].payload, "CONNECT");
}

TEST(WebSocketUpgrade, ClientBelievesNothingElse) {
  struct Case {
    std::string from, to, says;
  };
  for (const Case& c : std::vector<Case>{
           {"101 Switching Protocols", "404 Not Found", "the server answered 404 Not Found"},
           {"101 Switching Protocols", "302 Found\r\nLocation: wss://other/",
            "the server answered 302 Found, see wss://other/"},
           {"101 Switching Protocols", "200 O\tK", "200 O?K"},
           {"WebSocket", "h2c", "upgraded to something else"},
           {"connection: upgrade\r\n", "", "upgraded to something else"},
           {"Sec-WebSocket-Accept: ", "Sec-WebSocket-Accept: x", "Sec-WebSocket-Accept"},
           {"Sec-WebSocket-Accept", "X", "Sec-WebSocket-Accept"},
           {"Sec-WebSocket-Protocol: mqtt\r\n", "", "subprotocol mqtt"},
           {": mqtt\r\n", ": mqttv3.1\r\n", "\"mqttv3.1\""},
           {"upgrade:", "Sec-WebSocket-Extensions: permessage-deflate\r\nupgrade:", "extension"},
           {"HTTP/1.1", "SMTP/1.1", "no HTTP"},
           {"upgrade:", "X: " + std::string(8'192, 'x') + "\r\nupgrade:", "8192 bytes"},
       }) {
    Dial dial;
    dial.inner.to_say = "CONNECT";
    give(dial.filter, with(dial.good_response(), c.from, c.to));
    EXPECT_TRUE(dial.filter.finished()) << c.from;
    EXPECT_FALSE(dial.filter.is_established());
    EXPECT_EQ(take(dial.filter), "");
    EXPECT_NE(dial.filter.failure().find(c.says), std::string::npos) << dial.filter.failure();
  }
}

TEST(WebSocketUpgrade, ClientWaitsOnlySoLong) {
  Dial dial;
  EXPECT_EQ(dial.filter.deadline(), 10 * second);
  dial.filter.advance(10 * second);
  EXPECT_TRUE(dial.filter.finished());
  EXPECT_EQ(dial.filter.failure(), "no answer to the upgrade within 10000 ms");
  Dial other;
  other.filter.closed(CloseCause::reset, 1);
  EXPECT_EQ(other.filter.failure(), "the connection closed before the upgrade");
  EXPECT_TRUE(other.inner.ends.empty());
}

TEST(WebSocketUpgrade, WrongSettingsAreNamed) {
  const auto message = [](const auto& settings) -> std::string {
    try {
      check(settings);
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
    return "";
  };
  const auto client = [&](auto change) {
    auto settings = Dial::to_broker();
    change(settings);
    return message(settings);
  };
  EXPECT_EQ(client([](auto&) {}), "");
  EXPECT_NE(client([](auto& s) { s.host = ""; }).find("host: "), std::string::npos);
  EXPECT_NE(client([](auto& s) { s.host = "a\r\nX: y"; }).find("host: "), std::string::npos);
  EXPECT_NE(client([](auto& s) { s.path = "mqtt"; }).find("path: \"mqtt\""), std::string::npos);
  EXPECT_NE(client([](auto& s) {
              s.headers = {{"A", "b\nC: d"}};
            }).find("A has"),
            std::string::npos);
  EXPECT_NE(client([](auto& s) { s.pong_timeout = 0; }).find("pong_timeout"), std::string::npos);
  WebSocketServerSettings server;
  server.origins = {"example.org"};
  EXPECT_NE(message(server).find("\"example.org\""), std::string::npos);
}

}  // namespace
}  // namespace mqttlab
