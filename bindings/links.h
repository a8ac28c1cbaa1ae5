// Links as Python classes: what simulated and real runs describe them with.
#pragma once

#include <pybind11/pybind11.h>

namespace mqttlab::bindings {

void bind_links(pybind11::module_& m);

}  // namespace mqttlab::bindings
