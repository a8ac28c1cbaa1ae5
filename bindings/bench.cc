#include "bindings/bench.h"

#include "sim/bench.h"

namespace py = pybind11;
using namespace py::literals;

namespace mqttlab::bindings {

void bind_bench(py::module_& m) {
  using sim::BenchResult;
  py::class_<BenchResult>(m, "BenchResult")
      .def_readonly("devices", &BenchResult::devices)
      .def_readonly("messages", &BenchResult::messages)
      .def_readonly("raw_messages", &BenchResult::raw_messages)
      .def_readonly("us_per_message", &BenchResult::us_per_message)
      .def_readonly("raw_us_per_message", &BenchResult::raw_us_per_message);
  const sim::BenchConfig defaults;
  m.def(
      "run_bench",
      [](std::uint32_t devices, std::uint64_t seed, std::uint64_t messages,
         const std::string& transport) {
        const py::gil_scoped_release unlocked;
        sim::BenchConfig config;
        config.devices = devices;
        config.seed = seed;
        config.messages = messages;
        config.transport = transport_named(transport);
        return sim::run_bench(config);
      },
      "devices"_a, "seed"_a = defaults.seed, "messages"_a = defaults.messages,
      "transport"_a = "tcp");
}

}  // namespace mqttlab::bindings
