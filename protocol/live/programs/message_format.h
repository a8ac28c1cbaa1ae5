// How mqttlab-sub prints a message: -F.
#pragma once

#include <string>
#include <string_view>

#include "protocol/client/client.h"

namespace mqttlab::live {

/// Throws std::invalid_argument naming what the format may not have.
void check_format(std::string_view format);
[[nodiscard]] std::string formatted(std::string_view format, const Received& message);

}  // namespace mqttlab::live
