// A broker and clients of this project in one thread, on real sockets.
#include <ctime>
#include <map>
#include <string>

#include "protocol/live/broker_server.h"
#include "protocol/live/client_runner.h"
#include "protocol/live/clock.h"
#include "protocol/transport/certificate_authority.h"
#include "tests/live/loop.h"
#include "tests/live/stranger.h"

namespace mqttlab::live {
namespace {

using namespace std::string_literals;
using testing::Stranger;

const std::string connect_5 = "\x10\x0e\0\4MQTT\5\2\0\0\0\0\1s"s;

class ServerTest : public ::testing::Test {
 protected:
  std::uint16_t serve(ServerConfig config = {.max_connections = 100}, BrokerConfig broker = {},
                      ListenerConfig listener = {}) {
    if (listener.endpoint.host.empty()) listener.endpoint = Endpoint::parse("tcp://127.0.0.1:0");
    if (!server) server = std::make_unique<BrokerServer>(loop.io, broker, config, 1, nullptr, log);
    return server->listen(std::move(listener));
  }
  testing::Loop loop;
  LogLines log{LogLevel::error};
  std::unique_ptr<BrokerServer> server;
};

TEST_F(ServerTest, ClosesWhatIsOverItsLimits) {
  ListenerConfig narrow{.endpoint = Endpoint::parse("tcp://127.0.0.1:0"), .max_connections = 2};
  const std::uint16_t first = serve({.max_connections = 3}, {}, narrow), second = serve();
  std::vector<Stranger> strangers;
  const auto ended = [&] {
    std::size_t n = 0;
    for (Stranger& stranger : strangers) n += (stranger.read(), stranger.ended);
    return n;
  };
  for (int i = 0; i < 3; ++i) strangers.emplace_back(first);
  ASSERT_TRUE(loop.until([&] { return ended() == 1; }));
  EXPECT_EQ(server->connections(), 2U);
  strangers.emplace_back(second);
  ASSERT_TRUE(loop.until([&] { return server->connections() == 3; }));
  strangers.emplace_back(second);
  ASSERT_TRUE(loop.until([&] { return ended() == 2; }));
  EXPECT_EQ(server->connections(), 3U);
  strangers.clear();
  ASSERT_TRUE(loop.until([&] { return server->connections() == 0; }));
}

TEST_F(ServerTest, ThoseWhoComeTooFastWait) {
  const std::uint16_t port = serve({.max_connections = 100, .accepts_per_s = 20});
  const Time begin = steady_now();
  std::vector<Stranger> strangers;
  for (int i = 0; i < 30; ++i) strangers.emplace_back(port);
  ASSERT_TRUE(loop.until([&] { return server->connections() == 30; }));
  EXPECT_GE(steady_now() - begin, 450 * millisecond);
}

TEST_F(ServerTest, SilentStrangersAreNotWaitedFor) {
  BrokerConfig broker;
  broker.connect_timeout = 50 * millisecond;
  const std::uint16_t port = serve({.max_connections = 9}, broker);
  ListenerConfig web{.endpoint = Endpoint::parse("ws://127.0.0.1:0")};
  web.web_socket.open_timeout = 50 * millisecond;
  Stranger silent(port), silent_web(serve({}, {}, web));
  ASSERT_TRUE(loop.until([&] { return silent.read(), silent.ended; }));
  ASSERT_TRUE(loop.until([&] { return silent_web.read(), silent_web.ended; }));
}

TEST_F(ServerTest, AStoppingBrokerSaysSoAndLeaves) {
  const std::uint16_t port = serve();
  Stranger client(port), silent(port);
  std::string got;
  client.send(connect_5);
  ASSERT_TRUE(loop.until([&] { return (got += client.read()).size() > 4; }));
  bool stopped = false;
  server->stop([&] { stopped = true; });
  got.clear();
  ASSERT_TRUE(loop.until([&] { return got += client.read(), client.ended; }));
  EXPECT_EQ(got.substr(0, 3), "\xE0\x01\x8B");
  ASSERT_TRUE(loop.until([&] { return silent.read(), silent.ended; }));
  EXPECT_FALSE(stopped);  // the clients' own end is waited for, for a while
  { const Stranger gone = std::move(client), gone_too = std::move(silent); }
  ASSERT_TRUE(loop.until([&] { return stopped; }));
  EXPECT_EQ(server->connections(), 0U);
}

TEST_F(ServerTest, OneThatReadsNothingCostsNoMoreThanItsBound) {
  BrokerConfig broker;
  broker.outbox_bytes = 64 << 10;
  const std::uint16_t port = serve({.max_connections = 9}, broker);
  Stranger slow(port), fast(port);
  slow.send(connect_5 + "\x82\x07\0\1\0\0\1a\0"s);
  std::string got;
  ASSERT_TRUE(loop.until([&] { return (got += slow.read()).find('\x90') != std::string::npos; }));
  std::string other = connect_5;
  other.back() = 'f';
  fast.send(other);
  const std::string publish = "\x30\x83\x80\4\0\1a\0"s + std::string(65'535, 'x');
  const std::size_t most = 40'000'000;  // more than the kernel buffers for one socket
  std::size_t calls = 0;
  ASSERT_TRUE(loop.until([&] {
    while (fast.send(publish)) ++calls;
    return server->gauges().bytes_received > most;
  }));
  const BrokerGauges gauges = server->gauges();
  EXPECT_GT(gauges.messages_dropped, 0U);
  EXPECT_LT(gauges.bytes_sent + gauges.queued_messages, gauges.bytes_received);
  EXPECT_EQ(gauges.connections, 2U);
}

/// Publishes at every QoS to itself.
class Echo {
 public:
  Echo(testing::Loop& loop, DialConfig dial, ClientConfig config)
      : runner(loop.io, std::move(dial), std::move(config), 7,
               [this](const ClientEvent& event) { on(event); }) {
    runner.client().start(steady_now());
    runner.wake();
  }
  void on(const ClientEvent& event) {
    if (std::holds_alternative<Connected>(event)) {
      static_cast<void>(runner.client().subscribe(
          {{.filter = Slice::copy_of("a"s), .qos = QoS::exactly_once}}, steady_now()));
      for (const auto qos : {QoS::at_most_once, QoS::at_least_once, QoS::exactly_once})
        static_cast<void>(runner.client().publish(Slice::copy_of("a"s),
                                                  Slice::copy_of(std::string(100'000, 'x')), qos,
                                                  false, steady_now()));
    }
    if (const auto* message = std::get_if<Received>(&event)) bytes += message->payload.size();
    refused |= std::holds_alternative<Refused>(event);
  }
  ClientRunner runner;
  std::size_t bytes = 0;
  bool refused = false;
};

struct Certificates {
  std::int64_t now_s = std::time(nullptr);
  Validity validity{now_s - 3'600, now_s + 3'600};
  CertificateAuthority authority{"test authority", validity, KeyKind::p256};
  Credentials broker = authority.issue("127.0.0.1", validity, {"IP:127.0.0.1"});
  Credentials device = authority.issue("device-7", validity);

  std::shared_ptr<const TlsContext> server(ClientCertificate client) const {
    return std::make_shared<TlsContext>(TlsSettings{.certificate_pem = broker.certificate_pem,
                                                    .key_pem = broker.key_pem,
                                                    .ca_pem = authority.certificate_pem(),
                                                    .client_certificate = client});
  }
  std::shared_ptr<const TlsContext> client(bool with_certificate) const {
    TlsSettings settings{.role = TlsSettings::Role::client,
                         .ca_pem = authority.certificate_pem(),
                         .server_name = "127.0.0.1"};
    if (with_certificate) {
      settings.certificate_pem = device.certificate_pem;
      settings.key_pem = device.key_pem;
    }
    return std::make_shared<TlsContext>(std::move(settings));
  }
};

TEST_F(ServerTest, CarriesMessagesOverEveryTransport) {
  const Certificates certificates;
  for (const char* url : {"tcp://127.0.0.1:0", "ws://127.0.0.1:0/mqtt", "tls://127.0.0.1:0",
                          "wss://127.0.0.1:0/mqtt"}) {
    DialConfig dial{.endpoint = Endpoint::parse(url)};
    ListenerConfig listener{.endpoint = dial.endpoint};
    if (has_tls(dial.endpoint.transport)) {
      listener.tls = certificates.server(ClientCertificate::required);
      dial.tls = certificates.client(true);
    }
    dial.endpoint.port = serve({.max_connections = 100}, {}, listener);
    Echo echo(loop, dial, {.client_id = "echo", .version = ProtocolVersion::v5_0});
    EXPECT_TRUE(loop.until([&] { return echo.bytes == 300'000; })) << url << echo.runner.trouble();
    static_cast<void>(echo.runner.client().stop(steady_now()));
    echo.runner.wake();
    EXPECT_TRUE(loop.until([&] { return echo.runner.is_idle(); })) << url;
    EXPECT_TRUE(loop.until([&] { return server->connections() == 0; })) << url;
  }
}

TEST_F(ServerTest, AClientWithoutACertificateIsToldWhy) {
  const Certificates certificates;
  ListenerConfig listener{.endpoint = Endpoint::parse("tls://127.0.0.1:0"),
                          .tls = certificates.server(ClientCertificate::required)};
  DialConfig dial{.endpoint = listener.endpoint, .tls = certificates.client(false)};
  dial.endpoint.port = serve({.max_connections = 100}, {}, listener);
  Echo echo(loop, dial, {.client_id = "echo", .reconnect = false});
  ASSERT_TRUE(loop.until([&] { return !echo.runner.trouble().empty(); }));
  EXPECT_NE(echo.runner.trouble().find("certificate"), std::string::npos) << echo.runner.trouble();
  EXPECT_EQ(server->gauges().connections, 0U);
}

TEST_F(ServerTest, AClientDialsAgainUntilThereIsABroker) {
  std::uint16_t port = 0;
  {
    testing::Loop other;
    BrokerServer gone(other.io, {}, {.max_connections = 9}, 1, nullptr, log);
    port = gone.listen({.endpoint = Endpoint::parse("tcp://127.0.0.1:0")});
  }
  DialConfig dial{.endpoint = Endpoint::parse("tcp://127.0.0.1")};
  dial.endpoint.port = port;
  ClientConfig config{.client_id = "echo"};
  config.backoff.initial = 20 * millisecond;
  Echo echo(loop, dial, config);
  ASSERT_TRUE(loop.until([&] { return !echo.runner.trouble().empty(); }));
  EXPECT_NE(echo.runner.trouble().find("refused"), std::string::npos) << echo.runner.trouble();
  ListenerConfig listener{.endpoint = dial.endpoint};
  serve({.max_connections = 9}, {}, listener);
  EXPECT_TRUE(loop.until([&] { return echo.bytes == 300'000; }));
}

// TLS goes on under the other server's name: here the certificates are of two addresses.
TEST_F(ServerTest, AClientGoesWhereItsServerSendsItAndTrustsNobodyElseThere) {
  const Certificates certificates;
  for (const char* elsewhere : {"127.0.0.1", "127.0.0.2"}) {
    ListenerConfig listener{.endpoint = Endpoint::parse("tls://127.0.0.1:0"),
                            .tls = certificates.server(ClientCertificate::none)};
    listener.endpoint.host = elsewhere;
    server.reset();
    const std::uint16_t port = serve({.max_connections = 9}, {}, listener);
    BrokerConfig config;
    config.redirect = ReasonCode::use_another_server;
    config.server_reference = "no/server " + authority(elsewhere, port);
    listener.endpoint.host = "127.0.0.1";
    BrokerServer first(loop.io, config, {.max_connections = 9}, 1, nullptr, log);
    DialConfig dial{.endpoint = listener.endpoint, .tls = certificates.client(false)};
    dial.endpoint.port = first.listen(listener);
    ClientConfig client{.client_id = "echo", .version = ProtocolVersion::v5_0};
    client.backoff.initial = 20 * millisecond;
    Echo echo(loop, dial, client);
    ASSERT_TRUE(
        loop.until([&] { return echo.bytes == 300'000 || !echo.runner.trouble().empty(); }));
    EXPECT_TRUE(echo.refused);
    const bool is_certified = listener.endpoint.host == elsewhere;
    EXPECT_EQ(echo.bytes == 300'000, is_certified) << echo.runner.trouble();
    EXPECT_EQ(echo.runner.trouble().find("certificate") == std::string::npos, is_certified)
        << echo.runner.trouble();
  }
}

TEST_F(ServerTest, AStreamIsTracedWhateverCarriesIt) {
  trace::Log events;
  const BrokerTrace traced{.log = &events, .actor = events.add_actor("broker")};
  server = std::make_unique<BrokerServer>(
      loop.io, BrokerConfig{}, ServerConfig{.max_connections = 9}, 1, nullptr, log, traced);
  DialConfig dial{.endpoint = Endpoint::parse("ws://127.0.0.1:0/mqtt")};
  dial.endpoint.port = serve({}, {}, {.endpoint = dial.endpoint});
  Echo echo(loop, dial, {.client_id = "echo"});
  ASSERT_TRUE(loop.until([&] { return echo.bytes == 300'000; }));
  std::map<std::pair<trace::Kind, PacketType>, int> seen;
  for (const trace::Event& event : events.events())
    if (event.kind == trace::Kind::arrived || event.kind == trace::Kind::written)
      ++seen[{event.kind, event.packet}];
  EXPECT_EQ((seen[{trace::Kind::arrived, PacketType::connect}]), 1);
  EXPECT_EQ((seen[{trace::Kind::arrived, PacketType::publish}]), 3);
  EXPECT_EQ((seen[{trace::Kind::written, PacketType::publish}]), 3);
}

}  // namespace
}  // namespace mqttlab::live
