#include "protocol/oracle/will.h"

#include <algorithm>

#include "protocol/oracle/delivery.h"
#include "protocol/oracle/retained.h"

namespace mqttlab::oracle {

void Wills::accepted(Connection& connection) {
  if (!connection.connect || !connection.connect->has_will) return;
  connection.will = WillState::armed;
  by_message_[connection.connect->will_message].armed.push_back(connection.number);
}

void Wills::disarm(const Connection& connection) {
  std::erase(by_message_[connection.connect->will_message].armed, connection.number);
}

void Wills::disconnected(Connection& connection) {
  const bool taken_over = connection.challenged;
  if (connection.will == WillState::due && connection.will_seen_at != 0 &&
      !connection.will_justified && !taken_over) {
    model_.report.broken(Rule::will_iff, model_.now,
                         "the will of " + model_.who(connection) + " was published at " +
                             seconds(connection.will_seen_at) +
                             " although the connection ended with DISCONNECT at " +
                             seconds(model_.now),
                         {connection.will_event, model_.event_index});
    connection.will_seen_at = 0;
  }
  if (connection.will != WillState::armed || taken_over) return;
  connection.will = WillState::cancelled;
  disarm(connection);
  Instances& instances = by_message_[connection.connect->will_message];
  instances.past = {true, model_.event_index};
  if (!model_.matching(connection.connect->will_topic).empty()) {
    model_.report.checked(Rule::will_iff);
  }
}

void Wills::closed(Connection& connection) {
  if (connection.will == WillState::due) check_early(connection, model_.now);
  if (connection.will == WillState::armed) fire(connection);
}

// MQTT-3.1.2-8
void Wills::fire(Connection& connection) {
  connection.will = WillState::due;
  connection.will_event = model_.event_index;
  disarm(connection);
  const trace::ConnectDetail& connect = *connection.connect;
  const Acceptance acceptance{.message = connect.will_message,
                              .topic = connect.will_topic,
                              .publisher = connection.client_id,
                              .qos = connect.will_qos,
                              .will = true};
  delivery_->accept(acceptance);
  if (connect.will_retain)
    retained_->store(connect.will_topic, connect.will_message, connect.will_payload_empty,
                     connect.will_qos, true);
}

bool Wills::justified(const Connection& connection) const {
  const Time silence = model_.now - connection.broker.heard_at;
  const double limit = model_.settings.keep_alive_factor * connection.connect->keep_alive_s *
                       static_cast<double>(second);
  return connection.challenged || connection.broker.malformed_in ||
         connection.broker.heard_at == model_.now ||
         (limit > 0 && static_cast<double>(silence) >= limit);
}

bool Wills::seen(std::uint64_t message) {
  Instances* instances = by_message_.find(message);
  if (!instances || instances->armed.empty()) return false;
  Connection* chosen = nullptr;
  for (const std::uint32_t number : instances->armed) {
    Connection* connection = model_.find_connection(number);
    if (!connection) continue;
    if (!chosen || (!justified(*chosen) && justified(*connection))) chosen = connection;
  }
  if (!chosen) return false;
  chosen->will_seen_at = model_.now;
  chosen->will_justified = justified(*chosen);
  fire(*chosen);
  return true;
}

// A broker publishes the will when it decides, its host closes the link a moment later; much later
// only if answers to a client that broke a rule were still to be written.
void Wills::check_early(const Connection& connection, Time closed_at) {
  if (connection.will_seen_at == 0) return;
  const Time grace = connection.will_justified ? 60 * second : host_grace;
  if (closed_at <= connection.will_seen_at + grace) return;
  model_.report.broken(Rule::will_iff, closed_at,
                       "the will of " + model_.who(connection) + " was published at " +
                           seconds(connection.will_seen_at) +
                           " while the connection lived; it was still open at " +
                           seconds(closed_at),
                       {connection.will_event});
}

Wills::Past Wills::past(std::uint64_t message) {
  const Instances* instances = by_message_.find(message);
  return instances ? instances->past : Past{};
}

void Wills::finish(Time end) {
  for (const Connection* connection : model_.connections())
    if (connection->will == WillState::due && !connection->broker.closed)
      check_early(*connection, end);
}

}  // namespace mqttlab::oracle
