// The World as a Python class, and what its clients have to say.
#pragma once

#include <pybind11/pybind11.h>

namespace mqttlab::bindings {

void bind_client_events(pybind11::module_& m);
void bind_world(pybind11::module_& m);

}  // namespace mqttlab::bindings
