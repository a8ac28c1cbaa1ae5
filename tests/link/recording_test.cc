#include "protocol/link/recording.h"

#include <gtest/gtest.h>

#include <stdexcept>

#include "protocol/link/pipe.h"

namespace mqttlab {
namespace {

std::string refusal(std::string_view text) {
  try {
    (void)Recording::parse("was.csv", text);
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "(none)";
}

Direction recorded_table(std::string_view csv, Time start = 0) {
  Direction direction;
  direction.recording = Recording::parse("was.csv", csv);
  direction.recording_start = start;
  direction.queue_packets = 1'000'000;
  return direction;
}

TEST(Recording, ReadsWhatItsFirstLineNames) {
  const auto all = Recording::parse("was.csv",
                                    "Time_ms , Mbit/s,delay_ms,loss_%\r\n"
                                    "1000,1.5,60,2\r\n\r\n1500,0,80.5,100\r\n");
  EXPECT_TRUE(all->has_rate && all->has_delay && all->has_loss);
  ASSERT_EQ(all->steps.size(), 2U);
  EXPECT_EQ(all->steps[1].at, 500 * millisecond) << "times count from the first row's";
  EXPECT_EQ(all->steps[0].rate_bps, 1.5e6);
  EXPECT_EQ(all->steps[1].delay, 80'500 * microsecond);
  EXPECT_EQ(all->steps[0].loss, 0.02);
  EXPECT_EQ(all->length, second) << "the last row lasts as long as the one before it";
  EXPECT_EQ(all->longest_delay(), 80'500 * microsecond);

  const auto some = Recording::parse("was.csv", "loss,time_s\n0,1700000000.5\n1,1700000001\n");
  EXPECT_TRUE(some->has_loss && !some->has_rate && !some->has_delay);
  EXPECT_EQ(some->length, second);
  EXPECT_EQ(some->at(7'600 * millisecond).loss, 1) << "in a later lap";
}

TEST(Recording, NamesLineAndRemedy) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"0,1\n1,2\n", "line 1: '0,1' names no columns of a recording; write time_s or time_ms, and"},
      {"time_s,speed\n", "line 1: 'time_s,speed' names no columns"},
      {"time_s\n0\n", "line 1"},
      {"mbit/s,loss\n", "line 1"},
      {"time_s,mbit/s,kbit/s\n", "each quantity once"},
      {"time_s,loss\n0,0\n1\n", "line 3: '1' has not the 2 cells of the first line"},
      {"time_s,loss\n0,0\n1,x\n", "line 3: '1,x' has no number from 0 on under loss"},
      {"time_s,loss\n0,0\n1,-1\n", "no number from 0 on under loss"},
      {"time_s,loss\n0,nan\n", "no number from 0 on under loss"},
      {"time_s,loss\n0,1.5\n", "line 2: '0,1.5' has more than 1 under loss"},
      {"time_s,delay_ms\n0,1e9\n", "has more than 3600000 under delay_ms"},
      {"time_s,loss\n0,0\n2,0\n2,1\n", "line 4: '2,1' is not later than the line before it"},
      {"time_s,loss\n1e300,0\n", "has a time too large"},
      {"time_s,loss\n0,0\n", "'was.csv' has fewer than two rows"},
      {"", "has fewer than two rows"},
      {"time_s,loss\n0,0\n1e7,0\n", "is longer than 1000000 s"},
      {"time_s,mbit/s\n0,0\n1,0\n", "has no rate over 0"},
  };
  for (const auto& [text, words] : cases)
    EXPECT_NE(refusal(text).find(words), std::string::npos) << words << "\n" << refusal(text);
}

TEST(Recording, PacketsLeaveAtTheRateOfTheirTime) {
  // 1 bit per us for 10 ms, nothing for 10 ms, 2 bits per us for 10 ms.
  Pipe pipe(recorded_table("time_ms,mbit/s\n0,1\n10,0\n20,2\n"), 7, "link", 0.9);
  EXPECT_EQ(pipe.offer(1'000, 0).arrival, 8 * millisecond);
  EXPECT_EQ(pipe.offer(1'000, 0).arrival, 23 * millisecond) << "2,000 bits, silence, 6,000 bits";
  EXPECT_EQ(pipe.offer(1'750, 0).arrival, 30 * millisecond) << "to the end of the recording";
  EXPECT_EQ(pipe.offer(1'250, 0).arrival, 40 * millisecond) << "before the silence, not after it";
  EXPECT_EQ(pipe.offer(1, 45 * millisecond).arrival, 50 * millisecond + 4 * microsecond);
  // 30,000 bits a lap: 10 laps and a half, and 4 us.
  EXPECT_EQ(pipe.offer(39'375, 60 * millisecond).arrival, 382'500 * microsecond);
}

TEST(Recording, AWholeLapEndsBeforeTheSilenceThatFollowsIt) {
  Pipe pipe(recorded_table("time_ms,mbit/s\n0,1\n10,0\n20,2\n"), 7, "link", 0);
  EXPECT_EQ(pipe.offer(3'750, 12 * millisecond).arrival, 40 * millisecond);
}

TEST(Recording, BeginsWhereItIsTold) {
  const std::string_view csv = "time_ms,mbit/s\n0,1\n10,0\n20,2\n";
  Pipe silent(recorded_table(csv, 12 * millisecond), 7, "link", 0);
  EXPECT_EQ(silent.offer(250, 0).arrival, 9 * millisecond);
  Direction drawn = recorded_table(csv);
  drawn.recording_start.reset();
  Pipe pipe(drawn, 7, "link", 0.5);  // at 15 ms
  EXPECT_EQ(pipe.offer(250, 0).arrival, 6 * millisecond);
}

TEST(Recording, DelayAndLossAreThoseOfTheDeparture) {
  Direction direction = recorded_table("time_s,delay_ms,loss\n0,10,0\n1,50,0\n2,10,1\n");
  direction.rate_bps = 8'000;  // a byte per ms
  direction.loss = 0.5;        // replaced
  Pipe pipe(direction, 7, "link", 0);
  EXPECT_EQ(pipe.offer(100, 0).arrival, 110 * millisecond);
  EXPECT_EQ(pipe.offer(100, 950 * millisecond).arrival, 1'100 * millisecond) << "left after 1 s";
  EXPECT_EQ(pipe.offer(100, 1'950 * millisecond).fate, Fate::lost_random);
  EXPECT_EQ(pipe.offer(100, 3 * second).arrival, 3'110 * millisecond) << "from its start again";
}

TEST(Recording, IsTakenByTheNameOfItsFile) {
  Direction direction;
  direction.record("x.csv", "time_s,loss\n0,0\n1,1\n");
  EXPECT_TRUE(direction.recording && !direction.capacity);
  direction.record("x.up", "0\n5\n");
  EXPECT_TRUE(direction.capacity);
  LinkSpec link;
  link.up = direction;
  EXPECT_NO_THROW(link.check());
  link.up.record("y.csv", "time_s,mbit/s\n0,0\n1,1\n");
  EXPECT_THROW(link.check(), std::invalid_argument) << "two recorded rates";
}

}  // namespace
}  // namespace mqttlab
