#include "protocol/oracle/session.h"

#include <algorithm>

#include "protocol/oracle/crash.h"

namespace mqttlab::oracle {
namespace {

bool finite(const Session& session) {
  return session.outlives_s != 0 && session.outlives_s != endless_expiry_s;
}

// The latest instant at which the broker may still have the session.
Time over_at(const Session& session, const Settings& settings) {
  if (!finite(session)) return never;
  return after(session.gone_at, session.outlives_s) + settings.host_grace;
}

}  // namespace

void Sessions::connect_arrived(Connection& connection, const Event& event) {
  connection.connect = &model_.log->detail<trace::ConnectDetail>(event.detail);
  connection.keep_alive_s = connection.connect->keep_alive_s;
  connection.client_id = event.text;
  connection.connect_at_broker = true;
  connection.connect_at = event.at;
  connection.connect_event = model_.event_index;
  Identity& identity = model_.identity(connection);
  identity.connecting = connection.number;
  const Session* session = model_.session(identity.session);
  if (session) takeovers_.challenged(connection, *session);
}

void Sessions::connack_written(Connection& connection, const Event& event) {
  connection.code = event.code;
  if (!connection.connect) return;
  if (event.code != 0) return check_present(connection, event, Rule::sp_truth, false);
  if (event.detail != 0) {
    const auto& connack = model_.log->detail<trace::ConnackDetail>(event.detail);
    connection.keep_alive_s = connack.server_keep_alive_s.value_or(connection.keep_alive_s);
    model_.assign(connection, connack.assigned_client_id);
  }
  Identity& identity = model_.identity(connection);
  const Session* session = model_.session(identity.session);
  const bool clean = connection.connect->clean_session;
  const Fate known = clean ? Fate::none : fate(session, connection);
  const bool tells = connection.connect->version != ProtocolVersion::v3_1;
  const bool expires = !clean && (session ? finite(*session) : identity.expired);
  if (tells && !identity.doubtful && !identity.torn && known != Fate::open) {
    if (expires) model_.report.checked(Rule::sess_expiry);
    check_present(connection, event, expires ? Rule::sess_expiry : Rule::sp_truth,
                  known == Fate::alive);
  }
  if (tells && !identity.doubtful) model_.crashes->answered(session, clean, event.flags != 0);
  // From here on the broker is taken at its word, so that one wrong answer is one finding.
  begin(connection, identity, tells ? event.flags != 0 && !clean : known == Fate::alive);
  if (event.detail != 0) {
    const auto& connack = model_.log->detail<trace::ConnackDetail>(event.detail);
    Session& begun = *model_.session(connection.session);
    begun.outlives_s = connack.session_expiry_s.value_or(begun.outlives_s);
  }
}

void Sessions::begin(Connection& connection, Identity& identity, bool resumed) {
  Session* session = model_.session(identity.session);
  const bool goes_on = resumed && session && session->outlives_s != 0;
  takeovers_.accepted(connection, session);
  if (goes_on) {
    wills_.resumed(*session);
  } else {
    end(session);
    session = &model_.begin_session(identity, connection.client_id);
    session->begun_at = connection.connect_at;
    session->answered_at = model_.now;
  }
  session->connected_at = model_.now;
  identity.doubtful = identity.expired = identity.torn = false;
  connection.broker.resumed = resumed;
  connection.session = session->id;
  session->connection = session->last_connection = connection.number;
  session->outlives_s = connection.connect->outlives_s();
}

// MQTT-3.1.2-5, MQTT-3.1.2-6, MQTT-3.1.2-23, MQTT-4.1.0-2. A session that ends with its connection
// is not continued by a takeover.
Sessions::Fate Sessions::fate(const Session* session, const Connection& connection) const {
  if (!session || session->outlives_s == 0) return Fate::none;
  if (session->connection != 0 || !finite(*session)) return Fate::alive;
  if (model_.now < after(session->left_at, session->outlives_s) - model_.settings.host_grace)
    return Fate::alive;
  const bool over =
      session->gone_at != 0 && connection.connect_at > over_at(*session, model_.settings);
  return over ? Fate::none : Fate::open;
}

void Sessions::check_present(const Connection& connection, const Event& event, Rule rule,
                             bool expected) {
  if (rule != Rule::sp_truth) model_.report.checked(Rule::sp_truth);
  const bool present = event.flags != 0;
  if (present == expected) {
    if (rule == Rule::sp_truth) model_.report.checked(rule);
    return;
  }
  const std::string asked = connection.connect->clean_session ? "1" : "0";
  const char* clean = connection.connect->v5() ? " (clean start " : " (clean session ";
  model_.report.broken(rule, event.at,
                       "the broker answered the CONNECT of " + model_.who(connection) + clean +
                           asked + ") at " + seconds(event.at) + " with code " +
                           std::to_string(event.code) + " and session present " +
                           (present ? "1" : "0") + "; " +
                           (expected ? "it must still have a session of this client id"
                            : rule == Rule::sess_expiry ? "the session's expiry interval was over"
                                                        : "no session can have been continued"),
                       {connection.connect_event, model_.event_index});
}

void Sessions::end(Session* session) {
  if (!session) return;
  if (Identity* identity = model_.find_identity(session->client_id))
    discards_.discarded(*identity, *session);
  intake_.give_up(*session, 0);
  wills_.session_over(*session);
  model_.end_session(session->id);
}

// A session that somebody is connecting to is left to the answer that he gets.
void Sessions::expire() {
  Session* session = model_.session(expiring_.top().second);
  const Time due = expiring_.top().first;
  expiring_.pop();
  if (!session || session->connection != 0 || over_at(*session, model_.settings) != due) return;
  if (model_.connecting(session->client_id)) return;
  if (Identity* identity = model_.find_identity(session->client_id)) identity->expired = true;
  end(session);
}

// U-3.14.2.2.2-2: where CONNECT asked for 0, DISCONNECT cannot ask for more.
void Sessions::disconnected(Connection& connection, const Event& event) {
  Session* session = model_.session(connection.session);
  if (session && session->connection == connection.number && event.detail != 0 &&
      connection.connect->session_expiry_s != 0)
    session->outlives_s =
        model_.log->detail<trace::DisconnectDetail>(event.detail).session_expiry_s;
  detach(connection);
}

// The link is of no more use to the session.
void Sessions::detach(Connection& connection) {
  Session* session = model_.session(connection.session);
  if (!session || session->connection != connection.number) return;
  session->connection = 0;
  session->left_at = std::max(connection.broker.heard_at,
                              model_.now - connection.lingers(model_.now, model_.settings));
  session->gone_at = 0;
  if (session->outlives_s == 0) end(session);  // v3 MQTT-3.1.2-6
}

void Sessions::closed(Connection& connection) {
  // The broker may have acted on a CONNECT whose answer it could not write any more.
  if (connection.connect_at_broker && !connection.broker.connack)
    model_.identity(connection).doubtful = true;
  detach(connection);
  Session* session = model_.session(connection.session);
  if (!session || session->connection != 0 || session->last_connection != connection.number) return;
  session->gone_at = model_.now;
  if (finite(*session)) expiring_.emplace(over_at(*session, model_.settings), session->id);
}

void Sessions::ended(const Event& event) {
  Identity* identity = model_.find_identity(event.text);
  Session* session = identity ? model_.session(identity->session) : nullptr;
  if (!session) return;
  if (Connection* connection = model_.find_connection(session->connection))
    connection->session_ended_at = model_.now;
  if (session->outlives_s == 0) {
    end(session);
  } else if (session->connection == 0) {
    // Nothing is owed any more. That the session may end is another question: SP-TRUTH asks it.
    discards_.discarded(*identity, *session);
    intake_.give_up(*session, 0);
    session->records.clear();
    session->history.clear();
    session->retained_due.clear();
  }
}

}  // namespace mqttlab::oracle
