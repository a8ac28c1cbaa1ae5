// WorldGame, played by libFuzzer.
#include "tests/fuzz/target.h"
#include "tests/fuzz/world_game.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mqttlab::fuzz;
  return run_target([&] { WorldGame(Choices({data, size})).play(); });
}
