// The benchmark of the simulated world.
#pragma once

#include <pybind11/pybind11.h>

namespace mqttlab::bindings {

void bind_bench(pybind11::module_& m);

}  // namespace mqttlab::bindings
