#include "protocol/oracle/discard.h"

namespace mqttlab::oracle {

// What is settled cannot come again by way of the session, and need not be remembered.
void Discards::discarded(Identity& identity, const Session& session) {
  if (identity.discarded_session != session.id) {
    identity.discarded.clear();
    identity.discarded_out.clear();
    identity.discarded_session = session.id;
  }
  Session& over = *model_.session(session.id);
  for (const std::uint64_t message : over.records.keys()) {
    const Record& record = *over.records.find(message);
    // A will says the same each time.
    if (record.begun < record.permitted && !record.will) identity.discarded[message] = true;
  }
  for (const std::uint64_t id : over.out.keys()) {
    const Exchange& exchange = *over.out.find(id);
    const Record* record = over.records.find(exchange.message);
    if (!record || !record->will) identity.discarded[exchange.message] = true;
    if (exchange.qos == QoS::exactly_once) identity.discarded_out[id] = true;
  }
}

bool Discards::published(const Session& session, const Event& event) {
  Identity* identity = model_.find_identity(session.client_id);
  if (!identity || !identity->discarded.find(event.message)) return false;
  model_.report.broken(Rule::sess_discard, model_.now,
                       "the broker sent client " + model_.quoted(session.client_id) + " at " +
                           seconds(model_.now) + " a message on topic " +
                           model_.quoted(event.text) +
                           " that only an older session of this client id was due",
                       {model_.event_index});
  return true;
}

void Discards::released(const Session& session, const Event& event) {
  Identity* identity = model_.find_identity(session.client_id);
  if (!identity || !identity->discarded_out.find(event.packet_id)) return;
  if (model_.session(session.id)->out.find(event.packet_id)) return;
  model_.report.broken(Rule::sess_discard, model_.now,
                       "the broker sent client " + model_.quoted(session.client_id) + " at " +
                           seconds(model_.now) + " PUBREL id " + std::to_string(event.packet_id) +
                           " of an exchange that ended with an older session",
                       {model_.event_index});
}

// MQTT-3.1.2-6 (5.0: MQTT-3.1.2-4), v5 MQTT-3.2.2-5. What 3.1.1 expects of a client that asked for
// its session and is told of none is left open.
void Discards::forgotten(Client& client, const Connection& connection) {
  client.forgotten.clear();
  if (!connection.v5() && !connection.connect->clean_session) return;
  for (const std::uint64_t id : client.out.keys()) {
    const Exchange& exchange = *client.out.find(id);
    if (exchange.connection != connection.number) client.forgotten[id] = exchange.message;
  }
  if (!client.forgotten.empty()) model_.report.checked(Rule::sess_discard);
}

void Discards::client_written(const Client& client, const Connection& connection,
                              const Event& event) {
  if (client.forgotten.empty()) return;
  Client& sender = model_.client_at(client.id);
  const std::uint64_t* message = sender.forgotten.find(event.packet_id);
  if (!message || sender.out.find(event.packet_id)) return;
  const bool repeat =
      event.packet == PacketType::publish && trace::dup_of(event) && event.message == *message;
  if (!repeat && event.packet != PacketType::pubrel) return;
  model_.report.broken(Rule::sess_discard, End::client, model_.now,
                       model_.who(connection) + " wrote " + std::string(name(event.packet)) +
                           " id " + std::to_string(event.packet_id) + " at " + seconds(model_.now) +
                           " of an exchange that ended with an older session",
                       {model_.event_index});
}

}  // namespace mqttlab::oracle
