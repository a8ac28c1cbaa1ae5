// Model: the oracle's own picture of a run, from the wire alone. Sessions as the broker must hold
// them, clients as their bytes show them, connections with what has passed at either end.
#pragma once

#include <cstdint>
#include <deque>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "protocol/oracle/condition.h"
#include "protocol/oracle/record.h"
#include "protocol/oracle/report.h"
#include "protocol/oracle/table.h"
#include "protocol/trace/log.h"

namespace mqttlab::oracle {

using trace::Actor;
using trace::End;
using trace::Kind;

inline constexpr Time never = std::numeric_limits<Time>::max();

/// The instant `interval_s` after another, where endless_expiry_s means never.
[[nodiscard]] constexpr Time after(Time from, std::uint32_t interval_s) {
  return interval_s == endless_expiry_s ? never : from + interval_s * second;
}

/// A sender that has gone on writing other packets for so long after a resume, and after the last
/// exchange that it continued, is quiet.
inline constexpr Time quiet_after = 10 * second;

inline constexpr std::uint8_t session_taken_over = 0x8E;  ///< reason code of DISCONNECT

/// How long after its last byte has arrived a sender may take to find its link free again.
inline constexpr Time link_grace = 1 * second;

/// What one SUBSCRIBE asks for.
struct Wish {
  static constexpr std::uint8_t none = 0xFF;
  std::uint8_t qos = none;
  trace::FilterDetail options{};
  std::uint32_t identifier = 0;

  /// Whether a message of this client's own, or another's, is wanted (MQTT-3.8.3-3).
  [[nodiscard]] bool wants(bool own) const { return qos != none && !(own && options.no_local()); }
};
/// A subscription of one session to one filter. From SUBSCRIBE to SUBACK it may be in force
/// already, from UNSUBSCRIBE to UNSUBACK it may still be: what is due must be due in any case, what
/// is allowed may be allowed in any.
struct Subscriber {
  std::uint32_t session = 0;
  Wish granted;          ///< by SUBACK
  Wish asked;            ///< by a SUBSCRIBE without SUBACK yet
  bool leaving = false;  ///< UNSUBSCRIBE has arrived, UNSUBACK was not written yet
  Time since = 0;        ///< when SUBACK was written
  /// A `$share/...` of 3.1.1, where many brokers serve shares as 5.0 knows them, and the standard
  /// knows only a filter: it stands as both, and nothing is due by it.
  bool perhaps = false;
  std::uint8_t had_qos = 0;     ///< bit q: QoS q has been granted
  std::uint8_t had_retain = 0;  ///< bit r: with Retain As Published r
};
/// The members of a shared subscription together: each message goes to one of them.
struct Group : Memory {
  Time left_at = 0;  ///< when the last of them left, or its session ended
};
struct Filter {
  Text text = 0;
  std::vector<Subscriber> subscribers;
  std::unique_ptr<Group> group;  ///< of a shared subscription
  struct Former {
    std::uint32_t session;
    std::uint64_t event;  ///< index of UNSUBACK
    Subscriber was;
  };
  std::vector<Former> former;  ///< sessions that have unsubscribed
};

/// A retained message that a new subscription is owed.
struct RetainedDue {
  Text topic = 0;
  std::uint64_t message = 0;
  std::uint64_t event = 0;  ///< index of SUBSCRIBE
  Time at = 0;
  std::uint32_t filter = 0;
  bool partly = false;  ///< others of the same SUBSCRIBE have been sent
};

/// A session as the broker must hold it; from CONNACK until it ends.
struct Session : Memory {
  std::uint32_t id = 0;
  Text client_id = 0;
  /// How long it outlives its last connection; 0: it ends with it, endless_expiry_s: for ever.
  std::uint32_t outlives_s = 0;
  std::uint32_t connection = 0;       ///< 0: the client is away
  std::uint32_t last_connection = 0;  ///< the one that it has or had
  Time left_at = 0;                   ///< DISCONNECT came, or the link's end was seen
  Time gone_at = 0;                   ///< the link's end was seen; 0: not yet
  Time begun_at = 0;                  ///< the CONNECT that began it arrived
  Time answered_at = 0;               ///< and was answered
  Time connected_at = 0;              ///< CONNACK of its last connection was written
  Time progress_at = 0;  ///< the broker last began to send a message, or an acknowledgement came
  bool closed_in_order = false;  ///< by its client, its last connection
  std::vector<std::uint32_t> filters, former_filters;
  std::uint64_t subscriptions_changed = 0;  ///< event of the last SUBSCRIBE, UNSUBSCRIBE or answer
  std::vector<RetainedDue> retained_due;
  Table<std::uint32_t> retained_open;  ///< by topic + 1: SUBSCRIBEs whose copy may still come
  Table<std::uint64_t> retained_seen;  ///< by topic, QoS: the newest value's acceptance, plus 1
  /// By publisher, topic, QoS: the acceptance of the last sent
  Table<std::uint64_t> sent_on_will_topic;
  /// (filter, identifier) of every SUBSCRIBE that had one
  std::vector<std::pair<std::uint32_t, std::uint32_t>> identifiers;
  Table<Exchange> out;  ///< by packet id, broker to client
  Table<Inbound> in;    ///< by packet id, client to broker
};

/// What has arrived at a client and was not handed to the application yet.
struct Arrival {
  std::uint32_t waiting[3] = {0, 0, 0};  ///< by QoS; at QoS 2 without repeats of one exchange
  std::uint32_t session = 0;             ///< it came through
  std::uint64_t event = 0;               ///< index of the first of those that wait
};

/// A client as its end of the wire shows it: one client id on one device.
struct Client {
  std::uint32_t id = 0;
  Actor actor = 0;
  Text client_id = 0;
  std::uint32_t connection = 0;  ///< the last one
  bool dead = false;             ///< its process has died
  bool guest = false;            ///< a program that may not want to be connected
  bool content = false;     ///< it said DISCONNECT, was stopped or refused: it need not come back
  Time stopped_at = 0;      ///< when it was stopped while not connected; 0: it was not
  Time lost_at = 0;         ///< when its last connection ended
  Time flaps_since = 0;     ///< when the first of `flaps` ended
  std::uint32_t flaps = 0;  ///< connections in a row, since the last phase began, that did not last
  std::uint64_t lost_event = 0;
  Time handed_at = 0;                 ///< its application last took a message
  Table<Exchange> out;                ///< by packet id, client to broker
  Table<std::uint64_t> in;            ///< QoS 2 packet ids that wait for PUBREL: the message
  Table<std::uint64_t> forgotten;     ///< by packet id: messages of exchanges of an older session
  Table<Arrival> arrivals;            ///< by message
  std::uint32_t ordered_session = 0;  ///< of `delivered`
  struct Delivered {
    std::uint64_t accepted = 0, arrived = 0;  ///< indices + 1; 0: none yet
  };
  Table<Delivered> delivered;  ///< by publisher, topic, QoS: the last first delivery
};

/// What one end may send on a connection, and what of it is under way.
struct Window {
  std::uint32_t limit = 0;              ///< the other end's Receive Maximum; 0: none, or not known
  std::uint32_t packet_limit = 0;       ///< its Maximum Packet Size in bytes; 0: as above
  std::uint16_t alias_limit = 0;        ///< its Topic Alias Maximum
  std::uint32_t open = 0, peak = 0;     ///< QoS 1 and 2 PUBLISHes of this connection, not settled
  Time full_since = 0, full_until = 0;  ///< the last time that `open` was at the limit
  Time idle_since = 0;                  ///< `open` is below its peak from then on
  struct Resend {
    std::uint64_t event;  ///< index of the first PUBLISH
    std::uint16_t packet_id;
  };
  std::vector<Resend> resends{};  ///< PUBLISHes to be sent again after a resume, oldest first
  std::size_t resent = 0;         ///< of them done with, from the front

