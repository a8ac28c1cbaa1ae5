// Configurations as Python classes: clients, brokers, fleets.
#pragma once

#include <pybind11/pybind11.h>

namespace mqttlab::bindings {

void bind_configs(pybind11::module_& m);

}  // namespace mqttlab::bindings
