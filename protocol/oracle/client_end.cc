#include "protocol/oracle/client_end.h"

namespace mqttlab::oracle {

void ClientEnd::closed(Connection& connection) {
  Client* client = model_.client_of(connection);
  if (!client || client->connection != connection.number) return;
  finish(connection);
  const Side& side = connection.client;
  if (side.connack && model_.now - side.connack_at >= model_.settings.answer_within)
    client->flaps = 0;
  if (client->flaps++ == 0) client->flaps_since = model_.now;
  client->lost_at = model_.now;
  client->lost_event = model_.event_index;
}

void ClientEnd::written(Connection& connection, const Event& event) {
  if (event.packet == PacketType::connect) return connect(connection, event);
  Client* client = model_.client_of(connection);
  if (!client) return;
  const Sending sending{connection, End::client, client->out, nullptr};
  switch (event.packet) {
    case PacketType::publish:
      discards_.client_written(*client, connection, event);
      exchanges_.publish_written(sending, event);
      break;
    case PacketType::pubrel:
      discards_.client_written(*client, connection, event);
      exchanges_.pubrel_written(sending, event);
      break;
    case PacketType::subscribe:
    case PacketType::unsubscribe:
      exchanges_.request_written(sending, event);
      connection.at_client.push_back({event.packet_id, event.detail, model_.event_index,
                                      event.packet == PacketType::subscribe});
      break;
    case PacketType::disconnect:
      connection.client.ended = true;
      client->content = true;
      break;
    default:
      break;
  }
}

void ClientEnd::connect(Connection& connection, const Event& event) {
  connection.connect = &model_.log->detail<trace::ConnectDetail>(event.detail);
  connection.keep_alive_s = connection.connect->keep_alive_s;
  connection.client_id = event.text;
  Client& client = model_.client(event.actor, connection);
  connection.client_index = client.id;
  client.connection = connection.number;
  client.content = false;
  client.stopped_at = 0;
  client.dead = false;
  client.guest = connection.guest;
  if (!connection.connect->clean_session) return;
  discards_.forgotten(client, connection);
  client.out.clear();  // v3 MQTT-3.1.2-6, v5 MQTT-3.1.2-4
  client.in.clear();
}

void ClientEnd::arrived(Connection& connection, const Event& event) {
  if (event.packet == PacketType::connack) connack(connection, event);
  Client* client = model_.client_of(connection);
  if (!client) return;
  switch (event.packet) {
    case PacketType::publish:
      if (event.message == 0 || !delivery_.arrived(*client, connection, event)) break;
      if (model_.settings.applications && !connection.guest) break;
      delivery_.delivered(event);
      client->handed_at = event.at;
      break;
    case PacketType::pubrel:
      client->in.erase(event.packet_id);
      break;
    case PacketType::puback:
    case PacketType::pubrec:
    case PacketType::pubcomp:
      exchanges_.acknowledged({connection, End::client, client->out, nullptr}, event);
      break;
    case PacketType::suback:
    case PacketType::unsuback:
      std::erase_if(connection.at_client,
                    [&](const auto& request) { return request.packet_id == event.packet_id; });
      break;
    case PacketType::disconnect:
      // Who was told that another has taken his place need not fight for it.
      if (event.code != session_taken_over) break;
      client->content = connection.told_off = true;
      break;
    default:
      break;
  }
}

void ClientEnd::connack(Connection& connection, const Event& event) {
  connection.client.connack = event.code == 0;
  connection.client.connack_at = event.at;
  connection.client.connack_event = model_.event_index;
  Client* client = model_.client_of(connection);
  if (!client) return;
  if (event.code != 0) {
    client->content = true;
    return;
  }
  if (event.detail != 0) {
    const auto& connack = model_.log->detail<trace::ConnackDetail>(event.detail);
    connection.keep_alive_s = connack.server_keep_alive_s.value_or(connection.keep_alive_s);
    model_.assign(connection, connack.assigned_client_id);
    model_.assigned(connection);
  }
  // 3.1 does not tell; a client of it goes on with what it has.
  if (connection.connect->version == ProtocolVersion::v3_1) return;
  connection.client.resumed = event.flags != 0;
  if (connection.client.resumed)
    return exchanges_.resumed({connection, End::client, client->out, nullptr});
  if (!connection.connect->clean_session) discards_.forgotten(*client, connection);
  for (const std::uint64_t id : client->out.keys())
    if (client->out.find(id)->connection != connection.number) client->out.erase(id);
  client->in.clear();
}

void ClientEnd::finish(Connection& connection) {
  Client* client = model_.client_of(connection);
  if (client && !connection.client.closed && client->connection == connection.number)
    exchanges_.over({connection, End::client, client->out, nullptr});
}

void ClientEnd::stopped(const Event& event) {
  for (const std::uint32_t index : model_.clients_of(event.actor)) {
    Client& client = model_.client_at(index);
    if (client.client_id != event.text || client.content) continue;
    client.content = true;
    client.stopped_at = event.at;
  }
}

// The process is gone and with it all it knew; what it left at the broker goes on.
void ClientEnd::died(Actor actor) {
  calls_.died(actor);
  for (const std::uint32_t index : model_.clients_of(actor)) {
    Client& client = model_.client_at(index);
    client.dead = true;
    client.out.clear();
    client.in.clear();
    client.arrivals.clear();
    client.forgotten.clear();
  }
}

void ClientEnd::crashed(Actor actor, bool kept) {
  if (!kept) return died(actor);
  calls_.died(actor);
  for (const std::uint32_t index : model_.clients_of(actor)) {
    model_.client_at(index).dead = true;
    model_.client_at(index).arrivals.clear();
  }
}

}  // namespace mqttlab::oracle
