// BrokerServer: one Broker on real sockets.
#pragma once

#include <boost/asio/io_context.hpp>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "protocol/broker/broker.h"
#include "protocol/journal/store.h"
#include "protocol/live/alarm.h"
#include "protocol/live/connection.h"
#include "protocol/live/listener.h"
#include "protocol/live/log_lines.h"
#include "protocol/live/ready_set.h"
#include "protocol/session/timers.h"

namespace mqttlab::live {

struct ServerConfig {
  std::size_t max_connections = 10'000;  ///< of all listeners; more are closed at once
  double accepts_per_s = 1'000;          ///< of all listeners; more wait. 0: no limit
  Time stop_timeout = 5 * second;        ///< for the last bytes and the clients' own end
};

/// What a server counts about its sockets, of all listeners.
struct ServerGauges {
  std::uint64_t accepted = 0;
  std::uint64_t refused = 0;     ///< closed at once: over a limit
  std::uint64_t transports = 0;  ///< ended by TLS or WebSocket: a failed handshake, a bad frame
};

/// Where what a broker does is recorded.
struct BrokerTrace {
  trace::Log* log = nullptr;  ///< null: nowhere
  trace::Actor actor{};
  bool packets = true;  ///< false: somebody in the path records them
};

/// What a socket needs beside its connection: a few for listeners, log, timers, and to spare.
inline constexpr std::size_t spare_files = 64;

class BrokerServer final : public Listener::Owner, public Connection::Owner {
 public:
  /// `access` may be null: everybody may do everything. What is recorded is kept, so its memory has
  /// no bound. `store` may be null: the state ends with the broker. What they refer to must outlive
  /// it. Throws std::invalid_argument for a configuration that cannot work, std::system_error if
  /// the process may not open as many files.
  BrokerServer(boost::asio::io_context& io, BrokerConfig broker, ServerConfig config,
               std::uint64_t seed, Access* access, LogLines& log, BrokerTrace trace = {},
               Store* store = nullptr);
  ~BrokerServer() override;
  BrokerServer(const BrokerServer&) = delete;
  BrokerServer& operator=(const BrokerServer&) = delete;

  /// Begins with what the store has; before the first listen(). Throws what the store throws.
  void restore();
  /// Listens at every address of the endpoint's host; returns the last one's port. Throws
  /// std::invalid_argument or std::runtime_error naming the endpoint.
  std::uint16_t listen(ListenerConfig config);
  /// Accepts no more, ends every connection (5.0: DISCONNECT 0x8B), and calls `stopped` once they
  /// are gone, or stop_timeout is over. A second call ends it at once.
  void stop(std::function<void()> stopped);

  /// The answer to a question that an Access has answered `later`.
  void decide(RequestId request, Decision decision);
  /// The IP address at the other end of a link; empty if it has gone.
  [[nodiscard]] std::string address_of(LinkId link) const;
  /// Connections from now on use what `context` gives for their listener's transport.
  void renew_tls(const std::function<std::shared_ptr<const TlsContext>(Transport)>& context);

  [[nodiscard]] BrokerGauges gauges() const { return broker_.gauges(); }
  [[nodiscard]] const ServerGauges& sockets() const { return gauges_; }
  [[nodiscard]] std::size_t connections() const { return connections_.size(); }

 private:
  bool may_accept(Time now) override { return rate_.take(now); }
  [[nodiscard]] Time may_accept_at() const override { return rate_.next(); }
  void accepted(Listener& listener, int socket, std::string address) override;
  Peer& link(Connection& connection, const Introduction& introduction, Time now) override;
  void active(Connection& connection) override;
  void ended(Connection& connection, CloseCause cause) override;

  void settle();
  void commit();
  void name(Connection& connection);
  void bury();
  [[nodiscard]] Time deadline() const;
  void due();
  [[nodiscard]] LinkId unused_id();

  LogLines& log_;
  const ServerConfig config_;
  const BrokerTrace trace_;
  Store* store_;
  JournalPosition committed_ = 0;
  Broker broker_;
  ReadySet sockets_;
  AcceptRate rate_;
  std::deque<ListenerConfig> doors_;  // listeners refer to them
  std::vector<std::unique_ptr<Listener>> listeners_;
  std::unordered_map<LinkId, std::unique_ptr<Connection>> connections_;
  std::vector<Connection*> dirty_, flushed_, closed_;
  LinkId last_id_ = 0;
  ServerGauges gauges_;
  Timers<LinkId> timers_;
  Alarm alarm_;
  bool stopping_ = false;
  Time stop_at_ = never;
  std::function<void()> stopped_;
};

}  // namespace mqttlab::live
