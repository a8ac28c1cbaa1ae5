// Instants of the protocol: what has arrived, and what has been said, when they come.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <tuple>

#include "tests/sim/captured.h"
#include "tests/sim/worlds.h"

namespace mqttlab::sim {
namespace {

constexpr Time begins = second, ends = 3 * second;

/// What a receiver-side capture has of the device's first connection: bytes of TCP, by way.
std::array<std::uint64_t, 2> captured(const std::string& path) {
  std::map<std::uint16_t, std::array<std::uint64_t, 2>> by_port;
  for (const Captured& one : read_capture(path)) {
    const Segment& segment = one.segment;
    auto& ways = by_port[one.to_site ? segment.source_port : segment.destination_port];
    auto& end = ways[one.to_site ? 0 : 1];
    const std::uint64_t after = std::uint64_t{segment.sequence} + segment.payload_bytes;
    if (segment.payload_bytes > 0) end = std::max(end, after - 1);  // SYN is 0
  }
  return by_port.empty() ? std::array<std::uint64_t, 2>{} : by_port.begin()->second;
}

/// A client that publishes to itself at QoS 2: every packet of either way that a session has.
class Scene {
 public:
  explicit Scene(ProtocolVersion version, Transport transport = over::tcp)
      : path_(::testing::TempDir() + "triggers-" + std::to_string(getpid()) + ".pcap"),
        world_(config(path_)) {
    world_.add_broker("broker", {});
    device_ = world_.add_device("meter", symmetric(20 * millisecond));
    ClientConfig config = client_config("meter");
    config.version = version;
    config.clean_session = false;
    if (version == ProtocolVersion::v5_0) config.session_expiry_s = 600;
    client_ = world_.add_client(device_, config, transport);
    world_.start(client_);
    (void)world_.subscribe(client_, {{.filter = text("t"), .qos = QoS::exactly_once}});
    world_.at(begins, [this] {
      (void)world_.publish(client_, text("t"), text("0123456789"), QoS::exactly_once, false);
    });
  }
  ~Scene() { std::filesystem::remove(path_); }
  Scene(const Scene&) = delete;
  Scene& operator=(const Scene&) = delete;

  void when(const Trigger& instant, std::optional<Cut> how = Cut::reset) {
    world_.when(device_, instant, [this, how](const Fired& fired) {
      ++fired_;
      fired_at_ = fired.at;
      connection_ = fired.connection;
      if (how) world_.cut(device_, *how, fired.connection);
    });
  }
  void run(Time until = ends) { world_.run(until); }

  /// Packets of the first connection, of those a kind of event is at an end.
  [[nodiscard]] std::vector<trace::Event> packets(trace::Kind kind, trace::End end) {
    std::vector<trace::Event> found;
    for (const auto& event : world_.log().events())
      if (event.kind == kind && event.end == end && event.connection == 1) found.push_back(event);
    return found;
  }
  [[nodiscard]] std::array<std::uint64_t, 2> captured_bytes() {
    run(world_.now() + 1);  // writes what is buffered
    return captured(path_);
  }

  World& world() { return world_; }
  [[nodiscard]] DeviceId device() const { return device_; }
  [[nodiscard]] int fired() const { return fired_; }
  [[nodiscard]] Time fired_at() const { return fired_at_; }
  [[nodiscard]] std::uint32_t connection() const { return connection_; }

