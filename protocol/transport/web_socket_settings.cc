#include "protocol/transport/web_socket_settings.h"

#include <algorithm>
#include <stdexcept>

namespace mqttlab {
namespace {

void require_setting(bool holds, const std::string& field, const std::string& trouble) {
  if (!holds) throw std::invalid_argument("WebSocketSettings." + field + ": " + trouble);
}

// Without what would end a line of a head.
bool is_printable(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~'; });
}

void check_path(const std::string& path) {
  require_setting(
      path.starts_with('/') && is_printable(path) && path.find_first_of(" #") == path.npos, "path",
      "\"" + path + "\"; give one that begins with '/', without spaces and '#'");
}

void check_common(const WebSocketSettings& settings) {
  const auto positive = [](Time time, const char* field) {
    require_setting(time > 0, field, std::to_string(time) + " ns; give a time above 0");
  };
  positive(settings.open_timeout, "open_timeout");
  positive(settings.close_timeout, "close_timeout");
  positive(settings.ping_interval, "ping_interval");
  positive(settings.pong_timeout, "pong_timeout");
  require_setting(settings.max_message_bytes > 0, "max_message_bytes", "0; give a size above 0");
}

}  // namespace

void check(const WebSocketServerSettings& settings) {
  check_common(settings);
  check_path(settings.path);
  require_setting(settings.path.find('?') == std::string::npos, "path",
                  "\"" + settings.path + "\"; leave out '?': whatever follows it is let through");
  for (const std::string& origin : settings.origins) {
    const auto host = origin.find("://");
    require_setting(host != std::string::npos && origin.find('/', host + 3) == std::string::npos,
                    "origins",
                    "\"" + origin + "\"; give scheme and host, and no path: https://example.org");
  }
}

void check(const WebSocketClientSettings& settings) {
  check_common(settings);
  check_path(settings.path);
  require_setting(!settings.host.empty() && is_printable(settings.host) &&
                      settings.host.find_first_of(" /") == std::string::npos,
                  "host", "\"" + settings.host + "\"; give \"name\" or \"name:port\"");
  for (const auto& [name, value] : settings.headers) {
    require_setting(
        !name.empty() && is_printable(name) && name.find_first_of(" :") == std::string::npos,
        "headers", "\"" + name + "\" is no name of a field");
    require_setting(is_printable(value), "headers",
                    name + " has a value with more than printable ASCII");
  }
}

}  // namespace mqttlab
