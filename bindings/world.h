// A World as a Python class, properties, and what clients have to say.
#pragma once

#include <pybind11/pybind11.h>

#include "protocol/wire/properties.h"

namespace mqttlab::bindings {

/// Properties as (name, value) pairs: "session_expiry_interval", and a number, bytes, or a pair of
/// bytes.
[[nodiscard]] pybind11::list items(const Properties& properties);
/// The 27 of MQTT 5.0: (name, identifier, type), the type as in "two_byte_integer".
[[nodiscard]] pybind11::list property_table();
void bind_properties(pybind11::module_& m);
void bind_client_events(pybind11::module_& m);
void bind_world(pybind11::module_& m);

}  // namespace mqttlab::bindings
