// Client: one MQTT client. Its session survives links; it decides when to dial and hands the host a
// Peer for each link.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "protocol/peer.h"
#include "protocol/session/authenticator.h"
#include "protocol/trace/log.h"
#include "protocol/wire/packet.h"

namespace mqttlab {

namespace client {
struct Image;
}

/// Wait before the n-th dial after a failure: initial * factor^n, at most `maximum`, less a random
/// part of up to `jitter` of it. Counting starts anew only when a link has been up for `stable`,
/// and was not taken over: two clients of one id would go on throwing each other off.
struct Backoff {
  Time initial = 1 * second;
  Time maximum = 60 * second;
  double factor = 2.0;
  double jitter = 0.5;
  Time stable = 10 * second;
};

struct ClientConfig {
  /// Empty: the server assigns one; in 5.0 it tells which, and later links use it.
  std::string client_id = {};
  ProtocolVersion version = ProtocolVersion::v3_1_1;
  /// Each start() begins without a session, and the session ends with its link, unless
  /// session_expiry_s says otherwise; an automatic reconnect goes on with it while it lasts. False:
  /// this client has a session from before it was made, with nothing in flight at its end. Either
  /// way Clean Start is set when, and only when, this end has no session (any more).
  bool clean_session = true;
  std::uint16_t keep_alive_s = 60;  ///< 0: none
  /// From PINGREQ to any byte; then the link is given up. PINGRESP itself may take a keep alive
  /// longer.
  Time ping_timeout = 10 * second;
  Time connect_timeout = 30 * second;  ///< from dial to CONNACK, and of a re-authentication
  std::optional<Will> will = {};
  std::optional<std::string> user_name = {};
  std::optional<std::string> password = {};
  bool reconnect = true;
  Backoff backoff = {};
  std::uint16_t window = 20;  ///< exchanges in flight
  /// The highest packet id that this end hands out. Less is for tests of ids that run out.
  std::uint16_t test_packet_id_max = 65'535;
  std::size_t queue_messages =
      1'000;  ///< accepted and not yet in flight, offline or behind a full window
  std::size_t queue_bytes = 1 << 20;
  /// Events not yet taken with poll(); then no link is read or wanted. As many may be completions;
  /// then no call is taken (queue_full).
  std::size_t inbox_messages = 1'000;
  std::size_t inbox_bytes = 4 << 20;        ///< the same in bytes of topic and payload
  std::size_t outbox_bytes = 256 << 10;     ///< per link; above it QoS 0 is dropped, the rest waits
  std::uint32_t max_packet_size = 1 << 20;  ///< bytes accepted from the server; 5.0 tells it so
  // Of 5.0 only:
  /// How long the session outlives its link, at both ends, unless the server decides otherwise;
  /// endless_expiry_s: for ever. Absent: what clean_session means in 3.1.1, that is 0 or for ever.
  std::optional<std::uint32_t> session_expiry_s = {};
  std::uint16_t receive_maximum = 65'535;  ///< QoS 1 and 2 exchanges that the server may have open
  std::uint16_t topic_alias_maximum = 0;   ///< aliases that the server may set
  std::uint16_t send_topic_alias_maximum = 0;  ///< and this end, as far as the server accepts them
  bool request_response_information = false;
  bool request_problem_information = true;
  Properties properties = {};  ///< User Properties of CONNECT
  /// Enhanced authentication, if any. Belongs to this client alone.
  std::shared_ptr<Authenticator> authenticator = {};
};

/// Names one call of publish, subscribe or unsubscribe; never 0, never reused within a client.
using Token = std::uint64_t;

struct Connected {
  bool session_present = false;
  Connack connack = {};  ///< in 5.0: assigned client id, limits, keep alive, ...
};
/// The server answered CONNECT with a refusal. Each attempt ends in one Refused or one
/// Disconnected.
struct Refused {
  ConnectReturn code{};        ///< 3.1.1
  ReasonCode reason{};         ///< 5.0
  Properties properties = {};  ///< 5.0: Reason String, Server Reference, ...
};
/// A link (or an attempt) ended. `violation` is set if the server broke a rule, `reason` says what
/// happened in words, `server` is its DISCONNECT, if it sent one (5.0).
struct Disconnected {
  std::optional<Violation> violation;
  std::string reason;
  std::optional<Disconnect> server = {};
};
enum class Outcome : std::uint8_t {
  done,     ///< QoS 1 and 2, SUBSCRIBE, UNSUBSCRIBE: answered in full. QoS 0: the transport took it
  failed,   ///< the session ended before the exchange was complete. QoS 0: no link to put it on, an
            ///< outbox over its limit, or a link that ended before the transport took it
  refused,  ///< 5.0: the server answered with an error code (0x80 and above), or had announced
            ///< beforehand that it would, so that nothing was sent
  expired,  ///< 5.0: the Message Expiry Interval was over before the message could be sent
};
struct Completed {
  Token token = 0;
  Outcome outcome = Outcome::done;
  std::vector<std::uint8_t> codes = {};     ///< SUBACK's, or UNSUBACK's of 5.0, one per filter
  ReasonCode reason = ReasonCode::success;  ///< 5.0: of the last answer, or why it was refused
  Properties properties = {};               ///< 5.0: of the last answer
};
/// The server has refused a filter that it had granted before and that was subscribed anew in a new
/// session. It is not wanted any more.
struct SubscriptionLost {
  Slice filter;
  std::uint8_t code = suback_failure;  ///< SUBACK's
};
/// The server has accepted a re-authentication (5.0). One that fails ends the link.
struct Reauthenticated {};
struct Received {
  Slice topic;
  Slice payload;
  QoS qos = QoS::at_most_once;
  bool retain = false;
  bool dup = false;
  Properties properties = {};  ///< 5.0: all but the Topic Alias
};
using ClientEvent = std::variant<Connected, Refused, Disconnected, Completed, SubscriptionLost,
                                 Reauthenticated, Received>;

class Client {
 public:
  /// `actor`: this client's name in the trace. `log` may be null and must outlive the client.
  /// Throws std::invalid_argument naming the field if the configuration is not valid (an empty
  /// client id without clean session, a will topic with wildcards, ...).
  Client(ClientConfig config, std::uint64_t seed, trace::Log* log, trace::Actor actor);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  /// Calls are numbered from here on, so that no token of this client's last process comes again.
  void number_after(Token last);
  [[nodiscard]] Token last_token() const;
  /// What must outlive the process (image.h), and a beginning with what an earlier one has left,
  /// before start(): its link is lost.
  [[nodiscard]] client::Image image() const;
  void restore(const client::Image& image, Time now);

