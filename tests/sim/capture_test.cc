#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>

#include "tests/sim/worlds.h"

namespace mqttlab::sim {
namespace {

std::string output_of(const std::string& command) {
  std::string text;
  FILE* pipe = popen(command.c_str(), "r");
  std::array<char, 4096> part{};
  while (const std::size_t n = std::fread(part.data(), 1, part.size(), pipe))
    text.append(part.data(), n);
  pclose(pipe);
  return text;
}

std::size_t lines(const std::string& text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

class Capture : public testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    if (output_of("command -v tshark").empty()) GTEST_SKIP() << "tshark is not installed";
  }
  void TearDown() override { std::filesystem::remove(path_); }

  /// Runs a lossy fleet; returns the packets offered and delivered, over all links.
  std::pair<std::uint64_t, std::uint64_t> run(CaptureSide side, std::vector<std::string> only,
                                              bool ipv6) {
    WorldConfig config;
    config.ipv6 = ipv6;
    config.pcap_path = path_;
    config.pcap_side = side;
    config.pcap_devices = std::move(only);
    World world(config);
    world.add_broker("broker", {});
    const auto clients = add_clients(world, 20, symmetric(25 * millisecond, 0.05));
    FleetConfig fleet_config;
    fleet_config.qos = {QoS::at_least_once, QoS::exactly_once};
    const Fleet fleet(world, "meters", clients, fleet_config);
    world.run(120 * second);
    std::uint64_t offered = 0, delivered = 0;
    for (const ClientId client : clients) {
      const DeviceId device = world.device_of(client);
      for (const bool up : {true, false}) {
        offered += world.counters(device, up).packets;
        delivered += world.counters(device, up).delivered;
      }
    }
    publishes_ = events(world, [](const trace::Event& event) {
                   return event.kind == trace::Kind::arrived && event.end == trace::End::broker &&
                          event.packet == PacketType::publish;
                 }).size();
    return {offered, delivered};
  }
  std::string tshark(const std::string& arguments) {
    return output_of("tshark -r " + path_ + " " + arguments + " 2>/dev/null");
  }

  std::string path_ =
      (std::filesystem::temp_directory_path() / ("mqttlab-" + std::to_string(getpid()) + ".pcap"))
          .string();
  std::size_t publishes_ = 0;
};

INSTANTIATE_TEST_SUITE_P(Ip, Capture, testing::Bool(),
                         [](const auto& version) { return version.param ? "v6" : "v4"; });

TEST_P(Capture, AtTheSenderShowsWhatWasOffered) {
  const auto [offered, delivered] = run(CaptureSide::sender, {}, GetParam());
  ASSERT_GT(offered, delivered);
  EXPECT_EQ(lines(tshark("-T fields -e frame.number")), offered);
}

TEST_P(Capture, AtTheReceiverShowsWhatWasDeliveredAndDecodesAsMqtt) {
  const auto [offered, delivered] = run(CaptureSide::receiver, {}, GetParam());
  EXPECT_EQ(lines(tshark("-T fields -e frame.number")), delivered);
  const std::string order = "-o tcp.reassemble_out_of_order:TRUE ";
  EXPECT_EQ(lines(tshark(order + "-Y _ws.malformed")), 0U);
  // One line a frame; several PUBLISHes in one are separated by commas.
  const auto shown = tshark(order + "-Y mqtt.msgtype==3 -T fields -e mqtt.msgtype");
  std::size_t publishes = 0;
  for (const char letter : shown) publishes += letter == '3';
  EXPECT_EQ(publishes, publishes_);
}

TEST_P(Capture, AtOneEndShowsWhatThatEndSentAndWhatReachedIt) {
  const std::string source = GetParam() ? "ipv6.src" : "ip.src";
  std::map<CaptureSide, std::map<bool, std::size_t>> seen;  // by who sent it: the site or a device
  for (const auto side :
       {CaptureSide::sender, CaptureSide::receiver, CaptureSide::device, CaptureSide::broker}) {
    (void)run(side, {}, GetParam());
    for (const bool down : {false, true})
      seen[side][down] = lines(tshark("-Y 'tcp." + std::string(down ? "srcport" : "dstport") +
                                      "==1883' -T fields -e " + source));
  }
  for (const bool down : {false, true}) {
    const auto sent = seen[CaptureSide::sender][down], came = seen[CaptureSide::receiver][down];
    EXPECT_GT(sent, came);
    EXPECT_EQ(seen[CaptureSide::device][down], down ? came : sent);
    EXPECT_EQ(seen[CaptureSide::broker][down], down ? sent : came);
  }
}

TEST_P(Capture, OfSomeDevicesShowsOnlyThose) {
  (void)run(CaptureSide::receiver, {"meter-3"}, GetParam());
  const std::string source = GetParam() ? "ipv6.src" : "ip.src";
  const auto sources = tshark("-T fields -e " + source + " | sort -u");
  EXPECT_EQ(lines(sources), 2U) << sources;
}

TEST(CaptureFile, ThatCannotBeWrittenIsNamedWithTheReason) {
  WorldConfig config;
  config.pcap_path = "/no/such/folder/x.pcap";
  try {
    const World world(config);
    FAIL();
  } catch (const std::invalid_argument& error) {
    const std::string message = error.what();
    EXPECT_NE(message.find("/no/such/folder/x.pcap"), std::string::npos) << message;
    EXPECT_NE(message.find("No such file"), std::string::npos) << message;
  }
}

TEST(CaptureFile, OfAnUnknownDeviceIsRefused) {
  WorldConfig config;
  config.pcap_devices = {"nobody"};
  World world(config);
  world.add_broker("broker", {});
  EXPECT_THROW(world.run(second), std::invalid_argument);
}

}  // namespace
}  // namespace mqttlab::sim
