#include "protocol/session/packet_ids.h"

#include <gtest/gtest.h>

#include <set>

#include "protocol/session/random.h"

namespace mqttlab {
namespace {

TEST(PacketIds, HandsOutEachIdOnceThenNoneAndNeverZero_MQTT_2_3_1_1) {
  PacketIds ids;
  for (std::uint32_t expected = 1; expected <= 65'535; ++expected) ASSERT_EQ(ids.take(), expected);
  EXPECT_TRUE(ids.exhausted());
  EXPECT_EQ(ids.take(), 0);
}

TEST(PacketIds, WithOneFreeIdFindsIt_MQTT_2_3_1_2) {
  PacketIds ids;
  for (int i = 0; i < 65'535; ++i) ASSERT_NE(ids.take(), 0);
  for (const int free : {1, 2, 40'000, 65'534, 65'535, 1}) {
    ids.release(static_cast<std::uint16_t>(free));
    ASSERT_FALSE(ids.in_use(static_cast<std::uint16_t>(free)));
    ASSERT_EQ(ids.take(), free);
    ASSERT_EQ(ids.take(), 0);
  }
}

TEST(PacketIds, WrapRoundSkipsWhatIsStillOpen) {
  PacketIds ids;
  for (int i = 0; i < 5; ++i) ASSERT_EQ(ids.take(), i + 1);
  for (const std::uint16_t id : {1, 2, 4, 5}) ids.release(id);  // 3 stays open
  for (std::uint32_t expected = 6; expected <= 65'535; ++expected) {
    const std::uint16_t id = ids.take();
    ASSERT_EQ(id, expected);
    ids.release(id);
  }
  EXPECT_EQ(ids.take(), 1);
  EXPECT_EQ(ids.take(), 2);
  EXPECT_EQ(ids.take(), 4);
  EXPECT_EQ(ids.used(), 4U);
}

TEST(PacketIds, AFreedIdIsTheLastToComeAgain) {
  PacketIds ids;
  const std::uint16_t first = ids.take();
  ids.release(first);
  for (int i = 0; i < 65'534; ++i) ids.release(ids.take());
  EXPECT_EQ(ids.take(), first);
}

TEST(IdSet, BehavesAsASetOnAnySequence) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    Random random(seed, "id set");
    IdSet set;
    std::set<std::uint16_t> model;
    for (int step = 0; step < 2'000; ++step) {
      // Few ids and both ends of the range, so that steps meet each other.
      const auto draw = static_cast<std::uint16_t>(random.below(40));
      const auto id = static_cast<std::uint16_t>(draw < 20 ? draw + 1 : 65'535 - (draw - 20));
      if (random.below(2) == 0) {
        ASSERT_EQ(set.insert(id), model.insert(id).second);
      } else {
        ASSERT_EQ(set.erase(id), model.erase(id) == 1);
      }
      ASSERT_EQ(set.size(), model.size());
      ASSERT_EQ(set.contains(id), model.contains(id));
      std::uint16_t next = id;
      do {
        next = next == 65'535 ? 1 : static_cast<std::uint16_t>(next + 1);
      } while (model.contains(next));
      ASSERT_EQ(set.next_absent(id), next);
    }
  }
}

}  // namespace
}  // namespace mqttlab
