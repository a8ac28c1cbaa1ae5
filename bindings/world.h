// The World as a Python class, what its clients have to say, and the benchmark.
#pragma once

#include <pybind11/pybind11.h>

namespace mqttlab::bindings {

void bind_client_events(pybind11::module_& m);
void bind_world(pybind11::module_& m);
void bind_bench(pybind11::module_& m);

}  // namespace mqttlab::bindings
