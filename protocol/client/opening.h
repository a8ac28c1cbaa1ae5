// The CONNECT by which a client opens a link.
#pragma once

#include <string_view>

#include "protocol/client/client.h"

namespace mqttlab::client {

/// `client_id`: the configured one, or the one that the server has assigned. `clean_start`: this
/// end has no session.
[[nodiscard]] Connect connect_packet(const ClientConfig& config, std::string_view client_id,
                                     bool clean_start);

}  // namespace mqttlab::client
