#pragma once

#include <pybind11/pybind11.h>

namespace mqttlab::bindings {

/// What becomes of the processes at the ends of a simulated world.
void bind_ends(pybind11::module_& m);

}  // namespace mqttlab::bindings
