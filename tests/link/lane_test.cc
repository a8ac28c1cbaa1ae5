// Byte streams over a link in virtual time: what rates, delays, losses and outages make of them.
#include "protocol/link/lane.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <numeric>
#include <vector>

namespace mqttlab {
namespace {

/// One lane, its receiver, and a clock that goes from deadline to deadline.
struct Line {
  explicit Line(LinkSpec spec, std::uint64_t seed = 1, Way way = Way::up)
      : medium(std::make_shared<Medium>(spec, seed, "device", 0)), lane(*medium, way) {}
  explicit Line(std::shared_ptr<Medium> shared)
      : medium(std::move(shared)), lane(*medium, Way::up) {}

  void take() {
    std::array<Bytes, 8> pieces;
    while (const std::size_t count = lane.pending(pieces)) {
      std::size_t size = 0;
      for (std::size_t i = 0; i < count; ++i) {
        got.insert(got.end(), pieces[i].begin(), pieces[i].end());
        size += pieces[i].size();
      }
      at.resize(got.size(), now);
      lane.taken(size, now);
    }
  }
  /// False if nothing will happen any more.
  bool step() {
    const Time next = std::min(lane.deadline(), medium->deadline());
    if (next == never) return false;
    now = std::max(now, next);
    medium->advance(now);
    lane.advance(now);
    take();
    return true;
  }
  void run_until(Time end) {
    while (std::min(lane.deadline(), medium->deadline()) <= end) step();
    now = end;
  }
  void write(const std::vector<std::uint8_t>& bytes) {
    lane.write(bytes, now);
    take();
  }
  /// Sends as the lane takes it, and waits for the last byte.
  void send_all(const std::vector<std::uint8_t>& bytes) {
    std::size_t sent = 0;
    while (got.size() < bytes.size()) {
      if (const std::size_t n = std::min(lane.room(), bytes.size() - sent)) {
        lane.write(Bytes(bytes).subspan(sent, n), now);
        sent += n;
        take();
      } else {
        ASSERT_TRUE(step());
      }
    }
  }
  [[nodiscard]] const LinkCounters& counters(Way way = Way::up) const {
    return std::as_const(*medium).counters(way);
  }

