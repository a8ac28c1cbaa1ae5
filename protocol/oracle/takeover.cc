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
  outlived(connection, event);
}

// The newer connection goes on as if the older one had never been.
void Takeovers::outlived(const Connection& connection, const Event& event) {
  if (Connection* newer = model_.find_connection(connection.replaced_by)) {
    model_.report.checked(Rule::epoch);
    newer->older_closed_at = model_.now;
    newer->older_closed_event = model_.event_index;
  }
  const bool own = event.code == static_cast<std::uint8_t>(CloseCause::local);
  if (!own || connection.older_closed_at != model_.now || connection.older_closed_at == 0) return;
  if (connection.broker.ended || connection.broker.malformed_in || connection.challenged ||
      connection.dismissed || connection.broker.heard_at == model_.now)
    return;
  model_.report.broken(Rule::epoch, model_.now,
                       "the broker closed " + model_.who(connection) + " at " +
                           seconds(model_.now) +
                           ", together with an older connection of its client id that it had "
                           "replaced",
                       {connection.older_closed_event, model_.event_index});
}

void Takeovers::written(Connection& connection, const Event& event) {
  const Time ended = connection.session_ended_at;
  if (ended == 0 || connection.older_closed_at == 0 || event.packet == PacketType::disconnect)
    return;
  const Time grace = model_.settings.host_grace + connection.lingers(event.at, model_.settings);
  const Time closed = connection.older_closed_at;
  const bool together = ended >= closed && ended <= closed + model_.settings.host_grace;
  if (!together || event.at <= ended + grace) return;
  connection.session_ended_at = 0;
  model_.report.broken(Rule::epoch, event.at,
                       "the session of " + model_.who(connection) + " ended at " + seconds(ended) +
                           ", after an older connection of its client id had, at " +
                           seconds(connection.older_closed_at) + ", and the connection goes on",
                       {connection.older_closed_event, model_.event_index});
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
