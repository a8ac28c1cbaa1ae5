#include "protocol/live/listener.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "protocol/live/clock.h"

namespace mqttlab::live {
namespace {

using Tcp = boost::asio::ip::tcp;
constexpr int backlog = 4'096;
constexpr int turn = 64;  // accepted before those that are connected have their turn
constexpr Time breath = second / 2;

Tcp::acceptor open(boost::asio::io_context& io, const Tcp::endpoint& address) {
  Tcp::acceptor acceptor(io, address.protocol());
  acceptor.set_option(Tcp::acceptor::reuse_address(true));
  if (address.protocol() == Tcp::v6()) acceptor.set_option(boost::asio::ip::v6_only(true));
  acceptor.bind(address);
  acceptor.listen(backlog);
  acceptor.native_non_blocking(true);
  return acceptor;
}

std::string text_of(const sockaddr_storage& address) {
  char text[INET6_ADDRSTRLEN] = "?";
  std::uint16_t port = 0;
  if (address.ss_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);
    inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof text);
    port = ntohs(v6.sin6_port);
  } else {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
    inet_ntop(AF_INET, &v4.sin_addr, text, sizeof text);
    port = ntohs(v4.sin_port);
  }
  return authority(text, port);
}

// Only for the kernel's keepalives: a device with MQTT's keep alive off may vanish without a word.
void set_options(int socket) {
  const int on = 1;
  setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt(socket, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
}

}  // namespace

Listener::Listener(boost::asio::io_context& io, const ListenerConfig& config,
                   const Tcp::endpoint& address, Owner& owner, LogLines& log)
    : config_(config),
      owner_(owner),
      log_(log),
      acceptor_(open(io, address)),
      pause_(io, [this] { accept(); }),
      address_(address.address().to_string()),
      port_(acceptor_.local_endpoint().port()) {
  wait();
}

std::string Listener::text() const {
  Endpoint endpoint = config_.endpoint;
  endpoint.host = address_;
  endpoint.port = port_;
  if (has_pages(endpoint.transport))
    endpoint.path = "/";
  else if (has_web_socket(endpoint.transport))
    endpoint.path = config_.web_socket.path;
  return endpoint.text();
}

void Listener::close() {
  acceptor_.close();
  pause_.cancel();
}

void Listener::wait() {
  acceptor_.async_wait(Tcp::acceptor::wait_read, [this, alive = std::weak_ptr(alive_)](
                                                     const boost::system::error_code& error) {
    if (!error && !alive.expired() && acceptor_.is_open()) accept();
  });
}

void Listener::accept() {
  for (int i = 0; i < turn; ++i) {
    const Time now = steady_now();
    if (!owner_.may_accept(now)) return pause_.set(owner_.may_accept_at());
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    const int socket = accept4(acceptor_.native_handle(), reinterpret_cast<sockaddr*>(&address),
                               &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (socket < 0) {
      if (errno == EAGAIN || errno == EWOULDBLOCK) break;
      if (errno == EINTR || errno == ECONNABORTED || errno == EPROTO) continue;
      return failed(errno, now);
    }
    set_options(socket);
    owner_.accepted(*this, socket, text_of(address));
    if (!acceptor_.is_open()) return;
  }
  wait();
}

// Out of sockets or memory: those that are connected go on, the others wait in the backlog.
void Listener::failed(int error, Time now) {
  log_(LogLevel::warning, "{}: cannot accept: {}; trying again in {} ms", text(),
       std::strerror(error), breath / millisecond);
  pause_.set(now + breath);
}

std::vector<std::unique_ptr<Listener>> listen(boost::asio::io_context& io,
                                              const ListenerConfig& config, Listener::Owner& owner,
                                              LogLines& log) {
  const Endpoint& endpoint = config.endpoint;
  std::vector<std::unique_ptr<Listener>> listeners;
  try {
    Tcp::resolver resolver(io);
    for (const auto& found :
         resolver.resolve(endpoint.host, std::to_string(endpoint.port), Tcp::resolver::passive)) {
      listeners.push_back(std::make_unique<Listener>(io, config, found.endpoint(), owner, log));
      log(LogLevel::notice, "listening on {}", listeners.back()->text());
    }
  } catch (const boost::system::system_error& error) {
    throw std::runtime_error(
        fmt::format("cannot listen on {}: {}", endpoint.text(), error.code().message()));
  }
  return listeners;
}

}  // namespace mqttlab::live
