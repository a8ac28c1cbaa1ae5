// WebSocket in TLS: a Filter that carries a Filter.
#include <gtest/gtest.h>

#include "tests/support/tls_pair.h"
#include "tests/transport/web_socket_script.h"

namespace mqttlab {
namespace {

using namespace testing;

/// Both ends of wss: each TLS end carries a WebSocket end, which carries a Talker.
struct SecurePair {
  Establish upgraded(bool at_server) {
    return [this, at_server](const Introduction& introduction, Time now) -> Peer* {
      const auto carry = [this, at_server, introduction](const Introduction&, Time) {
        met[at_server] = introduction.certificate;
        return &talkers[at_server];
      };
      if (at_server) return &server.emplace(server_settings, carry, now);
      return &client.emplace(client_settings, Random(1, "mask"), carry, now);
    };
  }
  WebSocketFilter& end(bool at_server) {
    return at_server ? static_cast<WebSocketFilter&>(*server) : *client;
  }
  TestCertificates certificates;
  std::pair<TlsSettings, TlsSettings> tls = certificates.mutual();
  WebSocketServerSettings server_settings;
  WebSocketClientSettings client_settings{{}, "broker.example", "/mqtt", {}};
  Talker talkers[2];
  std::string met[2];
  std::optional<WebSocketServerFilter> server;
  std::optional<WebSocketClientFilter> client;
  TlsFilter secure_client{std::make_shared<TlsContext>(tls.second), upgraded(false), 0};
  TlsFilter secure_server{std::make_shared<TlsContext>(tls.first), upgraded(true), 0};
  Duplex wire{secure_client, secure_server};
};

TEST(WebSocketInTls, CarriesBothStreamsAndParts) {
  for (const bool server_ends : {false, true}) {
    for (const std::size_t segment : {7, 1'000, 65'536}) {
      SecurePair pair;
      pair.wire.segment = segment;
      const std::string said[] = {std::string(50'000, 'u'), std::string(70'000, 'd')};
      for (const bool end : {false, true}) pair.talkers[end].to_say = said[end];
      pair.wire.run();
      EXPECT_EQ(pair.met[true], "meter-1");
      pair.talkers[server_ends].to_say += "DISCONNECT";
      pair.talkers[server_ends].finish_when_said = true;
      pair.wire.wake();
      EXPECT_TRUE(pair.wire.over());
      for (const bool end : {false, true}) {
        EXPECT_EQ(pair.talkers[end].heard.size(), pair.talkers[!end].to_say.size());
        EXPECT_EQ(pair.talkers[end].ends,
                  std::vector{end == server_ends ? CloseCause::local : CloseCause::fin});
        EXPECT_EQ(pair.end(end).failure(), "");
      }
      EXPECT_EQ(pair.secure_client.failure() + pair.secure_server.failure(), "");
    }
  }
}

TEST(WebSocketInTls, RefusedUpgradeIsReadByTheClient) {
  SecurePair pair;
  pair.client_settings.path = "/other";
  pair.wire.run();
  EXPECT_TRUE(pair.wire.over());
  EXPECT_EQ(pair.client->failure(), "the server answered 404 Not Found");
  EXPECT_TRUE(pair.server->failure().starts_with("404: "));
  EXPECT_TRUE(pair.talkers[0].ends.empty() && pair.talkers[1].ends.empty());
}

}  // namespace
}  // namespace mqttlab