 private:
  static WorldConfig config(const std::string& path) {
    WorldConfig config;
    config.pcap_path = path;
    return config;
  }
  const std::string path_;
  World world_;
  DeviceId device_ = 0;
  ClientId client_ = 0;
  int fired_ = 0;
  Time fired_at_ = 0;
  std::uint32_t connection_ = 0;
};

constexpr trace::End sender_of(Way way) {
  return way == Way::up ? trace::End::client : trace::End::broker;
}
constexpr trace::End receiver_of(Way way) {
  return way == Way::up ? trace::End::broker : trace::End::client;
}

/// A packet of the exchange, with the bytes before it on its way.
struct Sent {
  Way way;
  PacketType packet;
  std::uint64_t begin, bytes;
};

std::vector<Sent> exchange(ProtocolVersion version) {
  Scene scene(version);
  scene.run();
  std::vector<Sent> all;
  for (const Way way : {Way::up, Way::down}) {
    std::uint64_t position = 0;
    for (const auto& event : scene.packets(trace::Kind::written, sender_of(way))) {
      all.push_back({way, event.packet, position, event.bytes});
      position += event.bytes;
    }
  }
  return all;
}

std::size_t count(const std::vector<trace::Event>& events, PacketType packet) {
  return static_cast<std::size_t>(std::ranges::count(events, packet, &trace::Event::packet));
}

class Instants : public ::testing::TestWithParam<ProtocolVersion> {
 protected:
  /// Cuts at this instant of each packet of the exchange, and shows what was there.
  template <typename Check>
  void at_each_packet(Trigger::Kind kind, const Check& check) {
    const auto all = exchange(GetParam());
    ASSERT_EQ(all.size(), 12U) << "each way 6 packets";
    for (const Sent& sent : all) {
      SCOPED_TRACE(std::string(name(sent.packet)) + (sent.way == Way::up ? " up" : " down"));
      Scene scene(GetParam());
      scene.when({.kind = kind, .way = sent.way, .packet = sent.packet});
      scene.run();
      ASSERT_EQ(scene.fired(), 1);
      EXPECT_EQ(scene.connection(), 1U);
      for (const trace::End end : {trace::End::client, trace::End::broker}) {
        const auto closed = scene.packets(trace::Kind::closed, end);
        // Before CONNECT leaves, the site may not have heard of the connection.
        ASSERT_EQ(closed.size(), scene.packets(trace::Kind::opened, end).size());
        for (const auto& event : closed) EXPECT_EQ(event.at, scene.fired_at());
      }
      EXPECT_EQ(count(scene.packets(trace::Kind::written, sender_of(sent.way)), sent.packet), 1U);
      const std::uint64_t there = scene.captured_bytes()[static_cast<std::size_t>(sent.way)];
      check(scene, sent, there,
            count(scene.packets(trace::Kind::arrived, receiver_of(sent.way)), sent.packet));
    }
  }
};

INSTANTIATE_TEST_SUITE_P(Of, Instants,
                         ::testing::Values(ProtocolVersion::v3_1_1, ProtocolVersion::v5_0),
                         [](const auto& of) {
                           return of.param == ProtocolVersion::v5_0 ? "v5" : "v311";
                         });

TEST_P(Instants, BeforeAPacketAllBeforeItHasArrivedAndNoByteOfIt) {
  at_each_packet(Trigger::Kind::before,
                 [](Scene&, const Sent& sent, std::uint64_t there, std::size_t got) {
                   EXPECT_EQ(there, sent.begin);
                   EXPECT_EQ(got, 0U);
                 });
}

TEST_P(Instants, WrittenNoneOfItHasLeft) {
  at_each_packet(Trigger::Kind::written, [](Scene& scene, const Sent& sent, std::uint64_t there,
                                            std::size_t got) {
    EXPECT_LE(there, sent.begin);
    EXPECT_EQ(got, 0U);
    for (const auto& event : scene.packets(trace::Kind::written, sender_of(sent.way)))
      EXPECT_TRUE(event.packet != sent.packet || event.at == scene.fired_at());
  });
}

TEST_P(Instants, UnreadItHasArrivedAndItsReceiverKnowsNothingOfIt) {
  at_each_packet(Trigger::Kind::unread,
                 [](Scene& scene, const Sent& sent, std::uint64_t there, std::size_t got) {
                   EXPECT_EQ(there, sent.begin + sent.bytes);
                   EXPECT_EQ(got, 0U);
                   EXPECT_TRUE(scene.packets(trace::Kind::tail, receiver_of(sent.way)).empty());
                 });
}

TEST_P(Instants, ArrivedItsReceiverHasActedAndSaidNothing) {
  at_each_packet(Trigger::Kind::after, [](Scene& scene, const Sent& sent, std::uint64_t there,
                                          std::size_t got) {
    EXPECT_EQ(there, sent.begin + sent.bytes);
    EXPECT_EQ(got, 1U);
    for (const auto& event : scene.packets(trace::Kind::written, receiver_of(sent.way)))
      EXPECT_LT(event.at, scene.fired_at()) << name(event.packet);
    if (sent.packet != PacketType::publish || sent.way != Way::down) return;
    const auto delivered =
        events(scene.world(), trace::Kind::delivered, trace::End::client, scene.device());
    ASSERT_EQ(delivered.size(), 1U) << "the application has it";
    EXPECT_EQ(delivered[0].at, scene.fired_at());
  });
}

TEST_P(Instants, InsideAPublishEveryByteOfItCanBeTheLastThatArrives) {
  for (const Sent& sent : exchange(GetParam())) {
    if (sent.packet != PacketType::publish) continue;
    for (std::uint64_t k = 1; k < sent.bytes; ++k) {
      SCOPED_TRACE(std::to_string(k) + (sent.way == Way::up ? " up" : " down"));
      Scene scene(GetParam());
      scene.when({.kind = Trigger::Kind::inside,
                  .way = sent.way,
                  .bytes = k,
                  .packet = PacketType::publish});
      scene.run();
      ASSERT_EQ(scene.fired(), 1);
      EXPECT_EQ(scene.captured_bytes()[static_cast<std::size_t>(sent.way)], sent.begin + k);
      const auto tails = scene.packets(trace::Kind::tail, receiver_of(sent.way));
      ASSERT_EQ(tails.size(), 1U);
      EXPECT_EQ(tails[0].bytes, k);
      EXPECT_EQ(tails[0].at, scene.fired_at());
    }
  }
}

TEST_P(Instants, APlaceThatAPacketDoesNotHaveNeverComes) {
  Scene scene(GetParam());
  scene.when({.kind = Trigger::Kind::inside,
              .way = Way::up,
              .bytes = 1'000,
              .packet = PacketType::publish});
  scene.when({.kind = Trigger::Kind::before, .way = Way::up, .packet = PacketType::pingreq});
  scene.run();
  EXPECT_EQ(scene.fired(), 0);
  EXPECT_EQ(scene.packets(trace::Kind::arrived, trace::End::client).size(), 6U);
}

// Who waits at every place sees each once, and the exchange comes to the same, only later: a packet
// that waits for the one before it to arrive is not in its segment.
TEST_P(Instants, WhoOnlyWatchesChangesNothing) {
  const auto all = exchange(GetParam());
  const auto told = [](Scene& scene) {
    std::vector<std::tuple<trace::Kind, trace::End, PacketType, std::uint16_t>> rows;
    for (const auto& event : scene.world().log().events())
      rows.emplace_back(event.kind, event.end, event.packet, event.packet_id);
    std::ranges::sort(rows);
    return rows;
  };
  auto plain = std::make_unique<Scene>(GetParam());
  plain->run();
  const auto expected = told(*plain);
  plain.reset();
  Scene watched(GetParam());
  for (const Sent& sent : all)
    for (const auto kind : {Trigger::Kind::before, Trigger::Kind::inside, Trigger::Kind::written,
                            Trigger::Kind::unread, Trigger::Kind::after})
      watched.when({.kind = kind, .way = sent.way, .bytes = 1, .packet = sent.packet},
                   std::nullopt);
  watched.run();
  EXPECT_EQ(watched.fired(), 5 * 12);
  EXPECT_EQ(told(watched), expected);
}

TEST_P(Instants, EachFollowsTheOtherThatWasArmedInIt) {
  Scene scene(GetParam());
  std::vector<std::string> happened;
  const auto step = [&](Trigger::Kind kind, Way way, PacketType packet, auto next) {
    return [&, kind, way, packet, next] {
      scene.world().when(scene.device(), {.kind = kind, .way = way, .packet = packet},
                         [&, packet, next](const Fired&) {
                           happened.emplace_back(name(packet));
                           next();
                         });
    };
  };
  const auto end = [] {};
  const auto third = step(Trigger::Kind::after, Way::up, PacketType::pubrel, end);
  const auto second_ = step(Trigger::Kind::unread, Way::down, PacketType::pubrec, third);
  const auto first = step(Trigger::Kind::before, Way::down, PacketType::pubrec, second_);
  first();
  scene.run();
  EXPECT_EQ(happened, (std::vector<std::string>{"PUBREC", "PUBREC", "PUBREL"}));
  EXPECT_EQ(scene.packets(trace::Kind::arrived, trace::End::client).size(), 6U);
}

TEST_P(Instants, BytesCountFromWhereTheyAreArmed) {
  for (const std::uint64_t n : {1U, 7U, 40U}) {
    Scene scene(GetParam());
    scene.when({.kind = Trigger::Kind::bytes, .way = Way::up, .bytes = n});
    scene.run();
    ASSERT_EQ(scene.fired(), 1);
    EXPECT_EQ(scene.captured_bytes()[0], n);
  }
  const auto all = exchange(GetParam());
  Scene late(GetParam());
  const auto publish = std::ranges::find(all, PacketType::publish, &Sent::packet);
  late.world().at(begins - millisecond,
                  [&] { late.when({.kind = Trigger::Kind::bytes, .way = Way::up, .bytes = 3}); });
  late.run();
  EXPECT_EQ(late.captured_bytes()[0], publish->begin + 3);
}

TEST_P(Instants, OfTheNthPacket) {
  Scene third(GetParam());
  third.world().at(begins, [&] {
    for (int i = 0; i < 3; ++i)
      (void)third.world().publish(0, text("t"), text(std::to_string(i)), QoS::exactly_once, false);
  });
  third.when(
      {.kind = Trigger::Kind::before, .way = Way::down, .packet = PacketType::pubrec, .count = 3});
  third.run();
  EXPECT_EQ(third.fired(), 1);
  EXPECT_EQ(count(third.packets(trace::Kind::arrived, trace::End::client), PacketType::pubrec), 2U);
}

TEST_P(Instants, OfTheNthConnection) {
  Scene scene(GetParam());
  scene.world().at(begins / 2, [&] { scene.world().cut(scene.device(), Cut::reset); });
  scene.when({.kind = Trigger::Kind::after,
              .way = Way::up,
              .packet = PacketType::connect,
              .connection = 2});
  scene.run(30 * second);
  EXPECT_EQ(scene.fired(), 1);
  EXPECT_EQ(scene.connection(), 2U);
}

// Four messages whose PUBREC is held back by a cut: two are resent as PUBLISH, two as PUBREL.
TEST_P(Instants, DuringAResumeAfterSoManyPackets) {
  for (std::uint32_t k = 0; k <= 4; ++k) {
    SCOPED_TRACE(k);
    Scene scene(GetParam());
    scene.world().at(begins, [&] {
      for (int i = 0; i < 3; ++i)
        (void)scene.world().publish(0, text("u"), text(std::to_string(i)), QoS::exactly_once,
                                    false);
    });
    scene.world().when(
        scene.device(),
        {.kind = Trigger::Kind::before, .way = Way::down, .packet = PacketType::pubrec, .count = 3},
        [&](const Fired& fired) {
          scene.world().cut(scene.device(), Cut::reset, fired.connection);
          scene.when({.kind = Trigger::Kind::resent, .way = Way::up, .count = k});
        });
    scene.run(60 * second);
    ASSERT_EQ(scene.fired(), 1);
    EXPECT_EQ(scene.connection(), 2U);
    std::size_t arrived = 0;
    for (const auto& event : scene.world().log().events())
      if (event.kind == trace::Kind::arrived && event.end == trace::End::broker &&
          event.connection == 2 && event.packet != PacketType::connect)
        ++arrived;
    EXPECT_EQ(arrived, k);
  }
}

TEST_P(Instants, InsideTlsAndWebSocketWholePacketsAreTold) {
  for (const Transport transport : {over::tls, over::ws, over::wss}) {
    for (const auto kind : {Trigger::Kind::before, Trigger::Kind::inside, Trigger::Kind::written,
                            Trigger::Kind::unread, Trigger::Kind::after}) {
      SCOPED_TRACE(std::to_string(static_cast<int>(kind)));
      Scene scene(GetParam(), transport);
      scene.when({.kind = kind, .way = Way::down, .bytes = 3, .packet = PacketType::publish});
      scene.run();
      ASSERT_EQ(scene.fired(), 1);
      EXPECT_EQ(count(scene.packets(trace::Kind::arrived, trace::End::client), PacketType::publish),
                kind == Trigger::Kind::after ? 1U : 0U);
      EXPECT_EQ(count(scene.packets(trace::Kind::written, trace::End::broker), PacketType::publish),
                1U);
    }
  }
}

TEST_P(Instants, AfterThemTheSessionIsResumedAndTheMessageComes) {
  for (const auto how : {Cut::reset, Cut::fin, Cut::half_open, Cut::silent}) {
    for (const auto kind : {Trigger::Kind::before, Trigger::Kind::written, Trigger::Kind::unread,
                            Trigger::Kind::after}) {
      for (const Sent& sent : exchange(GetParam())) {
        SCOPED_TRACE(std::string(name(how)) + " " + std::string(name(sent.packet)));
        Scene scene(GetParam());
        scene.when({.kind = kind, .way = sent.way, .packet = sent.packet}, how);
        scene.run(200 * second);
        ASSERT_EQ(scene.fired(), 1);
        const auto delivered =
            events(scene.world(), trace::Kind::delivered, trace::End::client, scene.device());
        EXPECT_EQ(delivered.size(), 1U);
      }
    }
  }
}

}  // namespace
}  // namespace mqttlab::sim
