#include "protocol/oracle/intake.h"

#include <utility>

#include "protocol/oracle/delivery.h"
#include "protocol/oracle/retained.h"

namespace mqttlab::oracle {
namespace {

Acceptance late(const Session& session, const Inbound& inbound) {
  return {.message = inbound.message,
          .topic = inbound.topic,
          .publisher = session.client_id,
          .qos = inbound.qos,
          .retain = inbound.retain,
          .late = true,
          .arrived = inbound.event,
          .expiry_s = inbound.expiry_s,
          .bytes = inbound.bytes};
}

RetainedMessage retained(const Session& session, const Inbound& inbound) {
  return {.topic = inbound.topic,
          .message = inbound.message,
          .publisher = session.client_id,
          .empty = inbound.empty,
          .qos = inbound.qos,
          .expiry_s = inbound.expiry_s,
          .bytes = inbound.bytes};
}

}  // namespace

// A QoS 2 PUBLISH whose id waits for PUBREL is the same message again (MQTT-4.3.3-2); any other
// PUBLISH is a new one, whatever its DUP says (MQTT-4.3.2-2).
void Intake::arrived(Connection& connection, const Event& event, bool ahead) {
  const QoS qos = trace::qos_of(event);
  const Sent sent = as_sent(event);
  Session* session = model_.session(connection.session);
  if (session && qos != QoS::at_most_once) {
    Inbound& inbound = session->in[event.packet_id];
    const bool repeat = qos == QoS::exactly_once && inbound.qos == QoS::exactly_once;
    if (repeat) {
      inbound.connection = connection.number;
      return;
    }
    inbound = {.message = event.message,
               .event = model_.event_index,
               .topic = event.text,
               .connection = connection.number,
               .expiry_s = sent.expiry_s,
               .bytes = sent.bytes,
               .qos = qos,
               .retain = trace::retain_of(event),
               .empty = event.payload_bytes == 0};
  }
  if (model_.system_topic(event.text)) return;
  delivery_.accept({.message = event.message,
                    .topic = event.text,
                    .publisher = connection.client_id,
                    .qos = qos,
                    .retain = trace::retain_of(event),
                    .again = qos == QoS::at_least_once && trace::dup_of(event),
                    .ahead = ahead,
                    .expiry_s = sent.expiry_s,
                    .bytes = sent.bytes});
  // On a connection whose session has ended nothing can be seen to be taken over.
  if (!session) delivery_.unacknowledged(event.message, model_.event_index);
  if (trace::retain_of(event))
    retained_.store({.topic = event.text,
                     .message = event.message,
                     .publisher = connection.client_id,
                     .empty = event.payload_bytes == 0,
                     .qos = qos,
                     .expiry_s = sent.expiry_s,
                     .bytes = sent.bytes},
                    qos == QoS::at_most_once && !behind(session));
}

Intake::Sent Intake::as_sent(const Event& event) const {
  Sent sent{.bytes = event.bytes};
  if (event.detail == 0) return sent;
  const auto& publish = model_.log->detail<trace::PublishDetail>(event.detail);
  sent.expiry_s = publish.expiry_s.value_or(endless_expiry_s);
  if (!publish.topic_given)
    sent.bytes += static_cast<std::uint32_t>(model_.log->text(event.text).size());
  return sent;
}

// Whether something that came earlier has not been handled for certain.
bool Intake::behind(Session* session) {
  if (!session) return true;
  for (const std::uint64_t id : session->in.keys())
    if (!session->in.find(id)->acknowledged) return true;
  return false;
}

// Not when it first arrived, but now: who is owed it now was owed it then, and others may get it.
void Intake::handled_now(Session& session, Inbound& inbound) {
  if (model_.system_topic(inbound.topic)) return;
  delivery_.unacknowledged(inbound.message, inbound.event);
  inbound.waived = true;
  delivery_.accept(late(session, inbound));
  inbound.event = model_.event_index;
  if (inbound.retain) retained_.store(retained(session, inbound), false);
}

// MQTT-4.4.0-2, MQTT-4.3.3-9: an error code ends the exchange, and the message was not taken over.
void Intake::refused(Session& session, const Event& event) {
  Inbound& inbound = *session.in.find(event.packet_id);
  if (!inbound.acknowledged && !inbound.waived)
    delivery_.unacknowledged(inbound.message, inbound.event);
  if (inbound.retain) retained_.refused(inbound.topic, inbound.message, inbound.event);
  session.in.erase(event.packet_id);
}

void Intake::acknowledged(Session& session, const Event& event) {
  Inbound* inbound = session.in.find(event.packet_id);
  if (!inbound) return;
  if (event.code >= 0x80) return refused(session, event);
  const bool at_once = !model_.broker_heard_others(inbound->connection, inbound->event);
  if (!inbound->acknowledged && !at_once) handled_now(session, *inbound);
  const bool waived = std::exchange(inbound->waived, false);
  if (waived) delivery_.acknowledged(inbound->message, inbound->event);
  if (inbound->retain && at_once && !waived) retained_.confirm(inbound->topic, inbound->event);
  inbound->acknowledged = true;
  if (event.packet == PacketType::puback && inbound->qos == QoS::at_least_once)
    session.in.erase(event.packet_id);
}

void Intake::released(Session& session, const Event& event) {
  Inbound* inbound = session.in.find(event.packet_id);
  if (!inbound) return;
  if (model_.settings.passes_on_at_pubrel && inbound->acknowledged) {
    if (model_.broker_heard_others(inbound->connection, inbound->event))
      handled_now(session, *inbound);
    if (inbound->waived) delivery_.acknowledged(inbound->message, inbound->event);
  }
  session.in.erase(event.packet_id);
}

void Intake::unread(Session& session, const Connection& connection) {
  for (const std::uint64_t id : session.in.keys()) {
    const Inbound& inbound = *session.in.find(id);
    if (inbound.connection == connection.number && !inbound.acknowledged && !inbound.waived)
      delivery_.unread(connection, inbound);
  }
}

void Intake::give_up(Session& session, std::uint32_t connection) {
  if (connection == 0) delivery_.session_over(session);
  for (const std::uint64_t id : session.in.keys()) {
    Inbound& inbound = *session.in.find(id);
    if (owed_before_pubrel(inbound) || (connection != 0 && inbound.connection != connection))
      continue;
    inbound.waived = true;
    delivery_.unacknowledged(inbound.message, inbound.event);
    if (inbound.qos == QoS::at_least_once) session.in.erase(id);
  }
}

// Now, whenever PUBREL comes.
bool Intake::owed_before_pubrel(const Inbound& inbound) const {
  return inbound.acknowledged && !model_.settings.passes_on_at_pubrel;
}

bool Intake::under_way(std::uint64_t message) {
  for (Session* session : model_.sessions()) {
    for (const std::uint64_t id : session->in.keys()) {
      const Inbound& inbound = *session->in.find(id);
      if (inbound.message != message || owed_before_pubrel(inbound)) continue;
      delivery_.accept(late(*session, inbound));
      return true;
    }
  }
  return ahead_of_connack(message);
}

// Who is accepted may be heard before CONNACK can be written.
bool Intake::ahead_of_connack(std::uint64_t message) {
  Connection::Early* early = unanswered(message, false);
  const bool again = !early;
  if (again) early = unanswered(message, true);
  if (!early) return false;
  const Event& event = early->event;
  const Sent sent = as_sent(event);
  delivery_.accept({.message = message,
                    .topic = event.text,
                    .publisher = model_.connection(event.connection).client_id,
                    .qos = trace::qos_of(event),
                    .retain = trace::retain_of(event),
                    .again = again,
                    .late = true,
                    .arrived = early->index,
                    .ahead = true,
                    .expiry_s = sent.expiry_s,
                    .bytes = sent.bytes});
  if (again) return true;
  early->passed_on = model_.event_index;
  early->passed_on_at = model_.now;
  return true;
}

// A PUBLISH ahead of a CONNACK that is still to come.
Connection::Early* Intake::unanswered(std::uint64_t message, bool passed_on) {
  for (Connection* connection : model_.connections()) {
    if (!connection->connect_at_broker || connection->broker.connack) continue;
    for (Connection::Early& early : connection->early) {
      const bool is_it = early.event.packet == PacketType::publish &&
                         early.event.message == message && (early.passed_on != 0) == passed_on;
      if (is_it) return &early;
    }
  }
  return nullptr;
}

// Of equal messages the one that was passed on is that of a client which is accepted.
void Intake::welcomed(std::vector<Connection::Early>& early) {
  for (Connection::Early& one : early) {
    if (one.event.packet != PacketType::publish || one.passed_on != 0) continue;
    Connection::Early* other = unanswered(one.event.message, true);
    if (!other) continue;
    std::swap(one.passed_on, other->passed_on);
    std::swap(one.passed_on_at, other->passed_on_at);
  }
}

// v5 MQTT-3.1.4-6
std::vector<Intake::Refusal> Intake::refused(const Connection& connection,
                                             const std::vector<Connection::Early>& early) {
  std::vector<Refusal> found;
  for (const Connection::Early& one : early) {
    if (one.passed_on == 0) continue;
    if (Connection::Early* other = unanswered(one.event.message, false)) {
      other->passed_on = one.passed_on;
      other->passed_on_at = one.passed_on_at;
      continue;
    }
    const bool answered = connection.broker.connack;
    found.push_back(
        {model_.now,
         "the broker passed on at " + seconds(one.passed_on_at) + " a message on topic " +
             model_.quoted(one.event.text) + " that " + model_.who(connection) +
             " had sent behind its CONNECT, and refused that client at " + seconds(model_.now) +
             (answered ? " with code " + std::to_string(connection.code) : " without CONNACK"),
         {one.index, one.passed_on, model_.event_index}});
  }
  return found;
}

}  // namespace mqttlab::oracle
