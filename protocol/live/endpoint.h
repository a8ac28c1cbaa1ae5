// Endpoint: where a broker listens or is found, as a URL.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mqttlab::live {

/// http and https are what a listener may be beside ws and wss: it shows pages, too.
enum class Transport : std::uint8_t { tcp, tls, ws, wss, http, https };
[[nodiscard]] constexpr bool has_tls(Transport transport) {
  return transport == Transport::tls || transport == Transport::wss ||
         transport == Transport::https;
}
[[nodiscard]] constexpr bool has_pages(Transport transport) {
  return transport == Transport::http || transport == Transport::https;
}
[[nodiscard]] constexpr bool has_web_socket(Transport transport) {
  return transport == Transport::ws || transport == Transport::wss || has_pages(transport);
}

struct Endpoint {
  Transport transport = Transport::tcp;
  std::string host;  ///< name or address; an IPv6 address without its brackets
  std::uint16_t port = 0;
  std::string path;  ///< behind host and port, with its '/'; empty: none
  std::optional<std::string> user_name, password;

  /// `SCHEME://[USER[:PASSWORD]@]HOST[:PORT][/PATH]`. Schemes are tcp (or mqtt), tls (or mqtts,
  /// ssl), ws, wss, http and https; their ports are 1883, 8883, 80 and 443. %XX stands for a byte
  /// in user name and password. Throws std::invalid_argument naming the URL, what is wrong and the
  /// remedy; never a password.
  [[nodiscard]] static Endpoint parse(std::string_view url);
  /// The same way to another server, given as HOST[:PORT]; nullopt if it is not.
  [[nodiscard]] std::optional<Endpoint> at(std::string_view server) const;
  /// The URL, without user name and password.
  [[nodiscard]] std::string text() const;
};

/// host:port, with brackets around an IPv6 address.
[[nodiscard]] std::string authority(std::string_view host, std::uint16_t port);

}  // namespace mqttlab::live