  std::shared_ptr<Medium> medium;
  Lane lane;
  Time now = 0;
  std::vector<std::uint8_t> got;
  std::vector<Time> at;  // when each byte came
};

LinkSpec link_of(const Direction& direction) {
  LinkSpec spec;
  spec.name = "line";
  spec.up = spec.down = direction;
  return spec;
}

Direction with_delay(Time delay) {
  Direction direction;
  direction.delay = delay;
  return direction;
}

std::vector<std::uint8_t> counting(std::size_t size) {
  std::vector<std::uint8_t> bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::uint8_t>(i * 7 + i / 251);
  return bytes;
}

TEST(Lane, EveryByteComesOutInOrderWhateverTheLinkDoes) {
  const auto bytes = counting(300'000);
  for (const double loss : {0.0, 0.01, 0.3}) {
    for (const std::uint32_t queue : {1U, 3U, 100U}) {
      Direction direction = with_delay(20 * millisecond);
      direction.jitter = 30 * millisecond;
      direction.rate_bps = 5e6;
      direction.queue_packets = queue;
      direction.loss = loss;
      direction.burst = GilbertElliott{0.01, 0.3, 0, loss};
      LinkSpec spec = link_of(direction);
      if (queue == 3) spec.cycle = Cycle{200 * millisecond, 100 * millisecond, 0.5};
      Line line(spec, 7);
      line.send_all(bytes);
      EXPECT_EQ(line.got, bytes) << loss << " " << queue;
      EXPECT_EQ(line.counters().packets.lost_queue, 0U);
    }
  }
}

TEST(Lane, DelayAndJitterAreTheDirections) {
  Direction direction = with_delay(60 * millisecond);
  direction.jitter = 40 * millisecond;
  Line line(link_of(direction));
  std::vector<Time> took;
  for (int i = 0; i < 20'000; ++i) {
    const Time sent = line.now = i * second;
    line.write({1});
    line.run_until(sent + second - 1);
    took.push_back(line.at.back() - sent);
  }
  std::ranges::sort(took);
  EXPECT_GE(took.front(), 60 * millisecond);
  EXPECT_LE(took.back(), 100 * millisecond);
  const auto quantile = [&](double q) { return took[static_cast<std::size_t>(q * 20'000)]; };
  EXPECT_NEAR(quantile(0.1), 64e6, 1e6);
  EXPECT_NEAR(quantile(0.5), 80e6, 1e6);
  EXPECT_NEAR(quantile(0.99), 99.6e6, 0.5e6);
}

TEST(Lane, ALossIsAStallOfATimeOut) {
  Direction direction = with_delay(50 * millisecond);
  direction.loss = 0.1;
  Line line(link_of(direction));
  const Time patience = 300 * millisecond;  // Linux's 200 ms and a round trip
  std::array<int, 4> stalled{};
  constexpr int packets = 20'000;
  for (int i = 0; i < packets; ++i) {
    const Time sent = line.now = i * 10 * second;
    line.write({1});
    line.run_until(sent + 10 * second - 1);
    // Lost once, twice, three times: patience, and twice and four times as much.
    const Time extra = line.at.back() - sent - 50 * millisecond;
    const auto times = extra == 0 ? 0U : extra == patience ? 1U : extra == 3 * patience ? 2U : 3U;
    if (times == 3) {
      EXPECT_GE(extra, 7 * patience);
    }
    ++stalled[times];
  }
  EXPECT_NEAR(stalled[1], packets * 0.1 * 0.9, 4 * 42);  // four standard deviations
  EXPECT_NEAR(stalled[2], packets * 0.01 * 0.9, 4 * 14);
  EXPECT_EQ(line.counters().stalls, static_cast<std::uint64_t>(packets - stalled[0]));
  const auto& packet = line.counters().packets;
  EXPECT_NEAR(static_cast<double>(packet.lost_random) / packet.packets, 0.1, 0.008);
  EXPECT_EQ(packet.retransmitted_bytes, packet.lost_random);  // one byte each
}

TEST(Lane, BurstsHaveTheirRateAndLength) {
  Direction direction = with_delay(millisecond);
  direction.rate_bps = 12e6;  // a millisecond a packet
  direction.burst = GilbertElliott{0.01, 0.2, 0.0, 1.0};
  Line line(link_of(direction));
  // Single packets, sent once each: a repeat after a second sees the burst's own length.
  for (int i = 0; i < 40'000; ++i) line.medium->offer(Way::up, 1'000, false, i * second);
  EXPECT_NEAR(line.counters().packets.lost_burst / 40'000.0, 0.01 / 0.21, 0.008);
  // In a stream each burst is one stall: what is lost together is sent again together.
  const auto before = line.counters();
  line.now = 40'000 * second;
  line.send_all(counting(5'000'000));
  const auto lost = line.counters().packets.lost_burst - before.packets.lost_burst;
  const auto stalls = line.counters().stalls - before.stalls;
  EXPECT_GT(static_cast<double>(lost) / stalls, 3.0);
}

TEST(Lane, AStreamHasTheRateOfTheLink) {
  for (const double rate : {26.8e3, 384e3, 16e6}) {
    Direction direction = with_delay(25 * millisecond);
    direction.rate_bps = rate;
    Line line(link_of(direction));
    const auto bytes = counting(rate > 1e6 ? 4'000'000 : 400'000);
    line.send_all(bytes);
    // Headers of 40 bytes go with every 1,460.
    const double expected_s = static_cast<double>(bytes.size()) * 1'500 / 1'460 * 8 / rate;
    EXPECT_NEAR(line.now / 1e9, expected_s + 0.025, expected_s * 0.01) << rate;
  }
}

TEST(Lane, AStreamHasTheCapacityOfARecording) {
  // 100 ms with an opportunity every millisecond, then 100 ms without any.
  std::string text;
  for (int at_ms = 0; at_ms < 100; ++at_ms) text += std::to_string(at_ms) + "\n";
  text += "200\n";
  Direction direction;
  direction.capacity = CapacityTrace::parse("half", text);
  Line line(link_of(direction), 3);
  const auto bytes = counting(3'000'000);
  line.send_all(bytes);
  const double opportunities = static_cast<double>(bytes.size()) / segment_bytes;
  EXPECT_NEAR(line.now / 1e9, opportunities / 101 * 0.2, 0.2);
  // No byte in the silent half: where it lies depends on the seed, but it is 100 ms long.
  Time longest = 0;
  for (std::size_t i = 1; i < line.at.size(); ++i)
    longest = std::max(longest, line.at[i] - line.at[i - 1]);
  EXPECT_NEAR(longest, 100e6, 2e6);
}

TEST(Lane, ThreePacketsBehindALossBringItBackAfterTheWayBack) {
  LinkSpec spec = link_of(with_delay(50 * millisecond));
  spec.up.rate_bps = 12e6;
  Line line(spec);
  line.medium->blackhole(Way::up, true);
  line.write({1});
  line.medium->blackhole(Way::up, false);
  line.write(std::vector<std::uint8_t>(3 * segment_bytes, 2));
  while (line.got.empty()) ASSERT_TRUE(line.step());
  // Three milliseconds for the three packets, there, back, and there again.
  EXPECT_NEAR(line.now, 153e6, 1e6);
  EXPECT_EQ(line.got.size(), 1U + 3 * segment_bytes);
  EXPECT_EQ(line.counters().stalls, 1U);
  EXPECT_NEAR(line.counters().stalled, 153e6, 1e6);
}

TEST(Lane, ADownLinkIsAskedAgainMoreAndMoreRarely) {
  Line line(link_of(with_delay(50 * millisecond)));
  line.write({1});
  line.run_until(20 * millisecond);
  line.medium->set_up(false);  // what is in the air is lost
  line.run_until(10 * second);
  EXPECT_TRUE(line.got.empty());
  // Lost at 50 ms, then asked 0.3, 0.6, 1.2, 2.4, 4.8 s later.
  EXPECT_EQ(line.counters().packets.packets, 1U + 5U);
  EXPECT_EQ(line.counters().packets.lost_down, 1U + 5U);
  line.write({2});  // no packet of it before the first one has got through
  EXPECT_EQ(line.counters().packets.packets, 6U);
  line.medium->set_up(true);
  line.run_until(30 * second);
  EXPECT_EQ(line.got, (std::vector<std::uint8_t>{1, 2}));
  EXPECT_EQ(line.at.front(), 50 * millisecond + (63 * 300 + 50) * millisecond);
}

TEST(Lane, AFullQueueIsBackPressureAndNoLoss) {
  Direction direction;
  direction.rate_bps = 12e3;  // a second a packet
  direction.queue_packets = 4;
  Line line(link_of(direction));
  std::size_t taken = 0;
  while (const std::size_t n = line.lane.room()) {
    line.write(std::vector<std::uint8_t>(std::min<std::size_t>(n, 10'000)));
    taken += std::min<std::size_t>(n, 10'000);
  }
  EXPECT_NEAR(static_cast<double>(taken), 4 * segment_bytes + 65'536, segment_bytes);
  line.run_until(2'100 * millisecond);
  EXPECT_EQ(line.got.size(), 2U * segment_bytes);
  EXPECT_EQ(line.counters().packets.lost_queue, 0U);
  EXPECT_GT(line.lane.room(), 0U);
}

TEST(Lane, StreamsShareALinkPacketByPacket) {
  Direction direction;
  direction.rate_bps = 1.2e6;
  direction.queue_packets = 2;
  const auto medium = std::make_shared<Medium>(link_of(direction), 1, "device", 0);
  Line first(medium), second_line(medium), late(medium);
  first.write(std::vector<std::uint8_t>(60'000));
  second_line.write(std::vector<std::uint8_t>(60'000));
  const std::array lines{&first, &second_line, &late};
  for (Time now = 0; now < second; now += millisecond) {
    if (now == 500 * millisecond) late.write({1});
    for (Line* line : lines) {
      line->now = now;
      line->lane.advance(now);
      line->take();
    }
  }
  EXPECT_NEAR(first.got.size(), second_line.got.size(), 2 * segment_bytes);
  EXPECT_NEAR(first.got.size() + second_line.got.size(), 120'000 / 1.2e6 * 8 * 1.46e5, 5'000);
  ASSERT_EQ(late.got.size(), 1U);
  EXPECT_LT(late.at.front(), 550 * millisecond);
}

TEST(Lane, TheEndComesBehindTheLastByte) {
  Direction direction = with_delay(10 * millisecond);
  direction.loss = 0.4;
  for (std::uint64_t seed = 1; seed < 20; ++seed) {
    Line line(link_of(direction), seed);
    line.write(counting(4'000));
    line.lane.finish(Lane::Ending::fin, line.now);
    while (!line.lane.ended()) {
      ASSERT_TRUE(line.step());
    }
    EXPECT_EQ(line.got.size(), 4'000U);
    EXPECT_EQ(line.lane.ended(), Lane::Ending::fin);
    EXPECT_EQ(line.lane.deadline(), never);
  }
}

TEST(Lane, AResetIsSentOnce) {
  Line line(link_of(with_delay(10 * millisecond)));
  line.lane.finish(Lane::Ending::reset, 0);
  line.run_until(second);
  EXPECT_EQ(line.lane.ended(), Lane::Ending::reset);
  for (const Time down_at : {Time{0}, 5 * millisecond}) {
    Line lost(link_of(with_delay(10 * millisecond)));
    if (down_at == 0) lost.medium->set_up(false);
    lost.lane.finish(Lane::Ending::reset, 0);
    lost.run_until(5 * millisecond);
    lost.medium->set_up(false);
    lost.run_until(second);
    lost.medium->set_up(true);
    lost.run_until(1'000 * second);
    EXPECT_EQ(lost.lane.ended(), std::nullopt);
    EXPECT_EQ(lost.lane.deadline(), never);
  }
}

TEST(Lane, LimitAndWhatIsTakenBack) {
  Line line(link_of(with_delay(10 * millisecond)));
  line.lane.set_limit(1'500);
  line.write(counting(4'000));
  line.run_until(second);
  EXPECT_EQ(line.got.size(), 1'500U);
  line.lane.set_limit(Lane::no_limit);
  line.lane.take_back(line.now);  // the rest has arrived, and now it has not
  line.take();
  EXPECT_EQ(line.got.size(), 1'500U);
  line.run_until(2 * second);
  EXPECT_EQ(line.got, counting(4'000));
  EXPECT_GT(line.at.back(), second + 200 * millisecond);
}

}  // namespace
}  // namespace mqttlab
