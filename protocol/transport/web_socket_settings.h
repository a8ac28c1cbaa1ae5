// What a WebSocket's owner decides, and the limits of both ends.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "protocol/peer.h"

namespace mqttlab {

struct WebSocketSettings {
  /// A longer message is refused with 1009. Messages are not gathered, so this bounds no memory;
  /// the default lets the longest MQTT packet through.
  std::uint64_t max_message_bytes = 268'435'460;
  Time open_timeout = 10 * second;  ///< from the filter's beginning to the end of the upgrade
  Time close_timeout = 5 * second;  ///< for the last bytes and the other end's answer to Close
  Time ping_interval = never;       ///< of silence, after which this end pings
  Time pong_timeout = 20 * second;  ///< of silence after a ping, which ends the connection
};

/// Something that a server shows to whoever asks for it. Connections share it while they write it.
struct HttpResource {
  std::string content_type, body;
};

/// Which pages may open a WebSocket here. Who names no origin is no browser, and may.
enum class OriginPolicy : std::uint8_t {
  any,
  same_host,  ///< pages from the host and port that the request goes to
  list,       ///< WebSocketServerSettings::origins
};

struct WebSocketServerSettings : WebSocketSettings {
  std::string path = "/mqtt";
  OriginPolicy origin_policy = OriginPolicy::any;
  std::vector<std::string> origins;  ///< such as "https://example.org:8443"
  /// For GET and HEAD without an upgrade: what is at this path, or null. Empty: nothing anywhere.
  std::function<std::shared_ptr<const HttpResource>(std::string_view path)> resources;
};

struct WebSocketClientSettings : WebSocketSettings {
  std::string host;  ///< as in the header Host: "name" or "name:port"
  std::string path = "/mqtt";
  std::vector<std::pair<std::string, std::string>> headers;  ///< more fields of the request
};

/// Throws std::invalid_argument that names field, value and remedy. A client's filter calls it
/// itself; a listener calls it once.
void check(const WebSocketServerSettings& settings);
void check(const WebSocketClientSettings& settings);

}  // namespace mqttlab
