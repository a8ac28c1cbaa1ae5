#include "protocol/live/endpoint.h"

#include <algorithm>
#include <charconv>
#include <stdexcept>
#include <utility>

namespace mqttlab::live {
namespace {

struct Scheme {
  std::string_view name;
  Transport transport;
  std::uint16_t port;
};
// The first of each transport is the name that text() gives.
constexpr Scheme schemes[] = {
    {"tcp", Transport::tcp, 1883}, {"tls", Transport::tls, 8883},  {"ws", Transport::ws, 80},
    {"wss", Transport::wss, 443},  {"mqtt", Transport::tcp, 1883}, {"mqtts", Transport::tls, 8883},
    {"ssl", Transport::tls, 8883}, {"http", Transport::http, 80},  {"https", Transport::https, 443},
};

std::string scheme_of(Transport transport) {
  const auto scheme = std::ranges::find(schemes, transport, &Scheme::transport);
  return std::string(scheme->name) + "://";
}

class Parser {
 public:
  explicit Parser(std::string_view url) : rest_(url) {
    const std::size_t end_of_host = std::min(url.find('/', url.find("://") + 3), url.size());
    const std::size_t at = url.substr(0, end_of_host).rfind('@');
    if (at == std::string_view::npos)
      shown_ = url;
    else
      shown_ = "..." + std::string(url.substr(at));  // what is before it is a secret
  }

  Endpoint endpoint() {
    const Scheme& scheme = take_scheme();
    endpoint_.transport = scheme.transport;
    endpoint_.port = scheme.port;
    const std::size_t slash = std::min(rest_.find('/'), rest_.size());
    endpoint_.path = rest_.substr(slash);
    rest_ = rest_.substr(0, slash);
    take_user();
    take_host();
    return std::move(endpoint_);
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw std::invalid_argument("'" + shown_ + "': " + what);
  }

  const Scheme& take_scheme() {
    const std::size_t end = rest_.find("://");
    if (end == std::string_view::npos) fail("no scheme; write for instance tcp://127.0.0.1:1883");
    const std::string_view name = rest_.substr(0, end);
    rest_.remove_prefix(end + 3);
    for (const Scheme& scheme : schemes)
      if (scheme.name == name) return scheme;
    fail("unknown scheme '" + std::string(name) +
         "'; known are tcp, tls, ws, wss, mqtt, mqtts, and http and https of listeners");
  }

  void take_user() {
    const std::size_t at = rest_.rfind('@');
    if (at == std::string_view::npos) return;
    const std::string_view user = rest_.substr(0, at);
    rest_.remove_prefix(at + 1);
    const std::size_t colon = user.find(':');
    endpoint_.user_name = decoded(user.substr(0, colon));
    if (colon != std::string_view::npos) endpoint_.password = decoded(user.substr(colon + 1));
  }

  std::string decoded(std::string_view text) const {
    std::string bytes;
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (text[i] != '%') {
        bytes += text[i];
        continue;
      }
      const std::string_view digits = text.substr(i + 1, 2);
      unsigned value = 0;
      const auto [end, error] =
          std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
      if (digits.size() != 2 || error != std::errc() || end != digits.data() + 2)
        fail("a '%' in user name or password is not followed by two hexadecimal digits");
      bytes += static_cast<char>(value);
      i += 2;
    }
    return bytes;
  }

  void take_host() {
    if (rest_.starts_with('[')) {
      const std::size_t end = rest_.find(']');
      if (end == std::string_view::npos) fail("'[' without ']' around the IPv6 address");
      endpoint_.host = rest_.substr(1, end - 1);
      rest_.remove_prefix(end + 1);
    } else {
      const std::size_t colon = std::min(rest_.find(':'), rest_.size());
      if (rest_.substr(colon).find(':', 1) != std::string_view::npos)
        fail("an IPv6 address needs brackets, as in tcp://[::1]:1883");
      endpoint_.host = rest_.substr(0, colon);
      rest_.remove_prefix(colon);
    }
    if (endpoint_.host.empty())
      fail("no host; 127.0.0.1 is this machine, 0.0.0.0 all its addresses");
    if (!rest_.empty()) take_port();
  }

  void take_port() {
    const std::string_view text = rest_.substr(1);
    const auto [end, error] =
        std::from_chars(text.data(), text.data() + text.size(), endpoint_.port);
    if (!rest_.starts_with(':') || error != std::errc() || end != text.data() + text.size())
      fail("the port '" + std::string(text) + "' is not a number from 0 to 65535");
  }

  std::string_view rest_;
  std::string shown_;
  Endpoint endpoint_;
};

}  // namespace

Endpoint Endpoint::parse(std::string_view url) { return Parser(url).endpoint(); }

std::optional<Endpoint> Endpoint::at(std::string_view server) const {
  // It comes from the network, and goes into HTTP and messages.
  const auto may_be = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           std::string_view("-._:[]").find(c) != std::string_view::npos;
  };
  if (!std::ranges::all_of(server, may_be)) return std::nullopt;
  try {
    Endpoint there = parse(scheme_of(transport) + std::string(server));
    there.path = path;
    return there;
  } catch (const std::invalid_argument&) {
    return std::nullopt;
  }
}

std::string Endpoint::text() const { return scheme_of(transport) + authority(host, port) + path; }

std::string authority(std::string_view host, std::uint16_t port) {
  const bool v6 = host.find(':') != std::string_view::npos;
  std::string text(v6 ? "[" : "");
  text += host;
  text += v6 ? "]:" : ":";
  return text + std::to_string(port);
}

}  // namespace mqttlab::live
