#include "protocol/live/endpoint.h"

#include <gtest/gtest.h>

#include <map>
#include <stdexcept>
#include <string>

namespace mqttlab::live {
namespace {

TEST(Endpoint, ReadsUrls) {
  struct Row {
    const char* url;
    Transport transport;
    const char* host;
    std::uint16_t port;
    const char* path;
    const char* text;
  };
  const Row rows[] = {
      {"tcp://127.0.0.1:1883", Transport::tcp, "127.0.0.1", 1883, "", "tcp://127.0.0.1:1883"},
      {"mqtt://broker", Transport::tcp, "broker", 1883, "", "tcp://broker:1883"},
      {"mqtts://broker", Transport::tls, "broker", 8883, "", "tls://broker:8883"},
      {"tls://[::1]:0", Transport::tls, "::1", 0, "", "tls://[::1]:0"},
      {"ws://[fe80::1]/mqtt", Transport::ws, "fe80::1", 80, "/mqtt", "ws://[fe80::1]:80/mqtt"},
      {"wss://a.b:65535/x/y", Transport::wss, "a.b", 65535, "/x/y", "wss://a.b:65535/x/y"},
  };
  for (const Row& row : rows) {
    const Endpoint endpoint = Endpoint::parse(row.url);
    EXPECT_EQ(endpoint.transport, row.transport) << row.url;
    EXPECT_EQ(endpoint.host, row.host) << row.url;
    EXPECT_EQ(endpoint.port, row.port) << row.url;
    EXPECT_EQ(endpoint.path, row.path) << row.url;
    EXPECT_EQ(endpoint.text(), row.text) << row.url;
    EXPECT_FALSE(endpoint.user_name) << row.url;
  }
}

TEST(Endpoint, ReadsUserAndPasswordAndNeverShowsThem) {
  const Endpoint endpoint = Endpoint::parse("mqtt://ada:p%40ss%3a@host:1884/topic/a@b");
  EXPECT_EQ(endpoint.user_name, "ada");
  EXPECT_EQ(endpoint.password, "p@ss:");
  EXPECT_EQ(endpoint.path, "/topic/a@b");
  EXPECT_EQ(endpoint.text(), "tcp://host:1884/topic/a@b");
}

TEST(Endpoint, SaysWhatIsWrong) {
  struct Row {
    const char* url;
    const char* says;
  };
  const Row rows[] = {
      {"127.0.0.1:1883", "no scheme"},
      {"gopher://x", "unknown scheme 'gopher'"},
      {"tcp://", "no host"},
      {"tcp://::1:1883", "needs brackets"},
      {"tcp://[::1:1883", "']'"},
      {"tcp://x:", "the port ''"},
      {"tcp://x:65536", "'65536'"},
      {"tcp://x:1x", "'1x'"},
      {"tcp://[::1]1883", "not a number"},
      {"tcp://u%4:secret@x", "hexadecimal"},
  };
  for (const Row& row : rows) {
    try {
      static_cast<void>(Endpoint::parse(row.url));
      ADD_FAILURE() << row.url << " was taken";
    } catch (const std::invalid_argument& error) {
      const std::string said = error.what();
      EXPECT_NE(said.find(row.says), std::string::npos) << row.url << ": " << said;
      EXPECT_EQ(said.find("secret"), std::string::npos) << said;
    }
  }
}

TEST(Endpoint, IsFoundAtAnotherServerTheSameWay) {
  const Endpoint own = Endpoint::parse("wss://ada:secret@site.example:8443/mqtt");
  for (const auto& [server, text] : std::map<std::string, std::string>{
           {"other", "wss://other:443/mqtt"},
           {"other:99", "wss://other:99/mqtt"},
           {"[fe80::1]:99", "wss://[fe80::1]:99/mqtt"},
           {"10.10.151.22:99", "wss://10.10.151.22:99/mqtt"},
       }) {
    const auto there = own.at(server);
    ASSERT_TRUE(there) << server;
    EXPECT_EQ(there->text(), text);
  }
  for (const char* server : {"", ":1", "tcp://other", "a@other", "other/path", "other:x", "::1",
                             "other\r\nHost: x", "\xC3\xA9"})
    EXPECT_FALSE(own.at(server)) << server;
}

}  // namespace
}  // namespace mqttlab::live
