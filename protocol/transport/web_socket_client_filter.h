// WebSocketClientFilter: a dialer's end of MQTT over WebSocket.
#pragma once

#include "protocol/transport/web_socket_filter.h"

namespace mqttlab {

/// Sends nothing of the inner Peer before the server has agreed to speak MQTT.
class WebSocketClientFilter final : public WebSocketFilter {
 public:
  /// Writes the request. `settings` outlive the filter; throws std::invalid_argument if they are
  /// wrong. `random` gives Sec-WebSocket-Key and the masking keys: seed it with what a script in a
  /// browser cannot guess (RFC 6455, 10.3).
  WebSocketClientFilter(const WebSocketClientSettings& settings, const Random& random,
                        Establish establish, Time now);

 private:
  void opened(const HttpHeadReader& reader, HttpHeadReader::State state, Time now) override;
  void too_late(Time now) override;

  const Time open_timeout_;
  Random random_;
  std::string key_;
};

}  // namespace mqttlab
