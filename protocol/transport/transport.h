// Transport: what carries MQTT between a client and the broker.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

#include "protocol/peer.h"

namespace mqttlab {

/// TCP, and on top of it TLS, WebSocket, or WebSocket in TLS.
struct Transport {
  bool tls = false;
  bool web_socket = false;
  /// Until when the client has a certificate of its own, in the name of its client id, since the
  /// world began; 0: none. In simulated TLS only.
  Time certificate_until = 0;
};

namespace over {
inline constexpr Transport tcp{}, tls{true, false}, ws{false, true}, wss{true, true};
}
inline constexpr std::size_t transports = 4;
[[nodiscard]] constexpr std::size_t index_of(Transport transport) {
  return (transport.tls ? 1U : 0U) + (transport.web_socket ? 2U : 0U);
}
/// Where a simulated broker's site listens for it.
[[nodiscard]] constexpr std::uint16_t port_of(Transport transport) {
  constexpr std::array<std::uint16_t, transports> ports{1883, 8883, 8080, 8443};
  return ports[index_of(transport)];
}

/// From "tcp", "tls", "ws" or "wss"; throws std::invalid_argument for another name.
[[nodiscard]] inline Transport transport_named(std::string_view name) {
  if (name == "tcp") return over::tcp;
  if (name == "tls") return over::tls;
  if (name == "ws") return over::ws;
  if (name == "wss") return over::wss;
  throw std::invalid_argument("transport '" + std::string(name) + "' is none of tcp, tls, ws, wss");
}

}  // namespace mqttlab
