// HttpPoster: POSTs texts to one place over HTTP/1.1, one at a time, and keeps the connection.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ssl/context.hpp>
#include <functional>
#include <memory>
#include <string>

#include "protocol/peer.h"

namespace mqttlab::live {

/// Where to, and whom to trust there.
struct HttpTarget {
  bool secure = false;  ///< HTTPS
  std::string host = {}, port = {}, path = {};
  std::string authority = {};  ///< of the URL, for the field Host
  std::string ca_pem = {};     ///< authorities, of HTTPS; empty: those of this machine
  Time timeout = 5 * second;   ///< of one POST, from the look-up of the name to the whole answer
};

struct HttpReply {
  unsigned status = 0;  ///< 0: there is no answer, for the reason in `trouble`
  std::string body;     ///< up to 64 KiB; a longer one is no answer
  std::string trouble;
};

class HttpPoster {
 public:
  using Done = std::function<void(HttpReply)>;

  /// `target` must outlive it. Throws std::invalid_argument if its authorities cannot be read.
  static std::shared_ptr<HttpPoster> make(boost::asio::io_context& io, const HttpTarget& target);
  virtual ~HttpPoster() = default;

  /// JSON, when no other POST is under way. `done` is called once, later; not after close(). A
  /// connection that was kept and turns out to be closed is replaced, once.
  virtual void post(std::string json, Done done) = 0;
  virtual void close() = 0;
};

}  // namespace mqttlab::live
