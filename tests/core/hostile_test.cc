// Peers that send anything at all, drawn from seeds: the games of tests/fuzz, whose rules are in
// ServerJudge and ClientJudge. And however long that goes on, memory stays within what the
// configuration allows.
#include <gtest/gtest.h>

#include "protocol/session/random.h"
#include "tests/core/live_memory.h"
#include "tests/fuzz/broker_game.h"
#include "tests/fuzz/client_game.h"
#include "tests/fuzz/world_game.h"

namespace mqttlab::fuzz {
namespace {

using testing::LiveMemory;

std::vector<std::uint8_t> draw_bytes(std::uint64_t seed, std::size_t most) {
  Random random(seed, "hostile");
  std::vector<std::uint8_t> bytes(most / 4 + random.below(most));
  for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random.below(256));
  return bytes;
}

template <typename Game>
void play(std::uint64_t seeds, std::size_t most_bytes) {
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    const auto bytes = draw_bytes(seed, most_bytes);
    try {
      Game(Choices(bytes)).play();
    } catch (const Broken& broken) {
      ADD_FAILURE() << "seed " << seed << ": " << broken.what();
      return;
    }
  }
}

TEST(Hostile, PeersOfABroker) { play<BrokerGame>(600, 3'000); }
TEST(Hostile, ServersOfAClient) { play<ClientGame>(1'000, 3'000); }
TEST(Hostile, WiresOfAWorld) { play<WorldGame>(60, 600); }

template <typename Game>
void play_within_memory(std::uint64_t seeds) {
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    const auto bytes = draw_bytes(seed, 100'000);
    const std::size_t before = LiveMemory::now();
    LiveMemory::reset();
    Game game{Choices(bytes)};
    game.play();
    EXPECT_LE(LiveMemory::most() - before, game.most_memory()) << "seed " << seed;
  }
}

TEST(Hostile, ABrokersMemoryIsBoundByItsConfiguration) { play_within_memory<BrokerGame>(12); }
TEST(Hostile, AClientsMemoryIsBoundByItsConfiguration) { play_within_memory<ClientGame>(12); }

}  // namespace
}  // namespace mqttlab::fuzz
