// Alarm: what Asio has under way already must not be heard of any more.
#include "protocol/live/alarm.h"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <memory>
#include <optional>

namespace mqttlab::live {
namespace {

TEST(Alarm, RingsOnceAtTheEarlierTime) {
  boost::asio::io_context io{1};
  int rings = 0;
  Alarm alarm(io, [&] { ++rings; });
  const Time now = steady_now();
  alarm.set(never);
  alarm.set(now + 2 * millisecond);
  alarm.set(now + millisecond);
  alarm.set(now + 3 * millisecond);
  io.run();
  EXPECT_EQ(rings, 1);
  EXPECT_GE(steady_now(), now + millisecond);
}

TEST(Alarm, MayBeSetAgainWhenItRings) {
  boost::asio::io_context io{1};
  int rings = 0;
  std::unique_ptr<Alarm> alarm;
  alarm = std::make_unique<Alarm>(io, [&] {
    if (++rings < 3) alarm->set(steady_now() + rings);
  });
  alarm->set(steady_now());
  io.run();
  EXPECT_EQ(rings, 3);
}

// All of them are over by the time that the first is heard of, and Asio has queued their handlers.
TEST(Alarm, ThatIsOverStaysSilentWhenCancelledOrGone) {
  boost::asio::io_context io{1};
  int rings = 0;
  std::optional<Alarm> cancelled, gone;
  Alarm first(io, [&] {
    cancelled->cancel();
    gone.reset();
  });
  cancelled.emplace(io, [&] { ++rings; });
  gone.emplace(io, [&] { ++rings; });
  const Time now = steady_now();
  first.set(now - 3);
  cancelled->set(now - 2);
  gone->set(now - 1);
  io.run();
  EXPECT_EQ(rings, 0);
  cancelled->set(steady_now());
  io.restart();
  io.run();
  EXPECT_EQ(rings, 1);
}

}  // namespace
}  // namespace mqttlab::live
