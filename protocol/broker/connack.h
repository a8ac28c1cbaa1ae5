// What CONNACK says, in each version's words.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "protocol/broker/config.h"
#include "protocol/wire/packet.h"

namespace mqttlab {

/// The return code of 3.1.1 for a refusal; nullopt: none is applicable.
[[nodiscard]] std::optional<ConnectReturn> return_code(ReasonCode reason);

/// How one CONNECT has been answered, where that is not what it asked for.
struct Welcome {
  std::optional<std::string_view> assigned_client_id;
  std::optional<std::uint32_t> session_expiry_s;
  std::optional<std::uint16_t> keep_alive_s;
  Properties authentication;          ///< method and data of an enhanced authentication
  bool response_information = false;  ///< it is asked for
};
/// The properties of an accepting CONNACK: whatever the client must not take for granted.
[[nodiscard]] Properties properties_of(const Welcome& welcome, const BrokerConfig& config);

}  // namespace mqttlab
