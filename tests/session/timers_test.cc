#include "protocol/session/timers.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "protocol/session/random.h"

namespace mqttlab {
namespace {

TEST(Timers, NothingIsDueWhenNothingIsSet) {
  Timers<int> timers;
  EXPECT_EQ(timers.deadline(), never);
  EXPECT_EQ(timers.pop(never), std::nullopt);
}

TEST(Timers, ComeOutByDueTimeNotByInterval) {
  Timers<int> timers;
  timers.set(100 + 50, 1);  // set at 100 for 50
  timers.set(140 + 5, 2);   // set at 140 for 5
  EXPECT_EQ(timers.deadline(), 145);
  EXPECT_EQ(timers.pop(144), std::nullopt);
  EXPECT_EQ(timers.pop(1'000), 2);
  EXPECT_EQ(timers.pop(1'000), 1);
}

TEST(Timers, EqualTimesKeepTheOrderInWhichTheyWereSet) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    Random random(seed, "timers");
    Timers<int> timers;
    std::vector<std::pair<Time, int>> model;
    for (int i = 0; i < 200; ++i) {
      const auto due = static_cast<Time>(random.below(10));
      timers.set(due, i);
      model.emplace_back(due, i);
    }
    std::stable_sort(model.begin(), model.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    for (const auto& [due, what] : model) {
      ASSERT_EQ(timers.deadline(), due);
      ASSERT_EQ(timers.pop(due), what);
    }
  }
}

}  // namespace
}  // namespace mqttlab
