#include "protocol/broker/retained.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "protocol/session/random.h"
#include "protocol/wire/topic.h"

namespace mqttlab {
namespace {

constexpr std::size_t no_limit = 1'000'000;

Bytes bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

std::multiset<std::string> found(const RetainedStore& store, const std::string& filter) {
  std::multiset<std::string> topics;
  for (const Retained* retained : store.match(filter)) topics.emplace(retained->topic.text());
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
    RetainedStore store;
    std::multiset<std::string> stored;
    for (const auto& topic : topics) {
      if (seed != 0 && random.below(3) == 0) continue;  // seed 0: all of them
      ASSERT_TRUE(store.set(topic, bytes("x"), QoS::at_most_once, no_limit));
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
  RetainedStore store;
  EXPECT_TRUE(store.set("t", bytes("old"), QoS::exactly_once, no_limit));
  EXPECT_TRUE(store.set("t", bytes("new"), QoS::at_most_once, no_limit));  // MQTT-3.3.1-7
  ASSERT_EQ(store.match("#").size(), 1u);
  EXPECT_EQ(store.match("#")[0]->payload.text(), "new");
  EXPECT_EQ(store.match("#")[0]->qos, QoS::at_most_once);
}

TEST(Retained, MQTT_3_3_1_10_ClearTakesTheTopicOnly) {
  RetainedStore store;
  for (const char* topic : {"a", "a/b", "a/b/c"}) store.set(topic, bytes("x"), {}, no_limit);
  store.clear("a/b");
  store.clear("not/there");
  EXPECT_EQ(found(store, "#"), (std::multiset<std::string>{"a", "a/b/c"}));
}

TEST(Retained, LimitCountsTopicsNotReplacements) {
  RetainedStore store;
  EXPECT_TRUE(store.set("a", bytes("1"), {}, 1));
  EXPECT_FALSE(store.set("b", bytes("1"), {}, 1));
  EXPECT_TRUE(store.set("a", bytes("2"), {}, 1));
  EXPECT_EQ(store.size(), 1u);
  EXPECT_EQ(store.match("a")[0]->payload.text(), "2");
}

}  // namespace
}  // namespace mqttlab
