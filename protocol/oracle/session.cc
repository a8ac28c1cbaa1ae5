#include "protocol/oracle/session.h"

namespace mqttlab::oracle {

void Sessions::connect_arrived(Connection& connection, const Event& event) {
  connection.connect = &model_.log->detail<trace::ConnectDetail>(event.detail);
  connection.client_id = event.text;
  connection.connect_at_broker = true;
  connection.connect_at = event.at;
  connection.connect_event = model_.event_index;
  Identity& identity = model_.identity(connection);
  const Session* session = model_.session(identity.session);
  if (!session || session->connection == 0) return;
  if (Connection* older = model_.find_connection(session->connection)) {
    older->challenged = true;
    connection.challenger = true;
  }
}

void Sessions::connack_written(Connection& connection, const Event& event) {
  connection.code = event.code;
  if (!connection.connect) return;
  if (event.code != 0) return check_present(connection, event, false);
  Identity& identity = model_.identity(connection);
  Session* session = model_.session(identity.session);
  if (connection.challenger) model_.report.checked(Rule::one_conn);
  if (session && session->connection != 0) take_over(connection, *session);
  const bool clean = connection.connect->clean_session;
  const bool expected = session && !session->clean && !clean;
  const bool tells = connection.connect->version != ProtocolVersion::v3_1;
  if (tells && !identity.doubtful) check_present(connection, event, expected);
  identity.doubtful = false;
  // From here on the broker is taken at its word, so that one wrong answer is one finding.
  const bool resumed = tells ? event.flags != 0 && !clean : expected;
  if (!resumed || !session || session->clean) {
    end(identity.session);
    session = &model_.begin_session(identity, connection.client_id, clean);
  }
  connection.broker.resumed = resumed;
  connection.session = session->id;
  session->connection = connection.number;
}

void Sessions::check_present(const Connection& connection, const Event& event, bool expected) {
  model_.report.checked(Rule::sp_truth);
  const bool present = event.flags != 0;
  if (present == expected) return;
  const std::string asked = connection.connect->clean_session ? "1" : "0";
  model_.report.broken(Rule::sp_truth, event.at,
                       "the broker answered the CONNECT of " + model_.who(connection) +
                           " (clean session " + asked + ") at " + seconds(event.at) +
                           " with return code " + std::to_string(event.code) +
                           " and session present " + (present ? "1" : "0") + "; " +
                           (expected ? "it must still have a session of this client id"
                                     : "no session can have been continued"),
                       {connection.connect_event, model_.event_index});
}

void Sessions::end(std::uint32_t id) {
  if (Session* session = model_.session(id)) intake_.give_up(*session, 0);
  model_.end_session(id);
}

// MQTT-3.1.4-2
void Sessions::take_over(Connection& connection, Session& session) {
  Connection* older = model_.find_connection(session.connection);
  if (!older || older->broker.closed || older->number == connection.number) return;
  older->replaced_by = connection.number;
  older->replaced_at = model_.now;
  older->replaced_event = model_.event_index;
}

void Sessions::check_replaced(const Connection& connection, Time until, bool still_open) {
  if (connection.replaced_by == 0 || until <= connection.replaced_at + host_grace) return;
  model_.report.broken(Rule::one_conn, until,
                       "the broker accepted connection " + std::to_string(connection.replaced_by) +
                           " at " + seconds(connection.replaced_at) + " and " +
                           (still_open ? "never closed" : "closed only at " + seconds(until)) +
                           " the older one of the same client id, " + model_.who(connection),
                       {connection.connect_event, connection.replaced_event});
}

void Sessions::detach(Connection& connection) {
  Session* session = model_.session(connection.session);
  if (!session || session->connection != connection.number) return;
  session->connection = 0;
  if (session->clean) end(session->id);  // MQTT-3.1.2-6
}

void Sessions::closed(Connection& connection) {
  check_replaced(connection, model_.now, false);
  // The broker may have acted on a CONNECT whose answer it could not write any more.
  if (connection.connect_at_broker && !connection.broker.connack)
    model_.identity(connection).doubtful = true;
  detach(connection);
}

void Sessions::ended(const Event& event) {
  Identity* identity = model_.find_identity(event.text);
  Session* session = identity ? model_.session(identity->session) : nullptr;
  if (!session) return;
  if (session->clean) {
    end(session->id);
  } else if (session->connection == 0) {
    // Nothing is owed any more. That the session may end is another question: SP-TRUTH asks it.
    session->records.clear();
    session->history.clear();
    session->retained_due.clear();
  }
}

void Sessions::finish(Time end) {
  for (const Connection* connection : model_.connections())
    if (!connection->broker.closed) check_replaced(*connection, end, true);
}

}  // namespace mqttlab::oracle
