// What a listener at http:// shows, and that MQTT goes on beside it.
#include <fstream>

#include "protocol/live/broker_server.h"
#include "protocol/live/client_runner.h"
#include "protocol/live/clock.h"
#include "protocol/live/http_site.h"
#include "protocol/live/page.h"
#include "tests/live/loop.h"
#include "tests/live/stranger.h"

namespace mqttlab::live {
namespace {

class HttpTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ListenerConfig listener{.endpoint = Endpoint::parse("http://127.0.0.1:0")};
    listener.web_socket.resources = [this](std::string_view path) { return site.find(path); };
    port = server.listen(std::move(listener));
  }
  std::string answer_to(const std::string& request) {
    testing::Stranger browser(port);
    browser.send(request + " HTTP/1.1\r\nHost: a\r\n\r\n");
    std::string answer;
    EXPECT_TRUE(loop.until([&] { return answer += browser.read(), browser.ended; })) << request;
    return answer;
  }
  testing::Loop loop;
  LogLines log{LogLevel::error};
  HttpSite site;
  BrokerServer server{loop.io, {}, {.max_connections = 9}, 1, nullptr, log};
  std::uint16_t port = 0;
};

TEST_F(HttpTest, ShowsWhatTheSiteHas) {
  const std::string large(3'000'000, 'x');  // more than the kernel takes at once
  int asked = 0;
  site.add("/", {"text/html; charset=utf-8", large});
  site.add("/count", [&] { return HttpResource{"text/plain", std::to_string(++asked)}; });
  const std::string page = answer_to("GET /");
  EXPECT_TRUE(page.starts_with("HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n"));
  EXPECT_TRUE(page.ends_with("\r\n\r\n" + large));
  EXPECT_TRUE(answer_to("GET /count").ends_with("\r\n\r\n1"));
  const std::string head = answer_to("HEAD /count");
  EXPECT_NE(head.find("Content-Length: 1\r\n"), std::string::npos);
  EXPECT_TRUE(head.ends_with("\r\n\r\n"));
  EXPECT_TRUE(answer_to("GET /count").ends_with("\r\n\r\n3"));
  EXPECT_TRUE(answer_to("GET /other").starts_with("HTTP/1.1 404 "));
  EXPECT_TRUE(answer_to("DELETE /").starts_with("HTTP/1.1 405 "));
  EXPECT_TRUE(loop.until([&] { return server.connections() == 0; }));
}

TEST_F(HttpTest, ThePageIsToldWhereMqttIs) {
  const std::string folder = ::testing::TempDir();
  for (const char* name : {"index.html", "page.css", "page.js", "icon.svg"})
    std::ofstream(folder + "/" + name) << "this is " << name;
  add_page(site, folder, "/other\"path");
  EXPECT_TRUE(answer_to("GET /").ends_with("this is index.html"));
  EXPECT_TRUE(answer_to("GET /page.js").ends_with("this is page.js"));
  EXPECT_NE(answer_to("GET /page.json").find(R"("path":"/other\"path")"), std::string::npos);
  EXPECT_THROW(add_page(site, folder + "/none", "/mqtt"), std::runtime_error);
}

TEST_F(HttpTest, MqttIsThereToo) {
  DialConfig dial{.endpoint = Endpoint::parse("ws://127.0.0.1/mqtt")};
  dial.endpoint.port = port;
  bool connected = false;
  ClientRunner runner(loop.io, dial, {.client_id = "c"}, 7, [&](const ClientEvent& event) {
    connected |= std::holds_alternative<Connected>(event);
  });
  runner.client().start(steady_now());
  runner.wake();
  EXPECT_TRUE(loop.until([&] { return connected; })) << runner.trouble();
  dial.endpoint = Endpoint::parse("http://127.0.0.1/");
  EXPECT_THROW(ClientRunner(loop.io, dial, {.client_id = "c"}, 7, [](const ClientEvent&) {}),
               std::invalid_argument);
}

}  // namespace
}  // namespace mqttlab::live
