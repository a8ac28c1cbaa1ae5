// LinkProxy on loopback sockets: what virtual time cannot show of it.
#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <numeric>
#include <string>
#include <vector>

#include "protocol/live/clock.h"
#include "protocol/live/link/link_proxy.h"
#include "tests/live/loop.h"

namespace mqttlab::live {
namespace {

const std::string connect_packet("\x10\x0d\0\4MQTT\4\2\0\x3c\0\1a", 15);
const std::string pubrec("\x50\2\0\1", 4);

/// One end of a connection: what it got, and how it ended.
struct Party {
  explicit Party(int taken) : socket(taken) {}
  Party(Party&& other) noexcept : socket(std::exchange(other.socket, -1)) {}
  ~Party() {
    if (socket >= 0) ::close(socket);
  }
  void send(const std::string& bytes) const {
    EXPECT_EQ(::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }
  void read() {
    char buffer[4'096];
    while (end.empty()) {
      const ssize_t n = recv(socket, buffer, sizeof buffer, MSG_DONTWAIT);
      if (n > 0) {
        got.append(buffer, static_cast<std::size_t>(n));
        continue;
      }
      if (n == 0) end = "fin";
      if (n < 0 && errno != EAGAIN) end = errno == ECONNRESET ? "reset" : strerror(errno);
      return;
    }
  }
  int socket;
  std::string got, end;
};

class LinkTest : public ::testing::TestWithParam<int> {
 protected:
  void SetUp() override { server = listener(AF_INET); }
  void TearDown() override { ::close(server); }

  int listener(int family) {
    const int socket = ::socket(family, SOCK_STREAM | SOCK_NONBLOCK, 0);
    sockaddr_storage address = loopback(family, 0);
    socklen_t size = sizeof address;
    EXPECT_EQ(bind(socket, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(socket, 64), 0);
    getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size);
    server_port = ntohs(reinterpret_cast<sockaddr_in*>(&address)->sin_port);
    return socket;
  }
  static sockaddr_storage loopback(int family, std::uint16_t port) {
    sockaddr_storage address{};
    address.ss_family = static_cast<sa_family_t>(family);
    if (family == AF_INET6) {
      auto& v6 = reinterpret_cast<sockaddr_in6&>(address);
      v6.sin6_addr = in6addr_loopback;
      v6.sin6_port = htons(port);
    } else {
      auto& v4 = reinterpret_cast<sockaddr_in&>(address);
      v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      v4.sin_port = htons(port);
    }
    return address;
  }
  LinkProxy& link(LinkSpec spec, std::vector<Fault> faults = {},
                  const std::string& host = "127.0.0.1") {
    LinkConfig config;
    config.link = std::move(spec);
    config.link.name = "link";
    config.listen = Endpoint::parse("tcp://" + host + ":0");
    config.target = Endpoint::parse("tcp://" + host + ":" + std::to_string(server_port));
    config.faults = std::move(faults);
    config.ended = [this](const ConnectionReport& report) { reports.push_back(report); };
    LinkTrace traced;
    traced.log = &trace;
    traced.device = trace.add_actor("device");
    traced.broker = trace.add_actor("broker");
    traced.connection = [this](const std::string&) { return ++connections; };
    proxy = std::make_unique<LinkProxy>(loop.io, std::move(config), log, traced);
    return *proxy;
  }
  Party dial(int family = AF_INET) {
    const int socket = ::socket(family, SOCK_STREAM, 0);
    const sockaddr_storage address = loopback(family, proxy->port());
    EXPECT_EQ(connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    return Party(socket);
  }
  /// The next connection that the broker's side gets.
  Party accept() {
    int socket = -1;
    EXPECT_TRUE(loop.until([&] { return (socket = accept4(server, nullptr, nullptr, 0)) >= 0; }));
    return Party(socket);
  }
  bool gets(Party& party, const std::string& bytes) {
    return loop.until([&] {
      party.read();
      return party.got == bytes;
    });
  }
  bool ends(Party& party, const std::string& how) {
    return loop.until([&] {
      party.read();
      return party.end == how;
    });
  }

  testing::Loop loop;
  LogLines log{LogLevel::error};
  trace::Log trace;
  std::uint32_t connections = 0;
  int server = -1;
  std::uint16_t server_port = 0;
  std::vector<ConnectionReport> reports;
  std::unique_ptr<LinkProxy> proxy;
};

LinkSpec with_delay(Time delay) {
  LinkSpec spec;
  spec.up.delay = spec.down.delay = delay;
  return spec;
}

Fault cut_after(Way way, std::uint64_t bytes, Cut how) {
  Fault fault;
  fault.when = {.kind = Trigger::Kind::bytes, .way = way, .bytes = bytes};
  fault.how = how;
  return fault;
}

TEST_P(LinkTest, CarriesManyConnectionsAtOnceLate) {
  const int family = GetParam();
  ::close(server);
  server = listener(family);
  link(with_delay(20 * millisecond), {}, family == AF_INET6 ? "[::1]" : "127.0.0.1");
  constexpr int count = 20;
  std::vector<Party> devices;
  const Time began = steady_now();
  for (int i = 0; i < count; ++i) {
    devices.push_back(dial(family));
    devices.back().send("hello from " + std::to_string(i));
  }
  for (int i = 0; i < count; ++i) {
    Party broker = accept();
    ASSERT_TRUE(loop.until([&] {
      broker.read();
      return broker.got.starts_with("hello from ");
    }));
    EXPECT_GE(steady_now() - began, 60 * millisecond);  // handshake there and back, then the bytes
    broker.send(broker.got);
    const int who = std::stoi(broker.got.substr(11));
    ASSERT_TRUE(gets(devices[who], broker.got));
    ASSERT_TRUE(ends(broker, ""));
  }
  devices.clear();
  ASSERT_TRUE(loop.until([&] { return proxy->connections() == 0; }));
  EXPECT_EQ(reports.size(), std::size_t{count});
  EXPECT_TRUE(trace.events().empty());  // nothing of this is MQTT
}
INSTANTIATE_TEST_SUITE_P(Both, LinkTest, ::testing::Values(AF_INET, AF_INET6));

TEST_F(LinkTest, ABulkOfBytesPassesWithBackPressure) {
  LinkSpec spec;
  spec.up.rate_bps = 100e6;
  link(spec);
  Party device = dial();
  std::string bytes(3'000'000, ' ');
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 31 + i / 997);
  std::size_t sent = 0;
  const auto pump = [&] {
    const ssize_t n = ::send(device.socket, bytes.data() + sent, bytes.size() - sent, MSG_DONTWAIT);
    if (n > 0) sent += static_cast<std::size_t>(n);
  };
  pump();
  Party broker = accept();
  ASSERT_TRUE(loop.until([&] {
    pump();
    broker.read();
    return broker.got.size() == bytes.size();
  }));
  EXPECT_TRUE(broker.got == bytes);
  EXPECT_EQ(proxy->counters(Way::up).packets.payload_bytes, bytes.size());
}

TEST_F(LinkTest, EachKindOfCutLeavesExactlyTheBytesBeforeIt) {
  struct Case {
    Cut how;
    std::string device, broker;
  };
  for (const auto& [how, device_end, broker_end] :
       {Case{Cut::reset, "reset", "reset"}, Case{Cut::fin, "fin", "fin"},
        Case{Cut::half_open, "reset", ""}, Case{Cut::silent, "", ""}}) {
    link({}, {cut_after(Way::up, 1'000, how)});
    Party device = dial();
    device.send(std::string(5'000, 'x'));
    Party broker = accept();
    ASSERT_TRUE(gets(broker, std::string(1'000, 'x')));
    ASSERT_TRUE(ends(device, device_end));
    ASSERT_TRUE(ends(broker, broker_end));
    if (how == Cut::silent) device.send("nobody hears this");
    if (broker_end.empty()) broker.send("nor this");
    { Party gone = std::move(device); }
    { Party gone = std::move(broker); }
    ASSERT_TRUE(loop.until([&] { return proxy->connections() == 0; }));
    EXPECT_EQ(reports.back().cut, how);
    EXPECT_EQ(reports.back().bytes_up, 1'000U);
    EXPECT_EQ(reports.back().bytes_down, 0U);
  }
}

TEST_F(LinkTest, ADownLinkDialsNobody) {
  link({}).set_up(false);
  Party device = dial();
  device.send("hello");
  ASSERT_TRUE(loop.until([&] { return proxy->counters(Way::up).packets.lost_down > 0; }));
  EXPECT_LT(accept4(server, nullptr, nullptr, SOCK_NONBLOCK), 0);
  proxy->set_up(true);
  Party broker = accept();  // asked again a second later
  EXPECT_TRUE(gets(broker, "hello"));
}

TEST_F(LinkTest, NobodyAtTheOtherEndIsAReset) {
  ::close(std::exchange(server, -1));
  link({});
  Party device = dial();
  EXPECT_TRUE(ends(device, "reset"));
  EXPECT_TRUE(loop.until([&] { return proxy->connections() == 0; }));
}

TEST_F(LinkTest, TimesOfTheConfigurationAreKept) {
  Fault down;
  down.kind = Fault::Kind::down;
  down.when.at = 50 * millisecond;
  down.lasts = 50 * millisecond;
  Fault cut;
  cut.when.at = 150 * millisecond;
  link({}, {down, cut});
  Party device = dial();
  Party broker = accept();
  ASSERT_TRUE(loop.until([&] { return !proxy->is_up(); }));
  ASSERT_TRUE(loop.until([&] { return proxy->is_up(); }));
  ASSERT_TRUE(ends(device, "reset"));
  ASSERT_TRUE(ends(broker, "reset"));
  EXPECT_TRUE(proxy->faults_left().empty());
  ASSERT_EQ(trace.events().size(), 2U);
  EXPECT_EQ(trace.events()[0].kind, trace::Kind::link_down);
  EXPECT_EQ(trace.events()[1].kind, trace::Kind::link_up);
}

TEST_F(LinkTest, TheTraceHasThePacketsOfBothEnds) {
  Fault cut;
  cut.when = {
      .kind = Trigger::Kind::before, .way = Way::down, .packet = PacketType::pubrec, .count = 2};
  link({}, {cut});
  Party device = dial();
  device.send(connect_packet);
  Party broker = accept();
  ASSERT_TRUE(gets(broker, connect_packet));
  broker.send(pubrec + pubrec + pubrec);
  ASSERT_TRUE(gets(device, pubrec));
  ASSERT_TRUE(ends(device, "reset"));
  ASSERT_TRUE(ends(broker, "reset"));
  ASSERT_TRUE(loop.until([&] { return proxy->connections() == 0; }));
  std::string story;
  for (const trace::Event& event : trace.events()) {
    story += event.end == trace::End::client ? "c:" : "b:";
    story += trace::name(event.kind);
    if (event.packet != PacketType{}) story.append(" ").append(name(event.packet));
    story += "; ";
  }
  EXPECT_EQ(story,
            "c:opened; c:written CONNECT; b:opened; b:arrived CONNECT; b:written PUBREC; "
            "b:written PUBREC; b:written PUBREC; c:arrived PUBREC; c:closed; b:closed; ");
}

TEST_F(LinkTest, StoppingEndsEveryConnectionAndItsTrace) {
  link(with_delay(millisecond));
  Party device = dial();
  device.send(connect_packet + "\x30");
  Party broker = accept();
  ASSERT_TRUE(gets(broker, connect_packet + "\x30"));
  bool stopped = false;
  proxy->stop([&] { stopped = true; });
  ASSERT_TRUE(loop.until([&] { return stopped; }));
  ASSERT_TRUE(ends(device, "fin"));
  ASSERT_TRUE(ends(broker, "fin"));
  std::vector<trace::Kind> last;
  for (const trace::Event& event : trace.events()) last.push_back(event.kind);
  ASSERT_GE(last.size(), 4U);
  using trace::Kind;
  EXPECT_EQ((std::vector<Kind>{last.end() - 4, last.end()}),
            (std::vector<Kind>{Kind::tail, Kind::closed, Kind::tail, Kind::closed}));
}

TEST_F(LinkTest, ALinkForEachConnectionKeepsItsAccounts) {
  LinkConfig config;
  config.link.name = "link";
  config.listen = Endpoint::parse("tcp://127.0.0.1:0");
  config.target = Endpoint::parse("tcp://127.0.0.1:" + std::to_string(server_port));
  config.link_per_connection = true;
  proxy = std::make_unique<LinkProxy>(loop.io, std::move(config), log);
  for (int i = 0; i < 3; ++i) {
    Party device = dial();
    device.send("hello");
    Party broker = accept();
    ASSERT_TRUE(gets(broker, "hello"));
  }
  ASSERT_TRUE(loop.until([&] { return proxy->connections() == 0; }));
  EXPECT_EQ(proxy->counters(Way::up).packets.payload_bytes, 15U);
}

TEST_F(LinkTest, OnlyTcpIsALinksBusiness) {
  LinkConfig config;
  config.listen = Endpoint::parse("ws://127.0.0.1:0");
  config.target = Endpoint::parse("tcp://127.0.0.1:1");
  EXPECT_THROW(LinkProxy(loop.io, config, log), std::invalid_argument);
}

}  // namespace
}  // namespace mqttlab::live
