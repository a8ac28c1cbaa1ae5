// WebSocketServerFilter: a listener's end of MQTT over WebSocket.
#pragma once

#include "protocol/transport/web_socket_filter.h"

namespace mqttlab {

/// Answers one request: an upgrade with 101, everything else with a response and the end. A
/// refused one is a failure(); a resource that was shown is none.
class WebSocketServerFilter final : public WebSocketFilter {
 public:
  /// `settings` outlive the filter and have been checked.
  WebSocketServerFilter(const WebSocketServerSettings& settings, Establish establish, Time now)
      : WebSocketFilter(settings, std::move(establish), nullptr, now), settings_(settings) {}

 private:
  void opened(const HttpHeadReader& reader, HttpHeadReader::State state, Time now) override;
  void too_late(Time now) override;

  const WebSocketServerSettings& settings_;
};

}  // namespace mqttlab
