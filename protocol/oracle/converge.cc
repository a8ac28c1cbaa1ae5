#include "protocol/oracle/converge.h"

namespace mqttlab::oracle {

namespace {

// Connections lost one soon after the other, and nobody to blame but their ends.
constexpr std::uint32_t livelock = 3;

}  // namespace

void Converge::phase(const Event& event) {
  settling_ = model_.log->text(event.text) == "settle";
  settle_at_ = event.at;
  for (Client& client : model_.clients()) client.flaps = 0;
}

Deadline Converge::deadline(Time end) {
  const Time within = model_.settings.converge_within;
  if (!settling_) {
    model_.report.not_observable(Rule::converge,
                                 "the last phase event is not \"settle\": faults never stopped");
    return {};
  }
  if (end < settle_at_ + within) {
    model_.report.not_observable(Rule::converge, "the run ended " + seconds(end - settle_at_) +
                                                     " after the faults stopped; " +
                                                     seconds(within) + " are allowed");
    return {};
  }
  return {true, end - within};
}

bool Converge::connected(const Client& client) {
  const Connection* connection = model_.find_connection(client.connection);
  return connection && connection->client.opened && !connection->client.closed &&
         !connection->broker.closed && connection->client.connack;
}

void Converge::finish(const Deadline& deadline) {
  if (!deadline.known) return;
  for (Client& client : model_.clients()) {
    const Time until = client.content ? client.stopped_at : model_.now;
    const Time before = deadline.before - (model_.now - until);  // of what it wanted
    if (client.dead || until == 0 || before < settle_at_) continue;
    model_.report.checked(Rule::converge);
    if (!connected(client)) {
      not_connected(client, before);
      continue;
    }
    const Connection& connection = *model_.find_connection(client.connection);
    open_exchanges(connection, End::client, client.out, deadline);
    if (Session* session = model_.session(connection.session))
      open_exchanges(connection, End::broker, session->out, deadline);
    open_calls(client, deadline);
  }
}

void Converge::not_connected(const Client& client, Time before) {
  if (client.guest) return;
  const bool flaps = client.flaps >= livelock && client.flaps_since <= before;
  if (client.lost_at > before && !flaps) return;
  model_.report.broken(Rule::converge, model_.now,
                       model_.who(client.client_id, client.actor) +
                           (flaps ? " has lost " + std::to_string(client.flaps) +
                                        " connections in a row, each soon after it began, since " +
                                        seconds(client.flaps_since)
                                  : " has not been connected since " + seconds(client.lost_at)) +
                           " although faults stopped at " + seconds(settle_at_),
                       {client.lost_event});
}

void Converge::open_exchanges(const Connection& connection, End sender, Table<Exchange>& out,
                              const Deadline& deadline) {
  std::size_t open = 0;
  std::uint64_t oldest_id = 0;
  const Exchange* oldest = nullptr;
  for (const std::uint64_t id : out.keys()) {
    const Exchange* exchange = out.find(id);
    if (exchange->reported || exchange->begun_at > deadline.before) continue;
    ++open;
    if (oldest && oldest->event < exchange->event) continue;
    oldest = exchange;
    oldest_id = id;
  }
  if (!oldest) return;
  const char* waits_for = oldest->qos == QoS::at_least_once           ? "PUBACK"
                          : oldest->stage == Exchange::Stage::publish ? "PUBREC"
                                                                      : "PUBCOMP";
  // What the sender has written on this connection waits for the other end.
  const bool written =
      oldest->connection == connection.number && oldest->stage != Exchange::Stage::pubrec_arrived;
  const bool client = (sender == End::client) != written;
  model_.report.broken(Rule::converge, client ? End::client : End::broker, model_.now,
                       model_.sender(connection, sender) + " still has " + std::to_string(open) +
                           " open exchanges; the oldest, PUBLISH id " + std::to_string(oldest_id) +
                           " on topic " + model_.quoted(oldest->topic) + ", has waited for " +
                           waits_for + " since " + seconds(oldest->begun_at),
                       {oldest->event});
}

// A call may wait behind a full window; with nothing in flight it waits for nobody.
void Converge::open_calls(const Client& client, const Deadline& deadline) {
  if (!client.out.empty() || model_.clients_of(client.actor).front() != client.id) return;
  std::size_t open = 0;
  Calls::Call oldest;
  for (const Calls::Call& call : calls_.open(client.actor)) {
    if (call.at > deadline.before) continue;
    if (open++ == 0) oldest = call;
  }
  if (open == 0) return;
  model_.report.broken(Rule::converge, End::client, model_.now,
                       model_.who(client.client_id, client.actor) + " has " + std::to_string(open) +
                           " publish calls at QoS 1 or 2 that are not complete; the oldest, on "
                           "topic " +
                           model_.quoted(oldest.topic) + ", was made at " + seconds(oldest.at),
                       {oldest.event});
}

}  // namespace mqttlab::oracle
