#include "sim/bench.h"

#include <gtest/gtest.h>

namespace mqttlab::sim {
namespace {

// The figures are `mqttlab bench sim`'s business; here: they are figures of the same messages.
TEST(Bench, BothSidesMoveTheSameMessages) {
  BenchConfig config;
  config.devices = 50;
  config.messages = 2'000;
  const BenchResult result = run_bench(config);
  EXPECT_NEAR(static_cast<double>(result.messages), 2'000.0, 60.0);
  EXPECT_NEAR(static_cast<double>(result.raw_messages), 2'000.0, 60.0);
  EXPECT_GT(result.us_per_message, 0.0);
  EXPECT_GT(result.raw_us_per_message, 0.0);
}

}  // namespace
}  // namespace mqttlab::sim
