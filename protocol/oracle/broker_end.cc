#include "protocol/oracle/broker_end.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace mqttlab::oracle {
namespace {

// Findings that wait until the broker has shown that it runs.
constexpr std::size_t most_waiting = 64;

}  // namespace

void BrokerEnd::closed(Connection& connection, const Event& event) {
  Session* session = model_.session(connection.session);
  if (session && event.code == static_cast<std::uint8_t>(CloseCause::fin) &&
      connection.broker.connack)
    intake_.unread(*session, connection);
  if (session) session->closed_in_order = event.code == static_cast<std::uint8_t>(CloseCause::fin);
  finish(connection);
  if (connection.connect_at_broker && !connection.broker.connack) {
    // What came in before CONNACK could be written may have been acted on, or not.
    const auto early = std::exchange(connection.early, {});
    if (turned_away(connection, early, event)) {
      auto refused = intake_.refused(connection, early);
      std::move(refused.begin(), refused.end(), std::back_inserter(turned_away_));
      while (turned_away_.size() > most_waiting) turned_away_.erase(turned_away_.begin());
    }
    for (const Connection::Early& one : early) {
      if (one.event.packet != PacketType::publish) continue;
      intake_.arrived(connection, one.event, one.passed_on != 0);
      delivery_.unacknowledged(one.event.message, model_.event_index);
    }
    wills_.accepted(connection);
  }
  const bool due = connection.will == WillState::armed;
  takeovers_.closed(connection, event);
  sessions_.closed(connection);
  wills_.closed(connection);
  if (due && !connection.broker.connack)
    delivery_.unacknowledged(connection.connect->will_message, model_.event_index);
}

// The broker has ended a connection without CONNACK, and had no reason to if it had accepted the
// client: its link took whatever there was to write, and what it has passed on was no offence. Of
// what went to nobody that is not known: a topic may be closed to the client (MQTT-3.3.5-2).
bool BrokerEnd::turned_away(const Connection& connection,
                            const std::vector<Connection::Early>& early, const Event& event) {
  const bool own = event.code == static_cast<std::uint8_t>(CloseCause::local);
  const bool sound = model_.conditions.sound_since(connection.device) <= connection.connect_at;
  const bool newest = model_.identity(connection).connecting == connection.number;
  if (!own || !sound || !newest || model_.settings.from_the_path || connection.broker.tail_out ||
      connection.broker.malformed_in)
    return false;
  return std::all_of(early.begin(), early.end(), [&](const Connection::Early& one) {
    return one.passed_on != 0 && model_.now <= one.passed_on_at + link_grace;
  });
}

// A broker that stops closes all its connections. One that serves an older connection a while
// later did not stop.
void BrokerEnd::runs_on(const Connection& connection, const Event& event) {
  if (event.packet == PacketType::disconnect) return;
  std::erase_if(turned_away_, [&](const Intake::Refusal& one) {
    const bool since_before = connection.broker.opened_at < one.at;
    if (!since_before || event.at <= one.at + link_grace) return false;
    tell(one);
    return true;
  });
}

void BrokerEnd::tell(const Intake::Refusal& one) {
  model_.report.broken(Rule::no_fabrication, one.at, one.what, one.events);
}

// The connection is over, or the run is.
void BrokerEnd::finish(Connection& connection) {
  Session* session = model_.session(connection.session);
  if (!session || connection.broker.closed) return;
  if (session->connection == connection.number)
    exchanges_.over({connection, End::broker, session->out, session});
  resumes_.over(connection, *session);
  intake_.give_up(*session, connection.number);
}

