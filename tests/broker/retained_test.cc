#include "protocol/broker/retained.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "protocol/session/random.h"
#include "protocol/wire/topic.h"

namespace mqttlab {
namespace {

Recorder nowhere(nullptr, 0);
constexpr RetainedStore::Limits no_limits{1'000'000, 1'000'000};

Retained message(std::string_view topic, std::string_view payload = "x", QoS qos = {},
                 Time expires_at = never) {
  return {EncodedPublish(Slice::copy_of(topic), Slice::copy_of(payload)), qos, expires_at};
}

std::multiset<std::string> found(RetainedStore& store, const std::string& filter, Time now = 0) {
  std::multiset<std::string> topics;
  for (const Retained* retained : store.match(filter, now))
    topics.emplace(retained->encoded.topic());
  return topics;
}

std::vector<std::string> texts(const std::vector<std::string>& levels, int most) {
  std::vector<std::string> all = levels, last = levels;
  for (int depth = 2; depth <= most; ++depth) {
    std::vector<std::string> next;
    for (const auto& front : last)
      for (const auto& level : levels) next.push_back(front + "/" + level);
    all.insert(all.end(), next.begin(), next.end());
    last = next;
  }
  return all;
}

// Levels with neighbours of the separator on both sides, so that order within a level shows.
TEST(Retained, EveryFilterFindsExactlyTheTopicsThatItMatches) {
  std::vector<std::string> topics, filters;
  for (auto& text : texts({"", "a", "a!", "a0", "\x01", "$s"}, 3))
    if (valid_topic_name(text)) topics.push_back(text);
  for (auto& text : texts({"", "a", "a!", "$s", "+", "#"}, 3))
    if (valid_topic_filter(text)) filters.push_back(text);
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    Random random(seed, "retained");
    RetainedStore store(nowhere);
    std::multiset<std::string> stored;
    for (const auto& topic : topics) {
      if (seed != 0 && random.below(3) == 0) continue;  // seed 0: all of them
      ASSERT_TRUE(store.set(message(topic), no_limits, 0));
      stored.insert(topic);
    }
    for (const auto& filter : filters) {
      std::multiset<std::string> expected;
      for (const auto& topic : stored)
        if (matches(filter, topic)) expected.insert(topic);
      EXPECT_EQ(found(store, filter), expected) << filter;
    }
  }
}

TEST(Retained, MQTT_3_3_1_5_KeepsTheLastMessageWithItsQoS) {
  RetainedStore store(nowhere);
  EXPECT_TRUE(store.set(message("t", "old", QoS::exactly_once), no_limits, 0));
  EXPECT_TRUE(store.set(message("t", "new"), no_limits, 0));  // MQTT-3.3.1-7
  ASSERT_EQ(store.match("#", 0).size(), 1u);
  EXPECT_EQ(store.match("#", 0)[0]->encoded.payload().text(), "new");
  EXPECT_EQ(store.match("#", 0)[0]->qos, QoS::at_most_once);
}

TEST(Retained, MQTT_3_3_1_10_ClearTakesTheTopicOnly) {
  RetainedStore store(nowhere);
  for (const char* topic : {"a", "a/b", "a/b/c"}) store.set(message(topic), no_limits, 0);
  store.clear("a/b");
  store.clear("not/there");
  EXPECT_EQ(found(store, "#"), (std::multiset<std::string>{"a", "a/b/c"}));
}

TEST(Retained, LimitCountsTopicsNotReplacements) {
  RetainedStore store(nowhere);
  const RetainedStore::Limits one{1, 1'000};
  EXPECT_TRUE(store.set(message("a", "1"), one, 0));
  EXPECT_FALSE(store.set(message("b", "1"), one, 0));
  EXPECT_TRUE(store.set(message("a", "2"), one, 0));
  EXPECT_EQ(store.size(), 1u);
  EXPECT_EQ(store.match("a", 0)[0]->encoded.payload().text(), "2");
}

// Three bytes of topic field each: 13 and 13 of 26.
TEST(Retained, BytesAreThoseThatWouldBeKept) {
  RetainedStore store(nowhere);
  const RetainedStore::Limits limits{10, 26};
  EXPECT_TRUE(store.set(message("a", "0123456789"), limits, 0));
  EXPECT_FALSE(store.set(message("b", "0123456789*"), limits, 0));
  EXPECT_TRUE(store.set(message("b", "0123456789"), limits, 0));
  EXPECT_EQ(store.bytes(), 26u);
  EXPECT_FALSE(store.set(message("a", "0123456789*"), limits, 0)) << "nor may it grow";
  EXPECT_EQ(store.match("a", 0)[0]->encoded.payload().text(), "0123456789");
  EXPECT_TRUE(store.set(message("a", ""), limits, 0));
  EXPECT_TRUE(store.set(message("b", "0123456789012345678_"), limits, 0));
  store.clear("b");
  EXPECT_EQ(store.bytes(), 3u);
}

TEST(Retained, MQTT_3_3_2_5_AnExpiredMessageIsNotThereAnyMore) {
  RetainedStore store(nowhere);
  store.set(message("a", "x", {}, 5 * second), no_limits, 0);
  store.set(message("b"), no_limits, 0);
  EXPECT_EQ(found(store, "#", 5 * second - 1), (std::multiset<std::string>{"a", "b"}));
  EXPECT_EQ(found(store, "#", 5 * second), (std::multiset<std::string>{"b"}));
  EXPECT_EQ(store.size(), 1u) << "found, and freed";
}

TEST(Retained, ExpiredMessagesMakeRoomForNewOnes) {
  RetainedStore store(nowhere);
  const RetainedStore::Limits limits{3, 1'000};
  for (const int i : {1, 2, 3})
    store.set(message(std::to_string(i), "x", {}, i * second), limits, 0);
  EXPECT_FALSE(store.set(message("new"), limits, second - 1));
  EXPECT_TRUE(store.set(message("new"), limits, 2 * second));
  EXPECT_EQ(store.size(), 2u) << "1 and 2 are gone";
  EXPECT_TRUE(store.set(message("newer"), limits, 2 * second));
  EXPECT_FALSE(store.set(message("newest"), limits, 3 * second - 1));
  EXPECT_TRUE(store.set(message("newest"), limits, 3 * second));
  EXPECT_EQ(found(store, "#", 3 * second), (std::multiset<std::string>{"new", "newer", "newest"}));
}

}  // namespace
}  // namespace mqttlab
