#include "protocol/oracle/progress.h"

#include <algorithm>

#include "protocol/oracle/expiry.h"

namespace mqttlab::oracle {
namespace {

// A packet shows only when it is whole, or its connection is over: it may be under way.
bool is_long(std::uint32_t bytes) { return bytes > Connection::fits_any_buffer_bytes; }

}  // namespace

// For long enough, with all that this end had written taken, and its process running.
bool Progress::stands(const Connection& connection, End end) const {
  const Side& side = end == End::client ? connection.client : connection.broker;
  const Actor actor = end == End::client ? connection.device : 0;
  const Time since = std::max(
      {side.connack_at, connection.client.connack_at, model_.conditions.runs_since(end, actor)});
  return side.connack && connection.client.connack && since != never && !connection.client.ended &&
         model_.now - since >= long_enough() && !side.tail_out &&
         connection.link_free(end, model_.now);
}

void Progress::client_over(const Connection& connection, bool lasts) {
  const Client* client = model_.client_of(connection);
  if (!client || client->dead || client->connection != connection.number || connection.guest)
    return;
  if (!model_.settings.applications || !stands(connection, End::client)) return;
  if (connection.client.window.peak > 0) model_.report.checked(Rule::progress);
  if (!client->out.empty() || !client->arrivals.empty()) return;
  if (model_.clients_of(client->actor).size() != 1) return;
  const Time before = model_.now - long_enough();
  if (connection.client.published_at > before || client->handed_at > before) return;
  for (const Calls::Call& call : calls_.open(client->actor)) {
    if (call.at > before) continue;
    if (lasts && is_long(model_.log->events()[call.event].payload_bytes)) return;
    model_.report.broken(Rule::progress, End::client, model_.now,
                         model_.who(connection) + " was connected from " +
                             seconds(connection.client.connack_at) + " to " + seconds(model_.now) +
                             ", had nothing under way, and did not send a message on topic " +
                             model_.quoted(call.topic) + " that its application published at " +
                             seconds(call.at),
                         {call.event, connection.client.connack_event});
    return;
  }
}

// What a resumed session has lost, SESS-QUEUE tells.
void Progress::broker_over(const Connection& connection, bool lasts) {
  Session* session = model_.session(connection.session);
  if (!session || session->last_connection != connection.number) return;
  if (!stands(connection, End::broker)) return;
  if (connection.broker.window.peak > 0) model_.report.checked(Rule::progress);
  if (!session->out.empty()) return;
  const Time before = model_.now - long_enough();
  if (session->progress_at > before) return;
  const Record* oldest = nullptr;
  for (const std::uint64_t message : session->records.keys()) {
    const Record& record = *session->records.find(message);
    if (record.begun + record.retained_begun + record.excused > 0 || record.required == 0) continue;
    if (record.handled_at > before || Expiry::excuses(record, model_.now)) continue;
    if (connection.broker.resumed && record.handled_at < connection.broker.connack_at) continue;
    if (too_large(record.bytes, connection)) continue;
    if (!oldest || record.accepted < oldest->accepted) oldest = &record;
  }
  if (!oldest || (lasts && is_long(oldest->bytes))) return;
  model_.report.broken(Rule::progress, model_.now,
                       "the broker had nothing under way to " + model_.who(connection) + " from " +
                           seconds(session->progress_at) + " to " + seconds(model_.now) +
                           " and did not send it a message on topic " +
                           model_.quoted(oldest->topic) + ", accepted at " +
                           seconds(oldest->accepted_at),
                       {oldest->accepted, connection.broker.connack_event});
}

}  // namespace mqttlab::oracle
