// What a client's configuration must satisfy.
#pragma once

#include "protocol/client/client.h"

namespace mqttlab::client {

/// Throws std::invalid_argument naming the field, its value and the remedy.
void check(const ClientConfig& config);

[[nodiscard]] inline bool v5(const ClientConfig& config) {
  return config.version == ProtocolVersion::v5_0;
}

/// How long the session outlives its link, as far as this end decides. What 3.1.1 cannot say is
/// true of it too.
[[nodiscard]] inline std::uint32_t session_expiry_s(const ClientConfig& config) {
  return config.session_expiry_s.value_or(config.clean_session ? 0 : endless_expiry_s);
}

}  // namespace mqttlab::client
