#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "sim/security.h"
#include "tests/sim/worlds.h"
#include "tests/support/duplex.h"
#include "tests/support/talker.h"

namespace mqttlab::sim {
namespace {

const std::vector<Transport> all{over::tcp, over::tls, over::ws, over::wss};

class Over : public ::testing::TestWithParam<Transport> {};
INSTANTIATE_TEST_SUITE_P(Transports, Over, ::testing::ValuesIn(all), name_of_transport);

std::uint64_t written(World& world, trace::End end) {
  std::uint64_t bytes = 0;
  for (const auto& event : world.log().events())
    if (event.kind == trace::Kind::written && event.end == end) bytes += event.bytes;
  return bytes;
}

TEST_P(Over, TheBytesOfALinkAreThoseOfMqttAndWhatTheTransportAdds) {
  for (const bool ipv6 : {false, true}) {
    WorldConfig config;
    config.ipv6 = ipv6;
    World world(config);
    world.add_broker("broker", {});
    const ClientId meter = add_client(world, "meter", symmetric(25 * millisecond), GetParam());
    const DeviceId device = world.device_of(meter);
    world.start(meter);
    (void)world.subscribe(meter, {{text("t"), QoS::exactly_once}});
    world.run(2 * second);
    const std::string large(100'000, 'x');
    (void)world.publish(meter, text("t"), text(large), QoS::exactly_once, false);
    world.run(30 * second);
    EXPECT_EQ(world.broker_gauges().messages_sent, 1U);
    (void)world.stop(meter);
    world.run(60 * second);
    EXPECT_EQ(world.broker_gauges().connections, 0U);
    for (const bool up : {true, false}) {
      const auto counters = world.counters(device, up);
      const Overhead added = world.overhead(device, up);
      EXPECT_EQ(counters.payload_bytes - counters.retransmitted_bytes,
                written(world, up ? trace::End::client : trace::End::broker) +
                    added.web_socket_bytes + added.tls_bytes)
          << up;
      EXPECT_EQ(added.tls_bytes > 0, GetParam().tls) << added.tls_bytes;
      EXPECT_EQ(added.web_socket_bytes > 0, GetParam().web_socket) << added.web_socket_bytes;
    }
  }
}

TEST_P(Over, TheBrokersSiteHasTheTransportsOwnPort) {
  const std::string path =
      std::filesystem::temp_directory_path() / ("mqttlab-port-" + std::to_string(getpid()));
  WorldConfig config;
  config.pcap_path = path;
  {
    World world(config);
    world.add_broker("broker", {});
    const ClientId meter = add_client(world, "meter", symmetric(millisecond), GetParam());
    world.start(meter);
    world.run(second);
    ASSERT_TRUE(world.client(meter).connected());
  }
  std::ifstream file(path, std::ios::binary);
  std::array<unsigned char, 24 + 16 + 24> head{};  // of the file, the packet, IPv4 and its ports
  ASSERT_TRUE(file.read(reinterpret_cast<char*>(head.data()), head.size()));
  EXPECT_EQ(head[62] * 256 + head[63], port_of(GetParam()));
  std::ifstream keys(path + ".keys");
  EXPECT_EQ(keys.is_open(), GetParam().tls);
  std::set<std::string> labels;
  for (std::string line; std::getline(keys, line);) labels.insert(line.substr(0, line.find(' ')));
  EXPECT_EQ(labels.contains("CLIENT_TRAFFIC_SECRET_0"), GetParam().tls);
  std::filesystem::remove(path);
  std::filesystem::remove(path + ".keys");
}

TEST_P(Over, AnAttemptThatIsCutInItsHandshakeIsGivenUpAndMadeAgain) {
  World world({});
  world.add_broker("broker", {});
  ClientConfig config = client_config("meter");
  config.connect_timeout = 5 * second;
  const DeviceId device = world.add_device("meter", symmetric(500 * millisecond));
  const ClientId meter = world.add_client(device, config, GetParam());
  std::vector<Time> failed;
  world.handle(meter, [&](const ClientEvent& event) {
    if (std::holds_alternative<Disconnected>(event)) failed.push_back(world.now());
  });
  world.start(meter);
  world.run(1'200 * millisecond);  // the client has its SYN-ACK
  world.set_link(device, false);
  world.run(5'100 * millisecond);
  EXPECT_EQ(failed, std::vector{5 * second});
  EXPECT_EQ(events(world, trace::Kind::opened, trace::End::client, device).size(),
            GetParam().tls || GetParam().web_socket ? 0U : 1U);
  world.set_link(device, true);
  world.run(30 * second);
  EXPECT_TRUE(world.client(meter).connected());
  world.run(100 * second);
  EXPECT_EQ(world.broker_gauges().connections, 1U)
      << "what the broker had of the first one is gone";
}

std::string fingerprint(std::uint64_t seed, const std::vector<Transport>& transports_taken,
                        bool captured) {
  const std::string path =
      std::filesystem::temp_directory_path() / ("mqttlab-print-" + std::to_string(getpid()));
  WorldConfig config;
  config.seed = seed;
  if (captured) config.pcap_path = path;
  LinkSpec link = symmetric(30 * millisecond, 0.02, 200e3);
  link.cycle = Cycle{20 * second, 4 * second, 0.5};
  World world(config);
  world.add_broker("broker", {});
  const auto clients = add_clients(world, 20, link, transports_taken);
  (void)world.subscribe(clients[0], {{text("fleet/#"), QoS::exactly_once}});
  FleetConfig fleet_config;
  fleet_config.qos = {QoS::at_most_once, QoS::at_least_once, QoS::exactly_once};
  const Fleet fleet(world, "meters", clients, fleet_config);
  world.run(200 * second);
  EXPECT_GT(world.broker_gauges().messages_sent, 50U);
  std::filesystem::remove(path);
  std::filesystem::remove(path + ".keys");
  return world.log().fingerprint();
}

TEST(Transports, OneSeedGivesOneFingerprint) {
  const auto mixed = fingerprint(1, all, false);
  EXPECT_EQ(fingerprint(1, all, false), mixed);
  EXPECT_NE(fingerprint(2, all, false), mixed);
  EXPECT_EQ(fingerprint(1, all, true), mixed) << "with the secrets written down";
  std::set<std::string> different{mixed};
  for (const Transport one : all) different.insert(fingerprint(1, {one}, false));
  EXPECT_EQ(different.size(), 5U);
}

/// Both ends of a connection between two worlds' securities, each carrying a Talker.
struct Meeting {
  explicit Meeting(const Security& client_side, const Security& server_side, Time now = 0)
      : client(client_side.client(over::tls, 1), carry(0), now),
        server(server_side.server(over::tls), carry(1), now) {
    wire.now = now;
    wire.run();
  }
  Establish carry(int which) {
    return [this, which](const Introduction&, Time) { return &talkers[which]; };
  }
  testing::Talker talkers[2];
  FilterStack client, server;
  testing::Duplex wire{client.peer(), server.peer()};
};

TEST(Certificates, AreTheWorldsOwnAndJudgedAtItsTime) {
  const auto world_of = [](std::uint64_t seed) {
    return Security(seed, second, "", false, [] { return Security::epoch_s * second; });
  };
  Security here = world_of(1), again = world_of(1), elsewhere = world_of(2);
  for (Security* one : {&here, &again, &elsewhere}) one->prepare(over::tls);
  EXPECT_TRUE(Meeting(here, here).client.is_established());
  EXPECT_TRUE(Meeting(here, again).client.is_established()) << "they come from the seed alone";
  constexpr Time century = second * 86'400 * 365 * 100;
  EXPECT_TRUE(Meeting(here, here, 2 * century).client.is_established());
  const Meeting foreign(here, elsewhere);
  EXPECT_FALSE(foreign.client.is_established());
  EXPECT_NE(foreign.client.failure(), "");
}

}  // namespace
}  // namespace mqttlab::sim
