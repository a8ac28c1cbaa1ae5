// Prints wall time per delivered QoS 1 message beside bare ns-3; the guard of it is in tests/sim.
#include <cstdio>
#include <cstdlib>

#include "sim/bench.h"

int main(int argc, char** argv) {
  std::printf("%8s %10s %12s %12s %7s\n", "devices", "messages", "us/message", "raw ns-3", "ratio");
  for (const std::uint32_t devices : {100U, 300U, 1'000U}) {
    mqttlab::sim::BenchConfig config;
    config.devices = devices;
    if (argc > 1) config.messages = std::strtoull(argv[1], nullptr, 10);
    const auto result = mqttlab::sim::run_bench(config);
    std::printf("%8u %10llu %12.1f %12.1f %7.2f\n", devices,
                static_cast<unsigned long long>(result.messages), result.us_per_message,
                result.raw_us_per_message, result.ratio);
  }
}
