#include "protocol/link/pipe.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>
#include <sstream>
#include <vector>

namespace mqttlab {
namespace {

Direction with_loss(double loss) {
  Direction direction;
  direction.loss = loss;
  return direction;
}

double lost_share(Pipe& pipe, int packets, Fate as) {
  int lost = 0;
  for (int i = 0; i < packets; ++i) lost += pipe.offer(100, i * second).fate == as;
  return static_cast<double>(lost) / packets;
}

TEST(Pipe, IndependentLossHasItsRate) {
  for (const double loss : {0.0, 0.02, 0.3, 1.0}) {
    Pipe pipe(with_loss(loss), 7, "link", 0);
    EXPECT_NEAR(lost_share(pipe, 100'000, Fate::lost_random), loss, 0.005) << loss;
  }
}

TEST(Pipe, LosesNothingAfterLoseNothing) {
  Direction direction = with_loss(0.5);
  direction.burst = GilbertElliott{1, 0, 1, 1};
  Pipe pipe(direction, 7, "link", 0);
  pipe.lose_nothing();
  EXPECT_EQ(lost_share(pipe, 1'000, Fate::carried), 1.0);
}

// Shares of 100,000 packets: five standard deviations are 0.8 % at most.
constexpr int many = 100'000;
constexpr double tolerance = 0.008;

TEST(Pipe, ReordersItsShareByItsDelay) {
  for (const double share : {0.01, 0.3}) {
    Direction direction;
    direction.delay = 20 * millisecond;
    direction.reorder = share;
    direction.reorder_by = 7 * millisecond;
    Pipe pipe(direction, 7, "link", 0);
    int late = 0, overtaken = 0;
    Time before = 0;
    for (int i = 0; i < many; ++i) {
      const Time now = i * 5 * millisecond;
      const Offer offer = pipe.offer(100, now);
      EXPECT_EQ(offer.arrival - now, (offer.is_late ? 27 : 20) * millisecond);
      late += offer.is_late;
      overtaken += offer.arrival < before;
      before = std::max(before, offer.arrival);
    }
    EXPECT_NEAR(static_cast<double>(late) / many, share, tolerance);
    // The next is 5 ms behind and passes one that is 7 ms late, unless it is late itself.
    EXPECT_NEAR(static_cast<double>(overtaken) / many, share * (1 - share), tolerance);
  }
}

TEST(Pipe, RepeatsAndCorruptsItsShares) {
  Direction direction;
  direction.duplicate = 0.02;
  direction.corrupt = 0.1;
  Pipe pipe(direction, 7, "link", 0);
  int copies = 0, flips = 0, both = 0;
  std::array<int, 8> bits{};
  for (int i = 0; i < many; ++i) {
    const Offer offer = pipe.offer(100, i * second);
    copies += offer.copy != 0;
    flips += offer.flip.has_value();
    both += offer.copy != 0 && offer.flip;
    EXPECT_TRUE(offer.copy == 0 || offer.copy == offer.arrival);
    if (offer.flip) ++bits[*offer.flip >> 61];
  }
  EXPECT_NEAR(static_cast<double>(copies) / many, 0.02, tolerance);
  EXPECT_NEAR(static_cast<double>(flips) / many, 0.1, tolerance);
  EXPECT_NEAR(static_cast<double>(both) / many, 0.002, tolerance / 5)
      << "independent of each other";
  for (const int bit : bits) EXPECT_NEAR(bit, flips / 8.0, 5 * std::sqrt(flips / 8.0));
}

TEST(Pipe, WhatIsDoneForAWhileComesOnTopAndGoes) {
  Direction direction;
  direction.duplicate = 0.1;
  Pipe pipe(direction, 7, "link", 0);
  auto share = [&, at = Time{0}]() mutable {
    int copies = 0;
    for (int i = 0; i < many; ++i) copies += pipe.offer(100, at += second).copy != 0;
    return static_cast<double>(copies) / many;
  };
  EXPECT_NEAR(share(), 0.1, tolerance);
  Disturbance disturbance;
  disturbance.duplicate = 0.5;
  pipe.disturb(disturbance);
  EXPECT_NEAR(share(), 1 - 0.9 * 0.5, tolerance);
  pipe.disturb({});
  EXPECT_NEAR(share(), 0.1, tolerance);
}

TEST(Pipe, IsAThrottledOneOfTheLowerRate) {
  Direction direction;
  direction.rate_bps = 8e6;  // a byte per microsecond
  Pipe pipe(direction, 7, "link", 0);
  Disturbance disturbance;
  disturbance.rate_bps = 8e3;
  pipe.disturb(disturbance);
  EXPECT_EQ(pipe.offer(1'000, 0).arrival, second);
  EXPECT_EQ(pipe.offer(500, 0).arrival, second + 500 * millisecond);
  disturbance.rate_bps = 8e9;  // more than the link has
  pipe.disturb(disturbance);
  EXPECT_EQ(pipe.offer(1'000, 2 * second).arrival, 2 * second + millisecond);
}

TEST(Pipe, ADelaySpikeIsNotOvertaken) {
  Direction direction;
  direction.delay = 20 * millisecond;
  Pipe pipe(direction, 7, "link", 0);
  Disturbance disturbance;
  disturbance.delay = second;
  pipe.disturb(disturbance);
  EXPECT_EQ(pipe.offer(100, 0).arrival, 1'020 * millisecond);
  pipe.disturb({});
  EXPECT_EQ(pipe.offer(100, millisecond).arrival, 1'020 * millisecond);
  EXPECT_EQ(pipe.offer(100, second + 5 * millisecond).arrival, 1'025 * millisecond);
}

TEST(Pipe, SerialisesAtItsRate) {
  Direction direction;
  direction.rate_bps = 8e6;  // a byte per microsecond
  direction.delay = 5 * millisecond;
  Pipe pipe(direction, 7, "link", 0);
  EXPECT_EQ(pipe.offer(1'000, 0).arrival, 6 * millisecond);
  EXPECT_EQ(pipe.offer(500, 0).arrival, 6'500 * microsecond);
  EXPECT_EQ(pipe.offer(500, second).arrival, second + 5'500 * microsecond);
}

TEST(Pipe, DropsAtTheTailOfAFullQueue) {
  Direction direction;
  direction.rate_bps = 8e6;
  direction.queue_packets = 10;
  Pipe pipe(direction, 7, "link", 0);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(pipe.offer(1'000, 0).fate, Fate::carried) << i;
  EXPECT_EQ(pipe.offer(1'000, 0).fate, Fate::lost_queue);
  EXPECT_EQ(pipe.offer(1'000, millisecond - 1).fate, Fate::lost_queue);
  EXPECT_EQ(pipe.offer(1'000, millisecond).fate, Fate::carried) << "the first has left";
}

TEST(Pipe, JitterSpreadsArrivalsAndNeverLetsThemOvertake) {
  Direction direction;
  direction.delay = 10 * millisecond;
  direction.jitter = 20 * millisecond;
  Pipe pipe(direction, 7, "link", 0);
  Time last = 0, shortest = never, longest = 0;
  for (int i = 0; i < 10'000; ++i) {
    const Time now = i * 3 * millisecond;
    const Time arrival = pipe.offer(100, now).arrival;
    EXPECT_GE(arrival, last);
    last = arrival;
    shortest = std::min(shortest, arrival - now);
    longest = std::max(longest, arrival - now);
  }
  EXPECT_GE(shortest, 10 * millisecond);
  EXPECT_LE(longest, 30 * millisecond);
  EXPECT_GT(longest, 29 * millisecond);
}

Direction recorded(std::string_view text) {
  Direction direction;
  direction.capacity = CapacityTrace::parse("test", text);
  direction.queue_packets = 1'000'000;
  return direction;
}

TEST(Pipe, RecordedOpportunitiesCarry1500BytesEachSharedOrInParts) {
  Pipe pipe(recorded("10\n20\n20\n50\n"), 7, "link", 0);
  EXPECT_EQ(pipe.offer(1'000, 0).arrival, 10 * millisecond);
  EXPECT_EQ(pipe.offer(500, 0).arrival, 10 * millisecond) << "shares the first";
  EXPECT_EQ(pipe.offer(1'500, 0).arrival, 20 * millisecond);
  EXPECT_EQ(pipe.offer(1'600, 0).arrival, 50 * millisecond) << "needs two";
  EXPECT_EQ(pipe.offer(1'400, 0).arrival, 50 * millisecond) << "exactly what is left";
  EXPECT_EQ(pipe.offer(1, 0).arrival, 60 * millisecond) << "the recording starts again";
}

TEST(Pipe, UnusedOpportunitiesAreLost) {
  Pipe pipe(recorded("10\n20\n30\n"), 7, "link", 0);
  EXPECT_EQ(pipe.offer(100, 15 * millisecond).arrival, 20 * millisecond);
  EXPECT_EQ(pipe.offer(100, 20 * millisecond).arrival, 20 * millisecond);
  EXPECT_EQ(pipe.offer(100, 20 * millisecond + 1).arrival, 30 * millisecond);
}

TEST(Pipe, PhaseMovesTheStartOfTheRecording) {
  Pipe pipe(recorded("10\n40\n100\n"), 7, "link", 0.25);  // time 0 lies at 25 ms
  EXPECT_EQ(pipe.offer(1'500, 0).arrival, 15 * millisecond);
  EXPECT_EQ(pipe.offer(1'500, 0).arrival, 75 * millisecond);
  EXPECT_EQ(pipe.offer(1'500, 0).arrival, 85 * millisecond);
}

TEST(Pipe, ASaturatedRecordedLinkDeliversTheRecording) {
  std::string text;
  std::vector<Time> at;
  Random random(7, "recording");
  for (std::int64_t ms = 3; ms < 5'000; ms += static_cast<std::int64_t>(random.below(9))) {
    at.push_back(ms * millisecond);
    text += std::to_string(ms) + "\n";
  }
  Pipe pipe(recorded(text), 7, "link", 0);
  for (int lap = 0; lap < 3; ++lap)
    for (const Time instant : at)
      ASSERT_EQ(pipe.offer(1'500, 0).arrival, lap * at.back() + instant);
}

TEST(Pipe, DrawsDependOnSeedAndNameOnly) {
  const auto fates = [](std::uint64_t seed, std::string_view name) {
    Pipe pipe(with_loss(0.5), seed, name, 0);
    std::string text;
    for (int i = 0; i < 64; ++i) text += pipe.offer(100, 0).fate == Fate::carried ? '1' : '0';
    return text;
  };
  EXPECT_EQ(fates(1, "a/up"), fates(1, "a/up"));
  EXPECT_NE(fates(1, "a/up"), fates(2, "a/up"));
  EXPECT_NE(fates(1, "a/up"), fates(1, "a/down"));
}

}  // namespace
}  // namespace mqttlab
