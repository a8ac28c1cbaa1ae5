// What a client's configuration must satisfy.
#pragma once

#include "protocol/client/client.h"

namespace mqttlab::client {

/// Throws std::invalid_argument naming the field, its value and the remedy.
void check(const ClientConfig& config);

}  // namespace mqttlab::client
