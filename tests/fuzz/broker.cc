// BrokerGame, played by libFuzzer.
#include "tests/fuzz/broker_game.h"
#include "tests/fuzz/target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mqttlab::fuzz;
  return run_target([&] { BrokerGame(Choices({data, size})).play(); });
}
