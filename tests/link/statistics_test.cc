// Do links do what their parameters say, over 100,000 packets? Each tolerance is four standard
// errors of what is estimated: where nothing is wrong, one seed in 16,000 would be outside.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "protocol/link/pipe.h"

namespace mqttlab {
namespace {

constexpr int packets = 100'000;
constexpr double tolerance_errors = 4;

/// What a Gilbert-Elliott link did: lengths of its runs of lost and of carried packets.
struct Runs {
  std::vector<int> lost, carried;
  [[nodiscard]] double lost_share() const {
    double all = 0;
    for (const int length : lost) all += length;
    return all / packets;
  }
};

Runs runs_of(const GilbertElliott& model) {
  Direction direction;
  direction.burst = model;
  Pipe pipe(direction, 7, "link", 0);
  Runs runs;
  int length = 0;
  bool before = false;
  for (int i = 0; i < packets; ++i) {
    const bool lost = pipe.offer(100, i * second).fate == Fate::lost_burst;
    if (lost != before && length > 0) {
      (before ? runs.lost : runs.carried).push_back(length);
      length = 0;
    }
    before = lost;
    ++length;
  }
  (before ? runs.lost : runs.carried).push_back(length);
  return runs;
}

double mean(const std::vector<int>& values) {
  double sum = 0;
  for (const int value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

TEST(Statistics, GilbertElliottLosesItsShare) {
  for (const GilbertElliott model : {GilbertElliott{0.01, 0.2, 0, 1}, GilbertElliott{0.001, 0.02},
                                     GilbertElliott{0.05, 0.3, 0.01, 0.6}}) {
    const double in = model.good_to_bad, out = model.bad_to_good;
    const double bad = in / (in + out), persistence = 1 - in - out;
    const double share = bad * model.loss_bad + (1 - bad) * model.loss_good;
    // Of a two-state chain's mean: states of neighbours are alike by `persistence`.
    const double spread = model.loss_bad - model.loss_good;
    const double variance = share * (1 - share) +
                            2 * bad * (1 - bad) * spread * spread * persistence / (1 - persistence);
    EXPECT_NEAR(runs_of(model).lost_share(), share,
                tolerance_errors * std::sqrt(variance / packets))
        << in << " " << out;
  }
}

TEST(Statistics, GilbertElliottsBurstsHaveTheirLengths) {
  for (const GilbertElliott model :
       {GilbertElliott{0.01, 0.2, 0, 1}, GilbertElliott{0.02, 0.5, 0, 1}}) {
    const Runs runs = runs_of(model);
    const auto bursts = static_cast<double>(runs.lost.size());
    const auto error = [&](double p) { return std::sqrt(1 - p) / p / std::sqrt(bursts); };
    EXPECT_NEAR(mean(runs.lost), 1 / model.bad_to_good,
                tolerance_errors * error(model.bad_to_good));
    EXPECT_NEAR(mean(runs.carried), 1 / model.good_to_bad,
                tolerance_errors * error(model.good_to_bad));
    for (int length = 1; length <= 12; ++length) {
      const double share = std::pow(1 - model.bad_to_good, length);
      const auto longer = std::ranges::count_if(runs.lost, [&](int l) { return l > length; });
      EXPECT_NEAR(static_cast<double>(longer) / bursts, share,
                  tolerance_errors * std::sqrt(share * (1 - share) / bursts))
          << "longer than " << length;
    }
  }
}

TEST(Statistics, JitterIsUniform) {
  Direction direction;
  direction.delay = 30 * millisecond;
  direction.jitter = 50 * millisecond;
  Pipe pipe(direction, 7, "link", 0);
  std::vector<double> jitters;
  double sum = 0;
  for (int i = 0; i < packets; ++i) {
    const Time now = i * second;  // so far apart that none waits for the one before it
    const Time extra = pipe.offer(100, now).arrival - now - direction.delay;
    ASSERT_GE(extra, 0);
    ASSERT_LE(extra, direction.jitter);
    jitters.push_back(static_cast<double>(extra) / static_cast<double>(direction.jitter));
    sum += jitters.back();
  }
  EXPECT_NEAR(sum / packets, 0.5, tolerance_errors * std::sqrt(1.0 / 12 / packets));
  std::ranges::sort(jitters);
  for (const double q : {0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99})
    EXPECT_NEAR(jitters[static_cast<std::size_t>(q * packets)], q,
                tolerance_errors * std::sqrt(q * (1 - q) / packets))
        << q;
}

/// Bytes that a saturated link delivers in each second, over 100,000 packets of these sizes.
std::vector<double> bytes_by_second(const Direction& direction, std::uint32_t least,
                                    std::uint32_t most) {
  Pipe pipe(direction, 7, "link", 0);
  Random sizes(7, "sizes");
  std::vector<double> bytes;
  for (int i = 0; i < packets; ++i) {
    const auto size = least + static_cast<std::uint32_t>(sizes.below(most - least + 1));
    const auto at = static_cast<std::size_t>((pipe.offer(size, 0).arrival - 1) / second);
    bytes.resize(std::max(bytes.size(), at + 1));
    bytes[at] += size;
  }
  bytes.pop_back();  // the last second is not full
  return bytes;
}

TEST(Statistics, ARecordedCapacityIsUsedUp) {
  // A minute, from nothing to some 800 opportunities in a second.
  Random random(7, "recording");
  std::string text;
  std::vector<double> recorded(60);
  for (std::int64_t ms = 1; ms <= 60'000; ++ms) {
    const double wave = 0.4 * (1 - std::cos(static_cast<double>(ms) / 5'000));
    if (random.uniform() >= wave && ms < 60'000) continue;
    text += std::to_string(ms) + "\n";
    recorded[static_cast<std::size_t>((ms - 1) / 1'000)] += 1'500;
  }
  Direction direction;
  direction.capacity = CapacityTrace::parse("minute", text);
  direction.recording_start = 0;
  direction.queue_packets = 1'000'000;
  const auto full = bytes_by_second(direction, 1'500, 1'500);
  ASSERT_GT(full.size(), 2 * recorded.size()) << "several laps";
  for (std::size_t i = 0; i < full.size(); ++i)
    EXPECT_EQ(full[i], recorded[i % recorded.size()]) << "second " << i;
  // Packets of any size share opportunities: within one packet at either end of a second.
  const auto mixed = bytes_by_second(direction, 40, 1'500);
  for (std::size_t i = 0; i < mixed.size(); ++i)
    EXPECT_NEAR(mixed[i], recorded[i % recorded.size()], 3'000) << "second " << i;
}

TEST(Statistics, ARecordedRateIsUsedUp) {
  Random random(7, "recording");
  std::string text = "time_s,kbit/s\n";
  std::vector<double> recorded;
  for (int s = 0; s < 90; ++s) {
    const auto kbit = s % 10 == 9 ? 0 : random.below(10'000);
    text += std::to_string(s) + "," + std::to_string(kbit) + "\n";
    recorded.push_back(static_cast<double>(kbit) * 125);
  }
  Direction direction;
  direction.recording = Recording::parse("rates.csv", text);
  direction.recording_start = 0;
  direction.queue_packets = 1'000'000;
  const auto bytes = bytes_by_second(direction, 40, 1'500);
  ASSERT_GT(bytes.size(), recorded.size());
  double all = 0, promised = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    EXPECT_NEAR(bytes[i], recorded[i % recorded.size()], 1'500) << "second " << i;
    all += bytes[i];
    promised += recorded[i % recorded.size()];
  }
  EXPECT_NEAR(all, promised, 1'500) << "errors do not add up";
}

TEST(Statistics, RecordedLossAndDelayAreThoseOfTheirTime) {
  const double losses[] = {0.01, 0.3, 0, 0.1};
  Direction direction;
  direction.recording = Recording::parse(
      "conditions.csv", "time_s,loss,delay_ms\n0,0.01,20\n1,0.3,200\n2,0,20\n3,0.1,90\n");
  direction.recording_start = 0;
  const Time delays[] = {20 * millisecond, 200 * millisecond, 20 * millisecond, 90 * millisecond};
  Pipe pipe(direction, 7, "link", 0);
  int lost[4] = {};
  Time last = 0;
  for (int i = 0; i < packets; ++i) {
    const Time now = i * 250 * millisecond + 1;
    const auto step = static_cast<std::size_t>(i / 4 % 4);
    const Offer offer = pipe.offer(100, now);
    lost[step] += offer.fate == Fate::lost_random;
    if (offer.fate != Fate::carried) continue;
    EXPECT_EQ(offer.arrival, std::max(now + delays[step], last));
    last = offer.arrival;
  }
  for (int step = 0; step < 4; ++step)
    EXPECT_NEAR(lost[step] / (packets / 4.0), losses[step],
                tolerance_errors * std::sqrt(losses[step] * (1 - losses[step]) / (packets / 4.0)))
        << step;
}

}  // namespace
}  // namespace mqttlab
