// ClientGame, played by libFuzzer.
#include "tests/fuzz/client_game.h"
#include "tests/fuzz/target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mqttlab::fuzz;
  return run_target([&] { ClientGame(Choices({data, size})).play(); });
}