void BrokerEnd::written(Connection& connection, const Event& event) {
  runs_on(connection, event);
  if (event.packet == PacketType::connack) return connack(connection, event);
  Session* session = model_.session(connection.session);
  if (!session) return;
  const Sending sending{connection, End::broker, session->out, session};
  // The end of what the broker had begun to write before a newer connection took the session over.
  const bool late = session->last_connection != connection.number && event.packet_id != 0;
  switch (event.packet) {
    case PacketType::publish:
      if (late) break;  // it is sent again there (MQTT-4.4.0-1), and counts there
      if (const bool begins = exchanges_.publish_written(sending, event); event.message != 0)
        delivery_.sent(connection, *session, event, begins);
      session->progress_at = event.at;
      break;
    case PacketType::pubrel:
      if (late) break;
      discards_.released(*session, event);
      exchanges_.pubrel_written(sending, event);
      break;
    case PacketType::puback:
    case PacketType::pubrec:
      intake_.acknowledged(*session, event);
      break;
    case PacketType::suback:
    case PacketType::unsuback:
      subscriptions_.answered(connection, *session, event);
      break;
    case PacketType::disconnect:
      connection.dismissed = true;
      connection.dismissal = event.code;
      break;
    default:
      break;
  }
}

void BrokerEnd::connack(Connection& connection, const Event& event) {
  takeovers_.answered(connection);
  sessions_.connack_written(connection, event);
  connection.broker.connack = true;
  connection.broker.connack_at = event.at;
  connection.broker.connack_event = model_.event_index;
  auto early = std::exchange(connection.early, {});
  if (!connection.accepted()) {  // MQTT-3.1.4-5
    for (const Intake::Refusal& one : intake_.refused(connection, early)) tell(one);
    return;
  }
  intake_.welcomed(early);
  wills_.accepted(connection);
  if (Session* session = model_.session(connection.session); session && connection.broker.resumed)
    exchanges_.resumed({connection, End::broker, session->out, session});
  const std::uint64_t present = model_.event_index;
  for (const Connection::Early& one : early) {
    model_.event_index = one.index;
    handles(connection, one.event, one.passed_on != 0);
  }
  model_.event_index = present;
}

void BrokerEnd::arrived(Connection& connection, const Event& event) {
  model_.broker_heard(connection.number);
  if (event.packet == PacketType::connect && !connection.connect_at_broker) {
    sessions_.connect_arrived(connection, event);
  } else if (!connection.broker.connack) {
    connection.early.push_back({event, model_.event_index});
  } else if (connection.accepted()) {
    handles(connection, event);
  }
}

void BrokerEnd::handles(Connection& connection, const Event& event, bool passed_on) {
  Session* session = model_.session(connection.session);
  switch (event.packet) {
    case PacketType::connect:
      connection.broker.malformed_in = true;  // a second one: the broker must close (MQTT-3.1.0-2)
      break;
    case PacketType::disconnect:
      disconnect(connection, event);
      break;
    case PacketType::publish:
      if (event.message != 0) intake_.arrived(connection, event, passed_on);
      break;
    case PacketType::pubrel:
      if (session) intake_.released(*session, event);
      break;
    case PacketType::puback:
    case PacketType::pubrec:
    case PacketType::pubcomp:
      if (session) acknowledged(connection, *session, event);
      break;
    case PacketType::subscribe:
      if (session) subscriptions_.subscribe(connection, *session, event);
      break;
    case PacketType::unsubscribe:
      if (session) subscriptions_.unsubscribe(connection, *session, event);
      break;
    default:
      break;
  }
}

// In 5.0 any reason but 0 keeps the will (v5 MQTT-3.14.4-3).
void BrokerEnd::disconnect(Connection& connection, const Event& event) {
  if (event.code == 0) wills_.disconnected(connection);
  connection.broker.ended = true;
  sessions_.disconnected(connection, event);
}

void BrokerEnd::acknowledged(Connection& connection, Session& session, const Event& event) {
  session.progress_at = event.at;
  if (const Exchange* exchange = session.out.find(event.packet_id))
    delivery_.answered(session, *exchange, event);
  exchanges_.acknowledged({connection, End::broker, session.out, &session}, event);
}

}  // namespace mqttlab::oracle
