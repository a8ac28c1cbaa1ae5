// Authenticator: a client's half of an enhanced authentication (MQTT 5.0, 4.12).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "protocol/peer.h"

namespace mqttlab {

/// One conversation after the other, each begun by start(): for CONNECT, and again for each
/// re-authentication. The strings are Authentication Data; their meaning is the method's own.
class Authenticator {
 public:
  virtual ~Authenticator() = default;
  /// The Authentication Method, the same in every packet (MQTT-4.12.0-5, MQTT-4.12.1-1).
  [[nodiscard]] virtual std::string_view method() const = 0;
  /// Data of CONNECT, or of AUTH 0x19. Drops what is left of the conversation before.
  [[nodiscard]] virtual std::string start() = 0;
  /// The answer to an AUTH 0x18 of the server, to be sent in an AUTH 0x18 (MQTT-4.12.0-3).
  /// Nothing if this is not a server that the client can go on with.
  [[nodiscard]] virtual std::optional<std::string> next(Bytes data) = 0;
  /// True if the server may be believed, whose CONNACK 0x00 or AUTH 0x00 came with `data`.
  [[nodiscard]] virtual bool finish(Bytes data) = 0;
};

}  // namespace mqttlab
