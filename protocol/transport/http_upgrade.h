// The upgrade from HTTP to WebSocket (RFC 6455, 4): what a client asks, what a server answers.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "protocol/transport/http_head.h"
#include "protocol/transport/web_socket_settings.h"

namespace mqttlab {

/// Sec-WebSocket-Accept for a Sec-WebSocket-Key.
[[nodiscard]] std::string accept_of(std::string_view key);

/// A response, and why it is no success; empty if there is nothing to complain of.
struct HttpAnswer {
  int status = 0;
  std::string bytes;
  std::string failure;
  std::shared_ptr<const HttpResource> resource = {};  ///< whose body follows the bytes, if any
};

/// 101 if the request is an upgrade that these settings allow; else an answer after which the
/// server closes.
[[nodiscard]] HttpAnswer answer_to(const HttpHead& request,
                                   const WebSocketServerSettings& settings);
/// An answer to what never became a request.
[[nodiscard]] HttpAnswer refusal(int status, const std::string& why);

/// `key`: 16 bytes drawn by random, in base64.
[[nodiscard]] std::string upgrade_request(const WebSocketClientSettings& settings,
                                          std::string_view key);
/// Why a response does not open the WebSocket that was asked for; empty if it does.
[[nodiscard]] std::string fault_of(const HttpHead& response, std::string_view key);

}  // namespace mqttlab
