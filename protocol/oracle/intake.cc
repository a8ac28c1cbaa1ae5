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
          .late = true,
          .arrived = inbound.event};
}

}  // namespace

// A QoS 2 PUBLISH whose id waits for PUBREL is the same message again (MQTT-4.3.3-2); any other
// PUBLISH is a new one, whatever its DUP says (MQTT-4.3.2-2).
void Intake::arrived(Connection& connection, const Event& event) {
  const QoS qos = trace::qos_of(event);
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
               .qos = qos,
               .retain = trace::retain_of(event),
               .empty = event.payload_bytes == 0};
  }
  if (model_.system_topic(event.text)) return;
  delivery_.accept({.message = event.message,
                    .topic = event.text,
                    .publisher = connection.client_id,
                    .qos = qos,
                    .again = qos == QoS::at_least_once && trace::dup_of(event)});
  if (trace::retain_of(event))
    retained_.store(event.text, event.message, event.payload_bytes == 0, qos,
                    qos == QoS::at_most_once && !behind(session));
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
  if (inbound.retain)
    retained_.store(inbound.topic, inbound.message, inbound.empty, inbound.qos, false);
}

void Intake::acknowledged(Session& session, const Event& event) {
  Inbound* inbound = session.in.find(event.packet_id);
  if (!inbound) return;
  const bool at_once = !model_.broker_heard_others(inbound->connection, inbound->event);
  if (!inbound->acknowledged && !at_once) handled_now(session, *inbound);
  const bool waived = std::exchange(inbound->waived, false);
  if (waived) delivery_.acknowledged(inbound->message, inbound->event);
  if (inbound->retain && at_once && !waived) retained_.confirm(inbound->topic, inbound->event);
  inbound->acknowledged = true;
  if (event.packet == PacketType::puback && inbound->qos == QoS::at_least_once)
    session.in.erase(event.packet_id);
}

void Intake::give_up(Session& session, std::uint32_t connection) {
  for (const std::uint64_t id : session.in.keys()) {
    Inbound& inbound = *session.in.find(id);
    if (inbound.acknowledged || (connection != 0 && inbound.connection != connection)) continue;
    inbound.waived = true;
    delivery_.unacknowledged(inbound.message, inbound.event);
    if (inbound.qos == QoS::at_least_once) session.in.erase(id);
  }
}

bool Intake::under_way(std::uint64_t message) {
  for (Session* session : model_.sessions()) {
    for (const std::uint64_t id : session->in.keys()) {
      const Inbound& inbound = *session->in.find(id);
      if (inbound.message != message || inbound.acknowledged) continue;
      delivery_.accept(late(*session, inbound));
      return true;
    }
  }
  return false;
}

}  // namespace mqttlab::oracle