  [[nodiscard]] bool full() const { return limit != 0 && open >= limit; }
};

/// What one end of a connection has shown.
struct Side {
  bool opened = false, closed = false;
  Time opened_at = 0;
  Time wrote_at = 0;      ///< last packet written
  Time published_at = 0;  ///< last PUBLISH of QoS 1 or 2 written
  Time heard_at = 0;      ///< last packet arrived
  Time resent_at = 0;     ///< last packet that continued an exchange of an earlier connection
  std::uint64_t written = 0, arrived = 0;  ///< packets
  bool malformed_in = false, malformed_out = false;
  bool tail_out = false;  ///< bytes of a packet that is not whole were written
  bool tail_in = false;   ///< bytes of a packet that is not whole had arrived
  bool ended = false;     ///< DISCONNECT written (client) or arrived (broker)
  bool connack = false;   ///< written (broker) or arrived (client)
  Time connack_at = 0;
  std::uint64_t connack_event = 0;
  bool resumed = false;               ///< with session present 1
  std::vector<std::uint16_t> strays;  ///< ids of PUBRECs that answer nothing, of late
  Time stray_at = 0;                  ///< when the last of them arrived
  Window window;

  [[nodiscard]] bool open() const { return opened && !closed; }
};

/// `waiting`: its connection is over and its delay is not.
enum class WillState : std::uint8_t { none, armed, cancelled, waiting, due };

struct Connection {
  std::uint32_t number = 0;
  Side client, broker;
  const trace::ConnectDetail* connect = nullptr;
  std::uint16_t keep_alive_s = 0;  ///< CONNECT's, or what CONNACK put in its place
  bool connect_at_broker = false;
  Time connect_at = 0;  ///< CONNECT arrived at the broker
  std::uint64_t connect_event = 0;
  Text client_id = 0;
  Actor device = 0;
  bool guest = false;  ///< the client is a program of which only packets are in the trace
  std::uint32_t client_index = 0;  ///< 1-based; 0: no CONNECT written yet
  std::uint32_t session = 0;       ///< at the broker; 0: none (yet)
  std::uint8_t code = 0xFF;        ///< CONNACK's
  WillState will = WillState::none;
  Time will_seen_at = 0;  ///< published before the broker's host had closed the link
  std::uint64_t will_event = 0;
  bool will_justified = false;  ///< the broker had a visible reason to end this connection
  bool challenged = false;      ///< a later CONNECT with this client id has arrived
  bool challenger = false;      ///< its CONNECT found an older connection with its client id
  /// An older connection of its client id ended only after this one was accepted.
  Time older_closed_at = 0;
  std::uint64_t older_closed_event = 0;
  Time session_ended_at = 0;      ///< the broker said so while this connection had the session
  bool told_off = false;          ///< its DISCONNECT 0x8E has arrived at the client
  bool dismissed = false;         ///< the broker has written DISCONNECT
  std::uint8_t dismissal = 0;     ///< its reason code
  std::uint32_t replaced_by = 0;  ///< the connection that took over: its CONNECT was accepted
  Time replaced_at = 0;
  std::uint64_t replaced_event = 0;
  struct Request {
    std::uint16_t packet_id;
    std::uint32_t detail;
    std::uint64_t event;
    bool subscribe;
  };
  std::vector<Request> at_client, at_broker;  ///< SUBSCRIBE and UNSUBSCRIBE without answer
  /// What arrived before CONNACK was written.
  struct Early {
    Event event;
    std::uint64_t index;
    std::uint64_t passed_on =
        0;  ///< event at which a PUBLISH of them was sent to somebody; 0: none
    Time passed_on_at = 0;
  };
  std::vector<Early> early;

