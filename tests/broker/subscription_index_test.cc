// The index against the definition: matches() over every pair.
#include "protocol/broker/subscription_index.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "protocol/session/random.h"
#include "protocol/wire/topic.h"

namespace mqttlab {
namespace {

using Matches = std::map<std::uint32_t, QoS>;

// Every text of 1 to `most` levels out of `levels`.
std::vector<std::string> combinations(const std::vector<std::string>& levels, int most) {
  std::vector<std::string> all = levels, longest = levels;
  for (int depth = 2; depth <= most; ++depth) {
    std::vector<std::string> longer;
    for (const auto& front : longest)
      for (const auto& level : levels) longer.push_back(front + "/" + level);
    all.insert(all.end(), longer.begin(), longer.end());
    longest = longer;
  }
  return all;
}

// The index's answer, which must be in rising order and without repetition.
Matches found(SubscriptionIndex& index, const std::string& topic) {
  Matches result;
  std::uint32_t last = 0;
  for (const auto& match : index.match(topic)) {
    EXPECT_TRUE(result.empty() || match.slot > last) << topic;
    last = match.slot;
    result.emplace(match.slot, match.qos);
  }
  return result;
}

struct Model {
  std::map<std::pair<std::string, std::uint32_t>, QoS> subscriptions;
  [[nodiscard]] Matches match(const std::string& topic) const {
    Matches result;
    for (const auto& [key, qos] : subscriptions) {
      if (!matches(key.first, topic)) continue;
      QoS& highest = result.try_emplace(key.second, qos).first->second;
      highest = std::max(highest, qos);
    }
    return result;
  }
};

std::vector<std::string> valid(std::vector<std::string> texts, bool (*is_valid)(std::string_view)) {
  std::erase_if(texts, [&](const std::string& text) { return !is_valid(text); });
  return texts;
}

TEST(SubscriptionIndex, AgreesWithTheDefinitionOnEverySmallFilterAndTopic) {
  const auto filters = valid(combinations({"", "a", "b", "$a", "+", "#"}, 3), valid_topic_filter);
  const auto topics = valid(combinations({"", "a", "b", "$a"}, 4), valid_topic_name);
  ASSERT_GT(filters.size(), 150u);
  SubscriptionIndex all(7);
  for (std::size_t i = 0; i < filters.size(); ++i) {
    SubscriptionIndex one(7);
    one.add(filters[i], {5, QoS::at_least_once});
    for (const auto& topic : topics)
      EXPECT_EQ(!one.match(topic).empty(), matches(filters[i], topic))
          << filters[i] << " " << topic;
    all.add(filters[i], {static_cast<std::uint32_t>(i), QoS::at_least_once});
  }
  for (const auto& topic : topics) {
    Matches expected;
    for (std::size_t i = 0; i < filters.size(); ++i)
      if (matches(filters[i], topic))
        expected.emplace(static_cast<std::uint32_t>(i), QoS::at_least_once);
    EXPECT_EQ(found(all, topic), expected) << topic;
  }
}

TEST(SubscriptionIndex, AgreesWithTheDefinitionThroughRandomChanges) {
  const std::vector<std::string> filters =
      valid(combinations({"", "a", "bb", "$x", "+", "#"}, 4), valid_topic_filter);
  const auto topics = valid(combinations({"", "a", "bb", "$x", "new"}, 4), valid_topic_name);
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    Random random(seed, "index");
    SubscriptionIndex index(seed);
    Model model;
    for (int step = 0; step < 1'500; ++step) {
      const auto& filter = filters[random.below(filters.size())];
      const auto subscriber = static_cast<std::uint32_t>(random.below(8));
      const auto known = model.subscriptions.find({filter, subscriber});
      if (random.below(3) != 0) {
        const auto qos = static_cast<QoS>(random.below(3));
        const auto added = index.add(filter, {subscriber, qos});
        EXPECT_EQ(added.fresh, known == model.subscriptions.end());
        model.subscriptions[{filter, subscriber}] = qos;
      } else if (known != model.subscriptions.end()) {
        ASSERT_TRUE(index.find(filter)) << filter;
        index.remove(*index.find(filter), subscriber);
        model.subscriptions.erase(known);
      }
      const auto& topic = topics[random.below(topics.size())];
      ASSERT_EQ(found(index, topic), model.match(topic)) << topic << " seed " << seed;
      ASSERT_EQ(index.size(), model.subscriptions.size());
    }
    const auto subscriptions = model.subscriptions;
    for (const auto& [key, qos] : subscriptions) index.remove(*index.find(key.first), key.second);
    EXPECT_EQ(index.size(), 0u);
    EXPECT_EQ(index.nodes(), 1u) << "branches that lead nowhere are given back";
    for (const auto& topic : topics) EXPECT_TRUE(index.match(topic).empty());
    for (const auto& filter : filters) EXPECT_FALSE(index.find(filter)) << filter;
  }
}

TEST(SubscriptionIndex, FindsOneFilterAmongManyThousand) {
  SubscriptionIndex index(3);
  constexpr std::uint32_t devices = 20'000;
  const auto topic = [](std::uint32_t i) { return "site/device-" + std::to_string(i) + "/kwh"; };
  for (std::uint32_t i = 0; i < devices; ++i) index.add(topic(i), {i, QoS::exactly_once});
  for (std::uint32_t i = 0; i < devices; i += 2) index.remove(*index.find(topic(i)), i);
  for (std::uint32_t i = 0; i < devices; ++i) EXPECT_EQ(index.match(topic(i)).size(), i % 2) << i;
  EXPECT_EQ(index.size(), devices / 2);
}

TEST(SubscriptionIndex, TakesTopicsAsDeepAsTheyCome) {
  SubscriptionIndex index(3);
  index.add("a/#", {1, QoS::at_most_once});
  index.add("a/+/+/+/z", {2, QoS::at_most_once});
  const std::string deep = "a" + std::string(65'534, '/');
  EXPECT_EQ(found(index, deep), (Matches{{1, QoS::at_most_once}}));
}

}  // namespace
}  // namespace mqttlab
