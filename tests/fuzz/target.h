// What a fuzz target of a game does: bytes are choices.
#pragma once

#include <cstdio>
#include <cstdlib>

#include "tests/fuzz/choices.h"

namespace mqttlab::fuzz {

/// Runs what throws Broken, and says what it was: a fuzzer's user sees words.
template <typename Run>
int run_target(Run run) {
  try {
    run();
  } catch (const Broken& broken) {
    std::fprintf(stderr, "broken: %s\n", broken.what());
    std::abort();
  }
  return 0;
}

}  // namespace mqttlab::fuzz