  // The application's side.
  // While connected, what the server has announced that it does not take is a Misuse, too_large or
  // not_supported; what was accepted before completes as refused.
  void start(Time now);  ///< wants to be connected from now on
  /// DISCONNECT, close, stay offline; a session that outlives the link keeps its exchanges. In 5.0
  /// `how` may ask for the will (0x04), change the session expiry interval, though not from 0, and
  /// say why. A Misuse if it may not say so; then nothing has happened.
  std::optional<Misuse> stop(Time now, const Disconnect& how = {});
  /// QoS 1 and 2 may be published at any time: what cannot be sent waits in the queue. QoS 0 is
  /// sent now or not at all: while not connected it completes as failed at once. `properties`
  /// (5.0): those of PUBLISH but the Topic Alias, which is this client's own; a Message Expiry
  /// Interval counts from now.
  std::variant<Token, Misuse> publish(Slice topic, Slice payload, QoS qos, bool retain, Time now,
                                      Properties properties = {});
  /// `properties` (5.0): a Subscription Identifier, User Properties.
  std::variant<Token, Misuse> subscribe(std::vector<Subscription> subscriptions, Time now,
                                        Properties properties = {});
  /// `properties` (5.0): User Properties.
  std::variant<Token, Misuse> unsubscribe(std::vector<Slice> filters, Time now,
                                          Properties properties = {});
  /// Begins an enhanced authentication anew (5.0); it ends within connect_timeout, or the link
  /// does. A Misuse while not connected, without an authenticator, or before the last one has
  /// ended.
  std::optional<Misuse> reauthenticate(Time now);
  /// The next event for the application; taking a Received acknowledges it. The link may have
  /// something to write, and room to read, after it.
  std::optional<ClientEvent> poll(Time now);

  // The host's side.
  /// The host should dial now, and say so with dialing(); a dial still under way has been given up
  /// after connect_timeout and is to be dropped. Not while the inbox is full: poll() may change it.
  [[nodiscard]] bool wants_link() const;
  /// Where the server has sent this client (5.0: Server Reference): one or more servers between
  /// spaces, as a rule `host` or `host:port`; empty: nowhere. A host that can dials there, the way
  /// that it would have dialed its own server. After 0x9C that holds for one attempt, and the link
  /// that comes of it.
  [[nodiscard]] std::string_view server_reference() const;
  void dialing(Time now);
  /// The transport is up: a new link, valid until the next dialed(). If nobody waits for it any
  /// more it is finished() at once.
  Peer& dialed(Time now);
  void dial_failed(CloseCause cause, Time now);
  [[nodiscard]] Peer* link();  ///< the present link, or null; null after its closed()
  void advance(Time now);      ///< runs due timers, the link's included
  [[nodiscard]] Time deadline() const;
  [[nodiscard]] bool has_events() const;  ///< poll() would give something

  [[nodiscard]] bool connected() const;      ///< CONNACK accepted on the present link
  [[nodiscard]] std::size_t queued() const;  ///< messages not yet in flight
  [[nodiscard]] std::size_t in_flight() const;
  [[nodiscard]] const ClientConfig& config() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace mqttlab
