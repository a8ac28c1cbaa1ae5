#include "protocol/session/exchanges.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "protocol/session/random.h"

namespace mqttlab {
namespace {

Exchange numbered(std::uint64_t token) {
  Exchange exchange;
  exchange.message.token = token;
  return exchange;
}

TEST(Exchanges, KeepOrderAndContentOnAnySequence) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    Random random(seed, "exchanges");
    Exchanges exchanges;
    std::vector<std::pair<std::uint16_t, std::uint64_t>> model;  // id, token, in order
    for (std::uint64_t step = 1; step < 1'000; ++step) {
      const auto id = static_cast<std::uint16_t>(1 + random.below(64) * 1'023);  // ids that collide
      const auto known =
          std::find_if(model.begin(), model.end(), [&](auto& m) { return m.first == id; });
      if (known == model.end()) {
        exchanges.add(id, numbered(step));
        model.emplace_back(id, step);
      } else if (random.below(3) != 0) {
        ASSERT_EQ(exchanges.find(id)->message.token, known->second);
        exchanges.remove(id);
        model.erase(known);
        ASSERT_EQ(exchanges.find(id), nullptr);
      }
      ASSERT_EQ(exchanges.size(), model.size());
      std::uint16_t walk = exchanges.oldest();
      for (const auto& [expected, token] : model) {
        ASSERT_EQ(walk, expected);
        ASSERT_EQ(exchanges.find(walk)->message.token, token);
        walk = exchanges.younger(walk);
      }
      ASSERT_EQ(walk, 0);
    }
  }
}

TEST(Exchanges, HoldEveryPacketIdAtOnce) {
  Exchanges exchanges;
  for (std::uint32_t id = 1; id <= 65'535; ++id) {
    exchanges.add(static_cast<std::uint16_t>(id), numbered(id));
  }
  for (std::uint32_t id = 65'535; id >= 1; --id) {
    ASSERT_EQ(exchanges.find(static_cast<std::uint16_t>(id))->message.token, id);
    exchanges.remove(static_cast<std::uint16_t>(id));
  }
  EXPECT_EQ(exchanges.oldest(), 0);
}

}  // namespace
}  // namespace mqttlab
