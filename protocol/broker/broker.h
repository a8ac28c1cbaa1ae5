// Broker: sessions and routing. One object; it hands out a Peer for each accepted link.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "protocol/broker/access.h"
#include "protocol/broker/config.h"
#include "protocol/peer.h"
#include "protocol/trace/log.h"

namespace mqttlab {

class Journal;
namespace journal {
class Image;
}

/// What a broker counts about itself; `$SYS` shows the same.
struct BrokerGauges {
  std::uint64_t connections = 0, sessions = 0, subscriptions = 0, retained = 0;
  std::uint64_t retained_bytes = 0;  ///< topics, properties and payloads
  std::uint64_t most_connections = 0;
  std::uint64_t connects_accepted = 0, connects_refused = 0;
  std::uint64_t sessions_expired = 0;  ///< ended by their Session Expiry Interval, while away
  std::uint64_t queued_messages = 0, in_flight = 0;
  std::uint64_t session_bytes = 0;  ///< of both, without fixed header and packet id
  std::uint64_t pending_wills = 0;  ///< of clients that are gone: not published yet
  std::uint64_t packets_received = 0, packets_sent = 0, bytes_received = 0, bytes_sent = 0;
  std::uint64_t messages_received = 0, messages_sent = 0, messages_dropped = 0;
  /// The last, by trace::DropReason.
  std::array<std::uint64_t, static_cast<std::size_t>(trace::DropReason::expired) + 1> dropped_for{};
};

/// How a link has gone so far, for a host's log. Views are valid until release().
struct LinkReport {
  std::string_view client_id;  ///< empty: no CONNECT has come
  bool was_accepted = false;   ///< CONNECT was answered with success
  bool said_goodbye = false;   ///< the client has sent DISCONNECT
  bool was_silent = false;     ///< no CONNECT has come within connect_timeout
  /// Why the broker has refused or ended it; success: it has not, or for nothing with a code.
  ReasonCode reason = ReasonCode::success;
  std::string_view broken;  ///< the statement that the client has broken, if it has
};

class Broker {
 public:
  /// `access` may be null: everybody may do everything. `log` may be null. `journal` may be null:
  /// the broker's state ends with it. What they refer to must outlive the broker. The broker
  /// records in the log what the wire cannot show: messages dropped with their reason, sessions
  /// that ended. `unix_offset` gives Unix time less the host's at present, in ns; null: 0. It is
  /// asked for each deadline that is recorded or restored, since a machine may learn the time late;
  /// what was recorded before that stays wrong. Throws std::invalid_argument naming a field of
  /// `config` that cannot work.
  Broker(BrokerConfig config, std::uint64_t seed, Access* access, trace::Log* log,
         trace::Actor actor, Journal* journal = nullptr, std::function<Time()> unix_offset = {});
  ~Broker();
  Broker(const Broker&) = delete;
  Broker& operator=(const Broker&) = delete;

  /// Begins with what an earlier broker has left, before anything else: every session is without a
  /// link, and what has become due meanwhile happens now. A client that was connected is taken to
  /// have lost its link now.
  void restore(const journal::Image& image, Time now);
  /// The journal's steps up to this one are safe: what waited for them may leave (peer.h).
  void committed(JournalPosition position);
  /// A transport has been accepted. The Peer lives until release(). Over max_connections it is
  /// finished() at once. `certificate`: the client's X.509 identity, as the transport established
  /// it; empty: none.
  Peer& accept(LinkId link, Time now, std::string_view certificate = {});
  /// The host has closed the socket and is done with this Peer (after closed(), or after
  /// finished()).
  void release(LinkId link);
  /// Of a link that has not been released.
  [[nodiscard]] LinkReport report(LinkId link) const;
  /// Links with bytes to write, or finished, since the last call: in order, each once. Valid until
  /// the next call.
  [[nodiscard]] std::span<const LinkId> touched();
  /// The answer to a question that was answered `later`. Ignored if its link has gone, or if it
  /// came too late: not within connect_timeout, which is a denial.
  void decide(RequestId request, Decision decision, Time now);
  /// Ends a client's connection (5.0: DISCONNECT with `reason`, by which 0x98 means an
  /// administrator). Its session lives on, its will is published. False if it has none.
  /// Throws std::invalid_argument for a reason that a server's DISCONNECT cannot carry.
  bool disconnect(std::string_view client_id, ReasonCode reason, Time now);
  /// Ends every connection (5.0: DISCONNECT 0x8B) and accepts no more.
  void shut_down(Time now);
  void advance(Time now);
  [[nodiscard]] Time deadline() const;
  [[nodiscard]] BrokerGauges gauges() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace mqttlab