  [[nodiscard]] Side& side(End end) { return end == End::client ? client : broker; }
  /// Nothing that this end has written is under way: it can write what it likes.
  [[nodiscard]] bool link_free(End end, Time now) const {
    const Side& from = end == End::client ? client : broker;
    const Side& to = end == End::client ? broker : client;
    return to.arrived >= from.written && now > to.heard_at + link_grace;
  }
  [[nodiscard]] bool accepted() const { return connect && broker.connack && code == 0; }
  [[nodiscard]] bool v5() const { return connect && connect->v5(); }
  /// The broker's packet was written when it was encoded: what came before it has all arrived, and
  /// it fits the transport whole.
  static constexpr std::uint32_t fits_any_buffer_bytes = 200;
  [[nodiscard]] bool taken_at_once(const Event& event) const {
    return link_free(End::broker, event.at) && event.bytes <= fits_any_buffer_bytes;
  }
  /// How long before its link's end is seen the broker may have given the connection up: it has
  /// DISCONNECT to write, and cannot while the link is stuck.
  [[nodiscard]] Time lingers(Time now, const Settings& settings) const {
    const bool stuck = broker.tail_out || !link_free(End::broker, now);
    return v5() && stuck ? settings.answer_within : 0;
  }
};

/// A PUBLISH that came in with so many bytes may be over the Maximum Packet Size of this receiver
/// when it goes out, with identifiers of its own.
[[nodiscard]] inline bool too_large(std::uint32_t bytes, const Connection& receiver) {
  constexpr std::uint64_t more_bytes = 64;
  return receiver.connect && bytes + more_bytes > receiver.connect->max_packet_size;
}

/// What the broker must know of a client id.
struct Identity {
  std::uint32_t session = 0;
  bool doubtful = false;  ///< a CONNECT was not answered: there may or may not be a session now
  bool torn = false;      ///< a torn store may have lost the session
  bool expired = false;   ///< the last session's time was over
  std::uint32_t discarded_session = 0;  ///< the last that ended with something under way:
  Table<bool> discarded;                ///< its messages
  Table<bool> discarded_out;            ///< packet ids of its QoS 2 exchanges, broker to client
  std::uint32_t connecting = 0;         ///< the connection of the last CONNECT that arrived
};

/// When unfinished business counts as a failure: what began before `before` and has not ended.
struct Deadline {
  bool known = false;
  Time before = 0;
};

class Crashes;

class Model {
 public:
  Model(const Settings& given, Report& sink) : settings(given), report(sink) {}

