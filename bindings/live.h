// A world on real sockets.
#pragma once

#include <pybind11/pybind11.h>

namespace mqttlab::bindings {

void bind_live(pybind11::module_& m);

}  // namespace mqttlab::bindings
