#pragma once

#include <pybind11/pybind11.h>

namespace mqttlab::bindings {

/// What is done to packets on their way in a simulated world.
void bind_path(pybind11::module_& m);

}  // namespace mqttlab::bindings
