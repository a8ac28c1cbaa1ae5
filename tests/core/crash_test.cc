// The exchanges once more: the broker's process dies with each step of its journal, one after the
// other, and another one goes on with what has been kept. The same is promised as over a cut link.
#include <gtest/gtest.h>

#include "tests/core/cut_story.h"
#include "tests/support/memory_store.h"

namespace mqttlab::testing {
namespace {

class EveryStep : public ::testing::TestWithParam<CutCase> {
 protected:
  /// `crash_in`: 0: not at all. The steps that were made.
  [[nodiscard]] std::uint64_t play(std::uint64_t crash_in, Time commit_time = 0) const {
    MemoryStore store({.commit_time = commit_time});
    CutStory story(*GetParam().exchange, *GetParam().kind, {}, {}, &store);
    story.broker_forgets = commit_time > 0;
    const std::uint64_t before = store.steps();
    if (crash_in > 0) store.crash_in(crash_in);
    story.play();
    return store.steps() - before;
  }
};

INSTANTIATE_TEST_SUITE_P(, EveryStep, ::testing::ValuesIn(cut_cases()),
                         [](const auto& info) { return info.param.name(); });

TEST_P(EveryStep, CrashedAndJudged) {
  const std::uint64_t steps = play(0);
  for (std::uint64_t step = 1; step <= steps && !HasFailure(); ++step) {
    SCOPED_TRACE("crash at step " + std::to_string(step) + " of " + std::to_string(steps));
    (void)play(step);
    if (step % 2 == 0) continue;
    SCOPED_TRACE("and its last three milliseconds are forgotten");
    (void)play(step, 3 * millisecond);
  }
}

}  // namespace
}  // namespace mqttlab::testing
