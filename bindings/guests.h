#pragma once

#include <pybind11/pybind11.h>

namespace mqttlab::bindings {

/// Streams of programs that are none of ours, in a simulated world.
void bind_guests(pybind11::module_& m);

}  // namespace mqttlab::bindings
