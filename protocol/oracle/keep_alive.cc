#include "protocol/oracle/keep_alive.h"

#include <algorithm>
#include <cmath>

namespace mqttlab::oracle {
namespace {

// The trace shows packets, not bytes. A packet that does not fit one segment may have been arriving
// for long: the time before it is not known to be silence.
constexpr std::uint32_t one_segment = 1'000;
constexpr std::uint8_t keep_alive_timeout = 0x8D;

Time last_heard(const Side& side, Time connected_at) {
  return std::max({side.heard_at, side.connack_at, connected_at});
}

}  // namespace

Time KeepAlive::enforced_after(const Connection& connection) const {
  return std::llround(model_.settings.keep_alive_factor * connection.keep_alive_s *
                      static_cast<double>(second));
}

bool KeepAlive::dead(const Connection& connection) const {
  const Client* client = model_.client_of(connection);
  return client && client->dead;
}

void KeepAlive::heard(const Connection& connection, const Event& event) {
  if (event.bytes > one_segment) return;
  if (event.end == End::broker) {
    enforce(connection, event.at, true);
  } else {
    detect(connection, event.at, true);
  }
}

void KeepAlive::written(const Connection& connection, const Event& event) {
  if (event.end == End::client && event.bytes <= one_segment) send(connection, event.at);
}

void KeepAlive::closed(const Connection& connection, const Event& event) {
  false_alarm(connection, event);
  if (event.end == End::client && !connection.client.tail_out) send(connection, event.at);
  if (event.end == End::broker) {
    if (!connection.broker.tail_in) enforce(connection, event.at, false);
    fair(connection, event);
  } else if (!connection.client.tail_in && !connection.client.tail_out) {
    // With a packet stuck halfway out it may not have read: then the silence is its own.
    detect(connection, event.at, false);
  }
}

// v3 MQTT-3.1.2-24, v5 MQTT-3.1.2-22 with the interval of v5 MQTT-3.2.2-21
void KeepAlive::enforce(const Connection& connection, Time until, bool still_open) {
  const Side& side = connection.broker;
  if (!connection.accepted() || connection.keep_alive_s == 0 || side.ended) return;
  if (connection.replaced_by != 0) return;  // how long that may last is ONE-CONN's to say
  if (!still_open) model_.report.checked(Rule::ka_enforce);
  const Time runs = model_.conditions.runs_since(End::broker, 0);
  if (runs == never) return;
  const Time since = std::max(last_heard(side, connection.connect_at), runs);
  const Time allowed = enforced_after(connection) + model_.settings.keep_alive_slack;
  if (until - since <= allowed) return;
  model_.report.broken(
      Rule::ka_enforce, since + allowed,
      "the broker heard nothing of " + model_.who(connection) + " from " + seconds(since) + " to " +
          seconds(until) + ", more than " + seconds(enforced_after(connection)) + " (keep alive " +
          std::to_string(connection.keep_alive_s) + " s), and " +
          (still_open ? "had not closed the connection" : "closed the connection only then"),
      {connection.connect_event, model_.event_index});
}

// Only a close of the broker's own that nothing else explains is put down to keep alive.
void KeepAlive::fair(const Connection& connection, const Event& event) {
  const Side& side = connection.broker;
  if (!connection.accepted()) return;
  model_.report.checked(Rule::ka_fair);
  const Time since = last_heard(side, connection.connect_at);
  const bool explained = event.code != static_cast<std::uint8_t>(CloseCause::local) || side.ended ||
                         side.malformed_in || connection.challenged || since == event.at ||
                         model_.conditions.runs_since(End::broker, 0) == never ||  // it crashed
                         (connection.dismissed && connection.dismissal != keep_alive_timeout);
  const Time allowed = enforced_after(connection);
  const Time early = model_.settings.keep_alive_early;
  if (explained || (allowed > 0 && event.at - since >= allowed - early)) return;
  const std::string limit = allowed == 0
                                ? std::string("had asked for no keep alive")
                                : "may be silent for " + seconds(allowed) + " (keep alive " +
                                      std::to_string(connection.keep_alive_s) + " s)";
  model_.report.broken(Rule::ka_fair, event.at,
                       "the broker closed " + model_.who(connection) + " at " + seconds(event.at) +
                           ", " + seconds(event.at - since) +
                           " after its last packet and for no reason to be seen; the client " +
                           limit,
                       {connection.connect_event, model_.event_index});
}

void KeepAlive::detect(const Connection& connection, Time until, bool still_open) {
  const Side& side = connection.client;
  if (!side.connack || !connection.connect || connection.keep_alive_s == 0 || side.ended) return;
  if (dead(connection)) return;
  if (model_.settings.ping_timeout == never || connection.guest)
    return model_.report.not_observable(Rule::ka_detect, "how long a client waits is not known");
  if (!still_open) model_.report.checked(Rule::ka_detect);
  const Time runs = model_.conditions.runs_since(End::client, connection.device);
  if (runs == never) return;
  const Time since = std::max(last_heard(side, 0), runs);
  const Time allowed = connection.keep_alive_s * second + model_.settings.ping_timeout;
  if (until - since <= allowed + model_.settings.keep_alive_slack) return;
  model_.report.broken(
      Rule::ka_detect, since + allowed,
      model_.who(connection) + " heard nothing from " + seconds(since) + " to " + seconds(until) +
          ", longer than keep alive and ping timeout together (" + seconds(allowed) + "), and " +
          (still_open ? "held on to the connection" : "let go of the connection only then"),
      {connection.client.connack_event, model_.event_index});
}

// MQTT-3.1.2-23 (5.0: MQTT-3.1.2-20). What its link does not take the client cannot send.
void KeepAlive::send(const Connection& connection, Time until) {
  const Side& side = connection.client;
  if (!side.connack || !connection.connect || connection.keep_alive_s == 0 || side.ended) return;
  const Time runs = model_.conditions.runs_since(End::client, connection.device);
  if (dead(connection) || runs == never || connection.broker.arrived < side.written) return;
  if (connection.guest)
    return model_.report.not_observable(Rule::ka_send, "the clients are programs of others");
  model_.report.checked(Rule::ka_send);
  // Until its last packet had arrived the link may have taken no other.
  const Time since = std::max({side.wrote_at, connection.broker.heard_at, runs});
  const Time late = std::max(model_.settings.host_grace, model_.settings.keep_alive_slack);
  // Ahead of CONNACK nothing is sent: it tells whether, and with which keep alive.
  const Time due = std::max(since + connection.keep_alive_s * second, side.connack_at);
  if (until <= due + late) return;
  model_.report.broken(Rule::ka_send, until,
                       model_.who(connection) + " sent nothing from " + seconds(since) + " to " +
                           seconds(until) + "; its keep alive is " +
                           std::to_string(connection.keep_alive_s) + " s",
                       {connection.client.connack_event, model_.event_index});
}

// On a link that loses nothing and is quick, what has been waiting to be read for long proves that
// the other end was alive. Not on a connection to which, or to whose link, something was done: what
// was lost then may be what is waited for.
void KeepAlive::false_alarm(const Connection& connection, const Event& event) {
  constexpr int margin = 4;  // queues, repeats and acknowledgements of TCP
  const bool client = event.end == End::client;
  const Side& side = client ? connection.client : connection.broker;
  const Side& other = client ? connection.broker : connection.client;
  const Time round_trip = model_.facts(connection.device).round_trip;
  const Time interval = connection.keep_alive_s * second;
  if (interval == 0 || round_trip > interval / margin || !connection.accepted()) return;
  if (model_.conditions.sound_since(connection.device) > connection.client.opened_at) return;
  for (const End end : {End::client, End::broker})
    if (model_.conditions.runs_since(end, connection.device) == never) return;
  if (!connection.client.connack || (client && dead(connection))) return;
  model_.report.checked(Rule::ka_false);
  const bool own = event.code == static_cast<std::uint8_t>(CloseCause::local) && !side.ended &&
                   !side.malformed_in && connection.replaced_by == 0 && !connection.challenged &&
                   (client || !connection.dismissed || connection.dismissal == keep_alive_timeout);
  const Time silence = event.at - std::max(side.heard_at, side.connack_at);
  const bool waits =
      other.written > side.arrived && event.at - other.wrote_at > margin * round_trip;
  if (!own || silence < interval || !waits || other.tail_out) return;
  model_.report.broken(Rule::ka_false, event.end, event.at,
                       std::string(client ? "the client" : "the broker") + " gave " +
                           model_.who(connection) + " up at " + seconds(event.at) + " after " +
                           seconds(silence) +
                           " of silence, although the other end had written at " +
                           seconds(other.wrote_at) + " and the link was sound",
                       {connection.connect_event, model_.event_index});
}

void KeepAlive::finish(Time end) {
  for (const Connection* connection : model_.connections()) {
    if (connection->broker.opened && !connection->broker.closed) {
      enforce(*connection, end, true);
      if (connection->accepted()) model_.report.checked(Rule::ka_fair);
      if (connection->accepted() && connection->keep_alive_s > 0)
        model_.report.checked(Rule::ka_enforce);
    }
    if (connection->client.opened && !connection->client.closed) {
      detect(*connection, end, true);
      if (connection->client.connack && connection->keep_alive_s > 0 &&
          model_.settings.ping_timeout != never && !connection->guest)
        model_.report.checked(Rule::ka_detect);
    }
  }
}

}  // namespace mqttlab::oracle
