#include "sim/bench.h"

#include <gtest/gtest.h>

namespace mqttlab::sim {
namespace {

// Figures are guarded by `mqttlab bench sim`; here: both sides move the same messages, and neither
// is far off on whatever machine this is.
TEST(Bench, BothSidesMoveTheSameMessages) {
  BenchConfig config;
  config.devices = 50;
  config.messages = 2'000;
  const BenchResult result = run_bench(config);
  EXPECT_NEAR(static_cast<double>(result.messages), 2'000.0, 60.0);
  EXPECT_NEAR(static_cast<double>(result.raw_messages), 2'000.0, 60.0);
  const double ratio = result.us_per_message / result.raw_us_per_message;
  EXPECT_GT(ratio, 0.8);
  EXPECT_LT(ratio, 4.0);
}

}  // namespace
}  // namespace mqttlab::sim
