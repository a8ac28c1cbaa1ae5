// The power fails at random instants, in the middle of commits and of compactions.
#include "tests/store/power_cut.h"

#include <gtest/gtest.h>

#include <cstdio>

namespace mqttlab::testing {
namespace {

using live::Durability;

constexpr std::uint64_t stops = 200;

PowerCutResult play_all(const char* name, Durability durability, std::uint64_t count,
                        bool lying_disk = false) {
  PowerCutResult sum;
  for (std::uint64_t seed = 1; seed <= count && !::testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    sum += play({seed, durability, lying_disk});
  }
  std::printf("%s: %ju stops, %ju messages acknowledged, %ju lost, %ju of the window, %ju twice\n",
              name, std::uintmax_t{count}, std::uintmax_t{sum.acknowledged},
              std::uintmax_t{sum.lost}, std::uintmax_t{sum.forgiven}, std::uintmax_t{sum.repeated});
  return sum;
}

TEST(PowerCut, SyncLosesNothingAndRepeatsNothing) {
  const PowerCutResult sum = play_all("sync", Durability::sync, stops);
  EXPECT_EQ(sum.lost, 0U);
  EXPECT_EQ(sum.forgiven, 0U);
  EXPECT_EQ(sum.repeated, 0U);
}

TEST(PowerCut, BatchLosesItsWindowAtMost) {
  const PowerCutResult sum = play_all("batch", Durability::batch, stops);
  EXPECT_EQ(sum.lost, 0U);
  EXPECT_GT(sum.forgiven, 0U);  // or the failures came when nothing was under way
}

TEST(PowerCut, NoneOpensAgain) { (void)play_all("none", Durability::none, 50); }

// What the others would say if nothing were synced.
TEST(PowerCut, ADiskThatLiesIsNoticed) {
  EXPECT_GT(play_all("lying disk", Durability::sync, 50, true).lost, 0U);
}

}  // namespace
}  // namespace mqttlab::testing
