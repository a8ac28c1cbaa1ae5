#include <algorithm>

#include "sim/radio/frame_filter.h"
#include "sim/radio/lr_wpan_cell.h"
#include "tests/sim/crowd.h"

namespace mqttlab::sim {
namespace {

Crowd things(std::size_t count, std::uint32_t payload_bytes, double radius_m = 20) {
  return {.devices = count,
          .link = cell_of("802154", radius_m),
          .interval = second,
          .payload_bytes = payload_bytes,
          .ipv6 = true};
}

double share_lost(const Outcome& outcome) {
  return 1 - static_cast<double>(outcome.arrived) / static_cast<double>(outcome.offered);
}

// What the cell gives its filters.
ns3::Time longest() { return longest_repetition(*ns3::CreateObject<ns3::LrWpanMac>()); }

TEST(LrWpan, OneSeedIsOneRun) { expect_one_run_of_one_seed(things(4, 100), 8); }

TEST(LrWpan, AReadingTakesItsFramesTime) {
  const Outcome small = crowd(things(1, 20)), large = crowd(things(1, 1'000));
  constexpr Time byte_takes = second * 8 / 250'000, both_ways = 2 * millisecond;
  EXPECT_GT(small.median_latency, both_ways);
  EXPECT_LT(small.median_latency, 20 * millisecond);
  EXPECT_GT(large.median_latency, both_ways + 1'000 * byte_takes);
}

TEST(LrWpan, APacketOfManyFramesIsLostMoreOften) {
  EXPECT_GT(share_lost(crowd(things(12, 600))), 2 * share_lost(crowd(things(12, 20))));
}

TEST(LrWpan, AFrameIsRepeatedOnlyInTheTimeOfItsRepetitions) {
  const ns3::Mac16Address router("00:01"), other("00:02");
  FrameFilter filter(longest());
  const auto repeated = [&](const auto& from, std::uint8_t number, int at_ms) {
    return filter.is_repeated(from, number, ns3::MilliSeconds(at_ms));
  };
  EXPECT_FALSE(repeated(router, 9, 0));
  EXPECT_TRUE(repeated(router, 9, 40));
  EXPECT_TRUE(repeated(router, 9, 125)) << "the third time";
  EXPECT_FALSE(repeated(other, 9, 125));
  EXPECT_FALSE(repeated(router, 10, 126));
  EXPECT_FALSE(repeated(router, 10, 400)) << "256 frames later";
}

// Its count comes round between two frames for the same thing.
TEST(LrWpan, ARouterOfManyThingsRepeatsNumbersAndNoFrames) {
  const ns3::Mac16Address router("00:01");
  constexpr int count = 256, frame_takes_ms = 2;
  std::vector<FrameFilter> things(count, FrameFilter(longest()));
  for (int sent = 0; sent < 3 * count; ++sent)
    EXPECT_FALSE(things[sent % count].is_repeated(router, static_cast<std::uint8_t>(sent),
                                                  ns3::MilliSeconds(frame_takes_ms * sent)));
}

TEST(LrWpan, WhoStandsFarAwayIsLost) {
  EXPECT_EQ(crowd(things(3, 20)).delivered, crowd(things(3, 20)).published);
  const Outcome far = crowd(things(3, 20, 1'000));
  EXPECT_LT(far.arrived, far.offered);
  EXPECT_LT(far.delivered, crowd(things(3, 20)).delivered);
}

TEST(LrWpan, NoPacketIsLongerThanItsMtu) {
  WorldConfig config;
  config.ipv6 = true;
  config.radio_log = true;
  World world(config);
  world.add_broker("broker", {});
  const ClientId client = add_client(world, "meter", cell_of("802154", 10));
  world.start(client);
  static_cast<void>(world.run(5 * second));
  static_cast<void>(
      world.publish(client, text("t"), text(std::string(5'000, '.')), QoS::at_least_once, false));
  static_cast<void>(world.run(30 * second));
  std::uint32_t longest = 0;
  for (const auto& one : world.radio_log(world.device_of(client)))
    longest = std::max<std::uint32_t>(longest, one.bytes);
  EXPECT_EQ(longest, 1'280U);
}

TEST(LrWpan, CarriesIpv6Only) {
  World world(WorldConfig{});
  world.add_broker("broker", {});
  EXPECT_THROW(world.add_device("meter", cell_of("802154", 10)), std::invalid_argument);
}

TEST(LrWpan, NothingArrivesCorrupt) {
  WorldConfig config;
  config.ipv6 = true;
  World world(config);
  world.add_broker("broker", {});
  const DeviceId device = world.add_device("meter", cell_of("802154", 10));
  EXPECT_THROW(world.disturb(device, Way::up, {.corrupt = 0.5}), std::invalid_argument);
}

}  // namespace
}  // namespace mqttlab::sim
