#include "protocol/oracle/stream.h"

namespace mqttlab::oracle {
void Streams::broken(const Connection& connection, const Event& event, const std::string& how) {
  model_.report.broken(
      Rule::stream_ok, event.end, event.at,
      model_.sender(connection, event.end) + " wrote " + how + " at " + seconds(event.at),
      {model_.event_index});
}

void Streams::written(Connection& connection, const Event& event) {
  model_.report.checked(Rule::stream_ok);
  const char* why = event.end == End::client ? out_of_turn_client(connection, event.packet)
                                             : out_of_turn_broker(connection, event.packet);
  if (why) broken(connection, event, std::string(name(event.packet)) + why);
  const std::uint32_t limit_bytes = connection.side(event.end).window.packet_limit;
  if (limit_bytes != 0 && event.bytes > limit_bytes) {  // v5 MQTT-3.1.2-24, v5 MQTT-3.2.2-15
    broken(connection, event,
           std::string(name(event.packet)) + " of " + std::to_string(event.bytes) +
               " bytes where the other end takes " + std::to_string(limit_bytes));
  }
}

const char* Streams::out_of_turn_client(const Connection& connection, PacketType packet) {
  const Side& side = connection.client;
  const bool authenticates = connection.connect && connection.connect->authenticates;
  if (packet == PacketType::connect)  // MQTT-3.1.0-2
    return side.written == 0 ? nullptr : " a second time on one connection";
  if (side.written == 0) return " as its first packet, not CONNECT";  // MQTT-3.1.0-1
  if (side.ended) return " after DISCONNECT";        // v3 MQTT-3.14.4-2, v5 MQTT-3.14.4-1
  if (packet == PacketType::auth && !authenticates)  // MQTT-4.12.0-7
    return " without having named an authentication method";
  const bool allowed = packet == PacketType::auth || packet == PacketType::disconnect;
  if (authenticates && !side.connack && !allowed)  // v5 MQTT-3.1.2-30
    return " while it was being authenticated";
  return nullptr;
}

const char* Streams::out_of_turn_broker(const Connection& connection, PacketType packet) {
  const Side& side = connection.broker;
  if (packet == PacketType::connack)  // v5 MQTT-3.2.0-2
    return side.connack ? " a second time on one connection" : nullptr;
  if (packet == PacketType::auth && connection.connect && !connection.connect->authenticates)
    return " to who had named no authentication method";  // MQTT-4.12.0-6
  if (!side.connack)                                      // MQTT-3.2.0-1, MQTT-3.14.0-1
    return packet == PacketType::auth ? nullptr : " as its first packet, not CONNACK";
  if (connection.code != 0) return " after a CONNACK that refuses";  // v3 MQTT-3.2.2-5
  if (connection.dismissed) return " after DISCONNECT";              // v5 MQTT-3.14.4-1
  return nullptr;
}

// A host that lets bytes appear from nowhere would make every other verdict worthless.
void Streams::arrived(Connection& connection, const Event& event) {
  const Side& from = event.end == End::client ? connection.broker : connection.client;
  const Side& to = event.end == End::client ? connection.client : connection.broker;
  if (!from.opened || to.arrived < from.written || from.malformed_out) return;
  model_.report.broken(Rule::stream_ok, event.at,
                       std::string(name(event.packet)) + " arrived at the " +
                           (event.end == End::client ? "client's" : "broker's") + " end of " +
                           model_.who(connection) + " at " + seconds(event.at) +
                           " although the other end had written only " +
                           std::to_string(from.written) + " packets",
                       {model_.event_index});
}

// The sender is to blame, and once: what was malformed when written arrives malformed. Some
// statements are rules of their own.
void Streams::malformed(Connection& connection, const Event& event) {
  const bool at_receiver = event.flags != 0;
  const End end = !at_receiver ? event.end : event.end == End::client ? End::broker : End::client;
  const Side& from = end == End::client ? connection.client : connection.broker;
  if (at_receiver && from.opened) return;
  const std::string statement(model_.log->text(event.text));
  const bool id_0 =
      statement == "MQTT-2.3.1-1" || statement == "MQTT-2.2.1-3" || statement == "MQTT-2.2.1-4";
  const Rule rule = statement == "MQTT-3.3.1-2"   ? Rule::dup_rule
                    : statement == "MQTT-3.3.2-8" ? Rule::alias_scope
                    : id_0                        ? Rule::pid_unique
                                                  : Rule::stream_ok;
  model_.report.broken(rule, end, event.at,
                       model_.sender(connection, end) + " wrote " + std::to_string(event.bytes) +
                           " bytes that are no packet (" +
                           (statement.empty() ? std::string("no statement") : statement) + ") at " +
                           seconds(event.at),
                       {model_.event_index});
}

}  // namespace mqttlab::oracle
