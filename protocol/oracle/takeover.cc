#include "protocol/oracle/takeover.h"

#include <algorithm>

namespace mqttlab::oracle {

void Takeovers::challenged(Connection& connection, const Session& session) {
  Connection* older = model_.find_connection(session.connection);
  if (!older) return;
  older->challenged = true;
  connection.challenger = true;
}

// Whoever loses his connection to another device that bears his name need not come back.
void Takeovers::accepted(Connection& connection, const Session* session) {
  if (connection.challenger) model_.report.checked(Rule::one_conn);
  Connection* older = session ? model_.find_connection(session->connection) : nullptr;
  if (!older || older->broker.closed || older->number == connection.number) return;
  older->replaced_by = connection.number;
  older->replaced_at = model_.now;
  older->replaced_event = model_.event_index;
  Client* loser = model_.client_of(*older);
  if (loser && loser != model_.client_of(connection) && loser->connection == older->number)
    loser->content = true;
}

void Takeovers::answered(const Connection& connection) {
  if (connection.challenger) check_answered(connection, model_.now, true);
}

// Who authenticates in steps answers for the time between them.
void Takeovers::check_answered(const Connection& connection, Time until, bool ever) {
  const Time since = std::max(connection.connect_at, connection.broker.heard_at);
  const bool late = until > since + model_.settings.answer_within;
  if (ever || late) model_.report.checked(Rule::takeover_term);
  if (!late) return;
  model_.report.broken(
      Rule::takeover_term, until,
      "the broker had got the CONNECT of " + model_.who(connection) +
          ", whose client id had an older connection, at " + seconds(connection.connect_at) +
          " and " + (ever ? "answered it only at " : "had not answered it at ") + seconds(until),
      {connection.connect_event, model_.event_index});
}

void Takeovers::closed(const Connection& connection, const Event& event) {
  if (connection.challenger && !connection.broker.connack)
    check_answered(connection, model_.now, false);
  check_closed(connection, model_.now, false);
  check_told(connection, event);
}

// MQTT-3.1.4-2 (5.0: MQTT-3.1.4-3)
void Takeovers::check_closed(const Connection& connection, Time until, bool still_open) {
  const Time grace = model_.settings.host_grace + connection.lingers(until, model_.settings);
  if (connection.replaced_by == 0 || until <= connection.replaced_at + grace) return;
  model_.report.broken(Rule::one_conn, until,
                       "the broker accepted connection " + std::to_string(connection.replaced_by) +
                           " at " + seconds(connection.replaced_at) + " and " +
                           (still_open ? "never closed" : "closed only at " + seconds(until)) +
                           " the older one of the same client id, " + model_.who(connection),
                       {connection.connect_event, connection.replaced_event});
}

// v5 MQTT-3.1.4-3. On a link that was stuck nobody can tell what the broker wanted to say.
void Takeovers::check_told(const Connection& connection, const Event& event) {
  const bool own = event.code == static_cast<std::uint8_t>(CloseCause::local);
  if (connection.replaced_by == 0 || !connection.v5() || !own || connection.broker.ended) return;
  if (connection.dismissed ? connection.dismissal == session_taken_over
                           : connection.lingers(model_.now, model_.settings) > 0)
    return;
  model_.report.broken(
      Rule::one_conn, model_.now,
      "the broker closed " + model_.who(connection) + " at " + seconds(model_.now) +
          " for a newer connection of its client id " +
          (connection.dismissed ? "with another reason code than 0x8E" : "without DISCONNECT 0x8E"),
      {connection.connect_event, connection.replaced_event, model_.event_index});
}

void Takeovers::finish(Time end) {
  for (const Connection* connection : model_.connections()) {
    if (connection->broker.closed) continue;
    check_closed(*connection, end, true);
    if (connection->challenger && !connection->broker.connack)
      check_answered(*connection, end, false);
  }
}

}  // namespace mqttlab::oracle
