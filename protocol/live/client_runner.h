// ClientRunner: one Client on real sockets.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "protocol/client/client.h"
#include "protocol/live/alarm.h"
#include "protocol/live/dialer.h"
#include "protocol/live/endpoint.h"
#include "protocol/live/ready_set.h"
#include "protocol/live/stream.h"
#include "protocol/trace/tapped_peer.h"
#include "protocol/transport/filter_stack.h"
#include "protocol/transport/tls_context.h"
#include "protocol/transport/web_socket_settings.h"

namespace mqttlab::live {

struct DialConfig {
  Endpoint endpoint;
  std::optional<Endpoint> via = {};  ///< dialed in its place: the near end of a link to it
  std::shared_ptr<const TlsContext> tls = {};  ///< of tls and wss
  WebSocketClientSettings web_socket = {};     ///< of ws and wss; host and path are the endpoint's
};

/// Where a client's calls and packets are recorded.
struct ClientTrace {
  trace::Log* log = nullptr;  ///< null: nowhere
  trace::Actor actor{};
  /// The number of a connection, by the client's own address.
  std::function<std::uint32_t(const std::string& address)> connection = {};
};

class ClientRunner final : public StreamOwner {
 public:
  using Handler = std::function<void(const ClientEvent&)>;

  /// Every event goes to `handler`, which may call the client and this. Throws
  /// std::invalid_argument for configurations that cannot work.
  ClientRunner(boost::asio::io_context& io, DialConfig dial, ClientConfig config,
               std::uint64_t seed, Handler handler, ClientTrace trace = {});
  ~ClientRunner() override;
  ClientRunner(const ClientRunner&) = delete;
  ClientRunner& operator=(const ClientRunner&) = delete;

  [[nodiscard]] Client& client() { return client_; }
  /// The client has been called from outside the handler: its bytes leave soon.
  void wake();
  /// Events stay in the client, for others to poll() it, as long as they are held. `waiting` is
  /// called when there are any.
  void hold(bool held) { held_ = held; }
  std::function<void()> waiting;
  /// A dial under way is given up; the client is not told.
  void drop_dial();
  /// The client does not act again, and is told nothing any more. Its socket is closed, or reset.
  void die(bool reset);
  /// What kept the last attempt from being a link, or ended the last one; empty: nothing.
  [[nodiscard]] const std::string& trouble() const { return trouble_; }
  /// The server that the present one has sent the client to, if that can be followed: it is dialed
  /// the same way, with TLS if the first one had it and then under its own name.
  [[nodiscard]] std::optional<Endpoint> referral() const;
  /// The client wants no link, and the last one is closed.
  [[nodiscard]] bool is_idle() const { return !stream_ && !dialer_ && !client_.wants_link(); }
  /// Called when the last link has been closed, or a dial has failed.
  std::function<void()> closed;

 private:
  void active(Stream&) override { active_ = true; }
  void ended(Stream& stream, CloseCause cause) override;
  void settle();
  void dial();
  void not_dialed(const std::string& why, CloseCause cause);
  void connected(int socket);
  Peer& link(Time now);
  [[nodiscard]] Time deadline() const;
  void due();

  const DialConfig dial_;
  Endpoint target_;                     // of the present dial and link
  WebSocketClientSettings web_socket_;  // the same
  const std::uint64_t seed_;
  Client client_;
  Handler handler_;
  const ClientTrace trace_;
  bool held_ = false, woken_ = false, dead_ = false;
  ReadySet sockets_;
  std::optional<Dialer> dialer_;  // while it dials
  unsigned attempt_ = 0;
  Time dial_until_ = never;
  std::string address_;  // the client's own, of the present connection
  std::unique_ptr<trace::TappedPeer> tapped_;
  std::unique_ptr<FilterStack> filters_;
  std::unique_ptr<Stream> stream_;
  bool active_ = false;
  Time linger_until_ = never;
  std::string trouble_;
  Alarm alarm_;
};

}  // namespace mqttlab::live
