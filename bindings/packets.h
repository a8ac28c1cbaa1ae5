// Packets as Python sees them: a dict of fields, decoded from the bytes of one frame.
#pragma once

#include <pybind11/pybind11.h>

#include "protocol/wire/codec.h"

namespace mqttlab::bindings {

/// `version`: 3 (MQTT 3.1), 4 (3.1.1) or 5. Errors: std::invalid_argument for another one.
[[nodiscard]] Result<Packet> decode_frame(const pybind11::bytes& frame, bool from_client,
                                          int version);
/// "type" and the packet's fields by their names in packet.h, text and payloads as bytes. A frame
/// that breaks a rule has "violation" instead: (reason code, statement).
[[nodiscard]] pybind11::dict fields_of(const pybind11::bytes& frame, bool from_client, int version);

}  // namespace mqttlab::bindings
