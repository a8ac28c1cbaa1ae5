// Listener: takes connections from one address.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "protocol/live/accept_rate.h"
#include "protocol/live/alarm.h"
#include "protocol/live/endpoint.h"
#include "protocol/live/log_lines.h"
#include "protocol/transport/tls_context.h"
#include "protocol/transport/web_socket_settings.h"

namespace mqttlab::live {

struct ListenerConfig {
  Endpoint endpoint;                           ///< port 0: a free one
  std::shared_ptr<const TlsContext> tls = {};  ///< of tls and wss
  WebSocketServerSettings web_socket = {};     ///< of ws and wss
  std::size_t max_connections = 100'000;       ///< of this listener; more are closed at once
};

class Listener {
 public:
  class Owner {
   public:
    virtual ~Owner() = default;
    /// May one more connection be taken at all? If not, none is for a while.
    virtual bool may_accept(Time now) = 0;
    [[nodiscard]] virtual Time may_accept_at() const = 0;
    /// The owner takes the socket, which is connected and not blocking.
    virtual void accepted(Listener& listener, int socket, std::string address) = 0;
  };

  /// Throws std::system_error if the address cannot be listened to. `config` outlives it.
  Listener(boost::asio::io_context& io, const ListenerConfig& config,
           const boost::asio::ip::tcp::endpoint& address, Owner& owner, LogLines& log);

  [[nodiscard]] const ListenerConfig& config() const { return config_; }
  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] std::string text() const;  ///< the URL, with the real address and port
  void close();

  std::size_t connections = 0;  ///< the owner counts

 private:
  void wait();
  void accept();
  void failed(int error, Time now);

  const ListenerConfig& config_;
  Owner& owner_;
  LogLines& log_;
  boost::asio::ip::tcp::acceptor acceptor_;
  Alarm pause_;
  std::string address_;
  std::uint16_t port_ = 0;
  std::shared_ptr<int> alive_ = std::make_shared<int>();  // who comes later finds nobody
};

/// Listens at every address of the endpoint's host. Throws std::runtime_error naming the endpoint.
[[nodiscard]] std::vector<std::unique_ptr<Listener>> listen(boost::asio::io_context& io,
                                                            const ListenerConfig& config,
                                                            Listener::Owner& owner, LogLines& log);

}  // namespace mqttlab::live