  const Settings& settings;
  Report& report;
  const trace::Log* log = nullptr;
  Conditions conditions;
  Crashes* crashes = nullptr;
  [[nodiscard]] const DeviceFacts& facts(Actor device) const;
  void know(Actor device, const DeviceFacts& facts);
  Time now = 0;
  std::uint64_t event_index = 0;  ///< of the present event

  /// A packet arrived at the broker's end of a connection.
  void broker_heard(std::uint32_t connection);
  /// Whether, since the event of that index, the broker has heard other connections too: then it
  /// may have handled what came in another order.
  [[nodiscard]] bool broker_heard_others(std::uint32_t connection, std::uint64_t since) const;

  [[nodiscard]] Connection& connection(std::uint32_t number);
  [[nodiscard]] Connection* find_connection(std::uint32_t number);
  void forget_connection(std::uint32_t number);
  [[nodiscard]] std::vector<Connection*> connections();  ///< those not forgotten, by number

  [[nodiscard]] Identity& identity(const Connection& connection);
  [[nodiscard]] Identity* find_identity(Text client_id);
  /// A CONNECT of this client id that has arrived and was not answered; null: none.
  [[nodiscard]] const Connection* connecting(Text client_id);
  /// CONNACK gave a client without an id one (MQTT-3.1.3-7): at the broker, and at the client.
  void assign(Connection& connection, Text client_id);
  void assigned(const Connection& connection);
  [[nodiscard]] Session* session(std::uint32_t id);  ///< null: ended
  Session& begin_session(Identity& identity, Text client_id);
  void end_session(std::uint32_t id);
  [[nodiscard]] std::vector<Session*> sessions();  ///< alive, oldest first
  [[nodiscard]] std::size_t doubtful() const;      ///< client ids that may have one more
  [[nodiscard]] Record& record(Memory& memory, std::uint64_t message);

  [[nodiscard]] Client& client(Actor actor, const Connection& connection);
  [[nodiscard]] Client* client_of(const Connection& connection);
  [[nodiscard]] const std::vector<std::uint32_t>& clients_of(Actor actor);
  [[nodiscard]] Client& client_at(std::uint32_t index) { return clients_[index - 1]; }
  [[nodiscard]] std::deque<Client>& clients() { return clients_; }

  /// Filters that match the topic, whoever subscribed to them.
  [[nodiscard]] const std::vector<std::uint32_t>& matching(Text topic);
  [[nodiscard]] bool system_topic(Text topic);
  [[nodiscard]] Filter& filter(std::uint32_t index) { return filters_[index]; }
  /// What a filter stands for: a share and, on a connection before 5.0, the words themselves.
  [[nodiscard]] std::vector<std::uint32_t> filters_of(Text text, bool v5);
  [[nodiscard]] std::uint32_t filters() const {
    return static_cast<std::uint32_t>(filters_.size());
  }
  [[nodiscard]] Subscriber* subscriber(std::uint32_t filter, std::uint32_t session);
  void unsubscribe(Session& session, std::uint32_t filter);
  void resubscribe(Session& session, std::uint32_t filter);  ///< it is no former one any more

  [[nodiscard]] bool matches(const Filter& filter, Text topic) const;

  // Words for violations.
  [[nodiscard]] std::string quoted(Text text) const;
  [[nodiscard]] std::string who(const Connection& connection) const;  ///< client 'meter-007'
  [[nodiscard]] std::string who(Text client_id, Actor device) const;
  /// The same with its connection, or: the broker, to client 'meter-007' (connection 3),
  [[nodiscard]] std::string sender(const Connection& connection, End end) const;

 private:
  static constexpr std::size_t remembered = 65'536;  // messages per session, delivered or not
  struct Topic {
    std::vector<std::uint32_t> filters;
    std::uint32_t examined = 0;
    bool known = false, system = false;
  };
  Topic& topic(Text text);
  [[nodiscard]] std::uint32_t filter_index(Text text, bool shared);

  struct Heard {
    std::uint32_t connection = 0;
    std::uint64_t event = 0;
  };
  std::map<Actor, DeviceFacts> facts_;
  Heard heard_last_, heard_before_;  // on two connections
  Table<std::unique_ptr<Connection>> connections_;
  std::deque<Identity> identities_;
  Table<std::uint32_t> identity_index_;             // client id + 1, or connection: 1-based
  std::vector<std::unique_ptr<Session>> sessions_;  // by id - 1; null: ended
  std::deque<Client> clients_;
  Table<std::uint32_t> client_index_;  // actor and client id: 1-based
  std::vector<std::vector<std::uint32_t>> clients_of_;
  std::vector<Filter> filters_;
  Table<std::uint32_t> filter_index_;  // text + 1, shared or not: 1-based
  std::vector<Topic> topics_;          // by text
};

}  // namespace mqttlab::oracle
