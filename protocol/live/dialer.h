// Dialer: from a host's name and port to a connected socket.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "protocol/peer.h"

namespace mqttlab::live {

/// Tries every address of the host, one after the other.
class Dialer {
 public:
  /// A socket that is connected, not blocking and without delay, which the callee takes; or -1 and
  /// why there is none. The callee may destroy the Dialer.
  using Done = std::function<void(int socket, CloseCause cause, const std::string& trouble)>;

  explicit Dialer(boost::asio::io_context& io) : resolver_(io), socket_(io) {}
  /// One dial at a time; `done` is called once, unless the Dialer is destroyed before.
  void dial(const std::string& host, std::uint16_t port, Done done);
  /// Of the socket that is connected.
  [[nodiscard]] const std::string& own_address() const { return own_address_; }

 private:
  using Tcp = boost::asio::ip::tcp;
  void try_next();
  void fail(CloseCause cause, const std::string& trouble);

  Tcp::resolver resolver_;
  Tcp::socket socket_;
  std::string host_, own_address_;
  Tcp::resolver::results_type found_;
  Tcp::resolver::results_type::iterator next_;
  Done done_;
  std::shared_ptr<int> alive_ = std::make_shared<int>();  // answers that come later find nobody
};

}  // namespace mqttlab::live
