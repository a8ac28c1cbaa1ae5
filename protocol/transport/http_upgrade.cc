#include "protocol/transport/http_upgrade.h"

#include <http_parser.h>
#include <openssl/sha.h>

#include <algorithm>
#include <array>

#include "protocol/session/octets.h"

namespace mqttlab {
namespace {

constexpr std::string_view security_fields =
    "X-Content-Type-Options: nosniff\r\n"
    "Content-Security-Policy: default-src 'self'; connect-src 'self' ws: wss:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'\r\n"
    "Referrer-Policy: no-referrer\r\n"
    "Cache-Control: no-store\r\n";

constexpr std::string_view version_fields =
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n";

bool has(const std::vector<std::string_view>& list, std::string_view member) {
  return std::ranges::find(list, member) != list.end();
}

bool has_name(const std::vector<std::string_view>& list, std::string_view name) {
  return std::ranges::any_of(list,
                             [&](std::string_view member) { return same_name(member, name); });
}

// Of what the other end wrote, for the words of a failure.
std::string printable(std::string_view text) {
  std::string out(text);
  std::ranges::replace_if(
      out, [](char c) { return c < ' ' || c > '~'; }, '?');
  return out;
}

std::string status_line(int status) {
  return "HTTP/1.1 " + std::to_string(status) + " " +
         http_status_str(static_cast<http_status>(status)) + "\r\n";
}

// The head of the response after which the server closes.
std::string last_head(int status, std::string_view more_fields, const HttpResource& resource) {
  std::string response = status_line(status);
  response += "Content-Type: " + resource.content_type + "\r\n";
  response += "Content-Length: " + std::to_string(resource.body.size()) + "\r\n";
  response += "Connection: close\r\n";
  response += security_fields;
  response += more_fields;
  return response + "\r\n";
}

HttpAnswer refused(int status, const std::string& why, std::string_view more_fields = {}) {
  const HttpResource body{"text/plain; charset=utf-8", why + "\n"};
  return {status, last_head(status, more_fields, body) + body.body,
          std::to_string(status) + ": " + why};
}

// Of a request's target, which names the host as well if the client takes this end for a proxy.
std::string_view path_of(const std::string& target) {
  http_parser_url url;
  http_parser_url_init(&url);
  if (http_parser_parse_url(target.data(), target.size(), 0, &url) != 0 ||
      (url.field_set & 1U << UF_PATH) == 0) {
    return {};
  }
  const auto& path = url.field_data[UF_PATH];
  return std::string_view(target).substr(path.off, path.len);
}

bool allowed(std::string_view origin, std::string_view host,
             const WebSocketServerSettings& settings) {
  switch (settings.origin_policy) {
    case OriginPolicy::any:
      return true;
    case OriginPolicy::same_host: {
      const auto scheme_ends = origin.find("://");
      return scheme_ends != origin.npos && same_name(origin.substr(scheme_ends + 3), host);
    }
    case OriginPolicy::list:
      break;
  }
  return std::ranges::any_of(settings.origins, [&](const auto& o) { return same_name(o, origin); });
}

bool is_key(std::string_view text) {
  const auto bytes = from_base64(text);
  return bytes && bytes->size() == 16;
}

HttpAnswer answer_to_upgrade(const HttpHead& request, const WebSocketServerSettings& settings) {
  const auto versions = request.list("Sec-WebSocket-Version");
  if (versions.size() != 1 || versions[0] != "13") {
    return refused(426, "WebSocket version 13 is spoken here (Sec-WebSocket-Version: 13)",
                   version_fields);
  }
  const std::string_view key = request.value("Sec-WebSocket-Key");
  if (request.count("Sec-WebSocket-Key") != 1 || !is_key(key))
    return refused(400, "Sec-WebSocket-Key must be 16 bytes in base64");
  if (request.count("Origin") > 0 &&
      !allowed(request.value("Origin"), request.value("Host"), settings)) {
    return refused(
        403, "pages from " + printable(request.value("Origin")) + " may not open a WebSocket here");
  }
  // Clients from before MQTT 3.1.1 was a standard know the older name.
  const auto offered = request.list("Sec-WebSocket-Protocol");
  const char* const chosen = has(offered, "mqtt")       ? "mqtt"
                             : has(offered, "mqttv3.1") ? "mqttv3.1"
                                                        : nullptr;
  if (!chosen) {
    return refused(400,
                   "no subprotocol that is spoken here was offered: offer \"mqtt\" "
                   "(Sec-WebSocket-Protocol: mqtt)");
  }
  std::string response = status_line(101) + "Upgrade: websocket\r\nConnection: Upgrade\r\n";
  response += "Sec-WebSocket-Accept: " + accept_of(key) + "\r\n";
  response += "Sec-WebSocket-Protocol: " + std::string(chosen) + "\r\n";  // MQTT-6.0.0-4
  return {101, response + "\r\n", {}};
}

}  // namespace

std::string accept_of(std::string_view key) {
  const std::string text = std::string(key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  std::array<std::uint8_t, SHA_DIGEST_LENGTH> digest;
  SHA1(bytes_of(text).data(), text.size(), digest.data());
  return to_base64(digest);
}

HttpAnswer refusal(int status, const std::string& why) { return refused(status, why); }

HttpAnswer answer_to(const HttpHead& request, const WebSocketServerSettings& settings) {
  if (request.major != 1) return refused(505, "HTTP/1.1 is spoken here");
  if (request.count("Host") > 1 || (request.minor > 0 && request.value("Host").empty()))
    return refused(400, "a request has one Host");
  const std::string_view path = path_of(request.target);
  const bool upgrade = has_name(request.list("Upgrade"), "websocket") &&
                       has_name(request.list("Connection"), "upgrade");
  const auto resource = settings.resources && !upgrade ? settings.resources(path) : nullptr;
  const bool get = request.method == "GET", head = request.method == "HEAD";
  if (!resource && path != settings.path) {
    return refused(404, "nothing is at \"" + std::string(path) +
                            "\": MQTT over WebSocket is at \"" + settings.path + "\"");
  }
  if (!get && !(resource && head)) {
    return refused(405, "the method " + request.method + " is not for this path",
                   resource ? "Allow: GET, HEAD\r\n" : "Allow: GET\r\n");
  }
  if (resource) return {200, last_head(200, {}, *resource), {}, get ? resource : nullptr};
  if (!upgrade || request.minor < 1) {
    return refused(426, "MQTT over WebSocket is spoken here: upgrade a GET of HTTP/1.1",
                   version_fields);
  }
  return answer_to_upgrade(request, settings);
}

std::string upgrade_request(const WebSocketClientSettings& settings, std::string_view key) {
  std::string request = "GET " + settings.path + " HTTP/1.1\r\nHost: " + settings.host + "\r\n";
  request += "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n";
  request += "Sec-WebSocket-Key: " + std::string(key) + "\r\n";
  request += "Sec-WebSocket-Protocol: mqtt\r\n";  // MQTT-6.0.0-3
  for (const auto& [name, value] : settings.headers) request += name + ": " + value + "\r\n";
  return request + "\r\n";
}

std::string fault_of(const HttpHead& response, std::string_view key) {
  if (response.status != 101) {
    std::string fault = "the server answered " + std::to_string(response.status);
    if (!response.reason.empty()) fault += " " + printable(response.reason);
    const auto location = response.value("Location");
    return location.empty() ? fault : fault + ", see " + printable(location);
  }
  if (!has_name(response.list("Upgrade"), "websocket") ||
      !has_name(response.list("Connection"), "upgrade")) {
    return "the server answered 101 and upgraded to something else";
  }
  if (response.count("Sec-WebSocket-Accept") != 1 ||
      response.value("Sec-WebSocket-Accept") != accept_of(key)) {
    return "the server's Sec-WebSocket-Accept is not the answer to this request";
  }
  if (response.count("Sec-WebSocket-Protocol") != 1 ||
      response.value("Sec-WebSocket-Protocol") != "mqtt") {
    return "the server did not select the subprotocol mqtt, but \"" +
           printable(response.value("Sec-WebSocket-Protocol")) + "\"";
  }
  if (response.count("Sec-WebSocket-Extensions") > 0)
    return "the server selected an extension that nobody offered";
  return {};
}

}  // namespace mqttlab
