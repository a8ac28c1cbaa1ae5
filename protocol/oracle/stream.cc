#include "protocol/oracle/stream.h"

namespace mqttlab::oracle {
void Streams::broken(const Connection& connection, const Event& event, const std::string& how) {
  model_.report.broken(
      Rule::stream_ok, event.at,
      model_.sender(connection, event.end) + " wrote " + how + " at " + seconds(event.at),
      {model_.event_index});
}

void Streams::written(Connection& connection, const Event& event) {
  model_.report.checked(Rule::stream_ok);
  const Side& side = event.end == End::client ? connection.client : connection.broker;
  const PacketType opening = event.end == End::client ? PacketType::connect : PacketType::connack;
  const std::string packet(name(event.packet));
  if (side.written == 0 && event.packet != opening) {  // MQTT-3.1.0-1, MQTT-3.2.0-1
    broken(connection, event, packet + " as its first packet, not " + std::string(name(opening)));
  } else if (side.written > 0 && event.packet == opening) {  // MQTT-3.1.0-2
    broken(connection, event, packet + " a second time on one connection");
  } else if (event.end == End::client && side.ended) {  // MQTT-3.14.4-2
    broken(connection, event, packet + " after DISCONNECT");
  } else if (event.end == End::broker && side.connack && connection.code != 0) {
    broken(connection, event, packet + " after a CONNACK that refuses");  // MQTT-3.2.2-5
  }
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
  model_.report.broken(rule, event.at,
                       model_.sender(connection, end) + " wrote " + std::to_string(event.bytes) +
                           " bytes that are no packet (" +
                           (statement.empty() ? std::string("no statement") : statement) + ") at " +
                           seconds(event.at),
                       {model_.event_index});
}

}  // namespace mqttlab::oracle
