#include "protocol/oracle/client_end.h"

namespace mqttlab::oracle {

void ClientEnd::closed(Connection& connection) {
  Client* client = model_.client_of(connection);
  if (!client || client->connection != connection.number) return;
  finish(connection);
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
      exchanges_.publish_written(sending, event);
      break;
    case PacketType::pubrel:
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
  connection.client_id = event.text;
  Client& client = model_.client(event.actor, connection);
  connection.client_index = client.id;
  client.connection = connection.number;
  client.content = false;
  client.dead = false;
  if (!connection.connect->clean_session) return;
  client.out.clear();  // MQTT-3.1.2-6
  client.in.clear();
}

void ClientEnd::arrived(Connection& connection, const Event& event) {
  if (event.packet == PacketType::connack) connack(connection, event);
  Client* client = model_.client_of(connection);
  if (!client) return;
  switch (event.packet) {
    case PacketType::publish:
      if (event.message != 0) delivery_.arrived(*client, connection, event);
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
  // 3.1 does not tell; a client of it goes on with what it has.
  if (connection.connect->version == ProtocolVersion::v3_1) return;
  connection.client.resumed = event.flags != 0;
  if (connection.client.resumed)
    return exchanges_.resumed({connection, End::client, client->out, nullptr});
  for (const std::uint64_t id : client->out.keys())
    if (client->out.find(id)->connection != connection.number) client->out.erase(id);
  client->in.clear();
}

void ClientEnd::finish(Connection& connection) {
  Client* client = model_.client_of(connection);
  if (client && !connection.client.closed && client->connection == connection.number)
    exchanges_.over({connection, End::client, client->out, nullptr});
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
  }
}

}  // namespace mqttlab::oracle
