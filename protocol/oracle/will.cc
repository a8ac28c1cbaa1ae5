#include "protocol/oracle/will.h"

#include <algorithm>

#include "protocol/oracle/delivery.h"
#include "protocol/oracle/retained.h"

namespace mqttlab::oracle {
namespace {

// A broker that has nothing else to write or to wait for publishes a will this soon.
constexpr Time late_after = 10 * second;

std::uint64_t order_key(const Record& record, QoS sent) {
  return std::uint64_t{record.publisher} << 36 | std::uint64_t{record.topic} << 4 |
         static_cast<std::uint64_t>(record.published) << 2 | static_cast<std::uint64_t>(sent);
}

}  // namespace

void Wills::accepted(Connection& connection) {
  if (!connection.connect || !connection.connect->has_will) return;
  connection.will = WillState::armed;
  by_message_[connection.connect->will_message].armed.push_back(connection.number);
  topics_[std::uint64_t{connection.connect->will_topic} + 1] = true;
}

void Wills::disarm(const Connection& connection) {
  std::erase(by_message_[connection.connect->will_message].armed, connection.number);
}

void Wills::cancel(const trace::ConnectDetail& connect, bool by_resume) {
  by_message_[connect.will_message].past = {true, by_resume, model_.event_index};
  if (!model_.matching(connect.will_topic).empty()) model_.report.checked(Rule::will_iff);
}

// MQTT-3.1.2-10, MQTT-3.14.4-3
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
  cancel(*connection.connect, false);
}

// How long the will waits once the connection is over: not longer than the session lasts.
Time Wills::delay(const Connection& connection) {
  const Session* session = model_.session(connection.session);
  if (!session) return 0;
  return after(0, std::min(connection.connect->will_delay_s, session->outlives_s));
}

// v3 MQTT-3.1.2-8, v5 MQTT-3.1.2-8
void Wills::closed(Connection& connection) {
  if (connection.will == WillState::due) check_early(connection, model_.now);
  if (connection.will != WillState::armed) return;
  const Time wait = delay(connection);
  if (wait == 0) return fire(connection);
  disarm(connection);
  connection.will = WillState::waiting;
  const Session& session = *model_.session(connection.session);
  const auto from = [&](Time instant) { return wait == never ? never : instant + wait; };
  waiting_[session.id] = {connection.connect, connection.client_id, connection.number,
                          from(session.left_at), from(model_.now)};
  by_message_[connection.connect->will_message].waiting.push_back(session.id);
  if (wait != never) due_.emplace(from(model_.now), session.id);
}

void Wills::fire(Connection& connection) {
  connection.will = WillState::due;
  connection.will_event = model_.event_index;
  disarm(connection);
  accept(*connection.connect, connection.client_id, true);
}

void Wills::fire(std::uint32_t session, bool owed) {
  const Waiting will = waiting_.at(session);
  waiting_.erase(session);
  std::erase(by_message_[will.connect->will_message].waiting, session);
  accept(*will.connect, will.client_id, owed);
}

// An older one that may have been published, and was not before what its client has said since,
// cannot come any more.
void Wills::overtaken(std::uint64_t message) {
  for (Session* session : model_.sessions()) {
    Record* record = session->records.find(message);
    if (!record || !record->will || record->mixed) continue;
    for (const auto qos : {QoS::at_most_once, QoS::at_least_once, QoS::exactly_once}) {
      const bool only = record->qos_mask == bit(static_cast<std::uint8_t>(qos));
      if (only && later(*session, *record, qos)) record->permitted = record->begun;
    }
  }
}

void Wills::accept(const trace::ConnectDetail& connect, Text client_id, bool owed) {
  overtaken(connect.will_message);
  delivery_->accept({.message = connect.will_message,
                     .topic = connect.will_topic,
                     .publisher = client_id,
                     .qos = connect.will_qos,
                     .retain = connect.will_retain,
                     .will = true,
                     .expiry_s = connect.will_expiry_s.value_or(endless_expiry_s)});
  if (!owed) delivery_->unacknowledged(connect.will_message, model_.event_index);
  if (connect.will_retain) {
    retained_->store({.topic = connect.will_topic,
                      .message = connect.will_message,
                      .publisher = client_id,
                      .will = true,
                      .empty = connect.will_payload_empty,
                      .qos = connect.will_qos,
                      .expiry_s = connect.will_expiry_s.value_or(endless_expiry_s)},
                     owed);
  }
}

// Somebody who is about to come back may be in time or not.
void Wills::due() {
  const auto [by, session] = due_.top();
  due_.pop();
  const auto will = waiting_.find(session);
  if (will == waiting_.end() || will->second.by != by) return;
  const Connection* connecting = model_.connecting(will->second.client_id);
  const Time now = std::exchange(model_.now, by);  // nothing has happened since then
  fire(session, !connecting || connecting->connect->clean_session);
  model_.now = now;
}

// MQTT-3.1.3-9. A delay of 0 is over before anybody can be back.
void Wills::resumed(Session& session) {
  if (const auto will = waiting_.find(session.id); will != waiting_.end()) {
    if (model_.now >= will->second.from - model_.settings.host_grace)
      return fire(session.id, false);
    const Waiting cancelled = will->second;
    waiting_.erase(will);
    std::erase(by_message_[cancelled.connect->will_message].waiting, session.id);
    return cancel(*cancelled.connect, true);
  }
  Connection* older = model_.find_connection(session.connection);
  if (!older || older->will != WillState::armed || delay(*older) == 0) return;
  older->will = WillState::cancelled;
  disarm(*older);
  cancel(*older->connect, true);
}

void Wills::session_over(const Session& session) {
  if (waiting_.contains(session.id)) fire(session.id, true);
}

void Wills::crashed() {
  while (!waiting_.empty()) fire(waiting_.begin()->first, false);
  for (Connection* connection : model_.connections()) {
    if (!connection->broker.open() || connection->will != WillState::armed) continue;
    connection->will = WillState::due;
    connection->will_event = model_.event_index;
    disarm(*connection);
    accept(*connection->connect, connection->client_id, false);
  }
}

// A CONNECT that asks for a new session ends the old one, whenever the broker gets round to it.
bool Wills::replaced_for_good(Text client_id) const {
  const Connection* connecting = model_.connecting(client_id);
  return connecting && connecting->connect->clean_session;
}

bool Wills::justified(const Connection& connection) const {
  const Time silence = model_.now - connection.broker.heard_at;
  const double limit =
      model_.settings.keep_alive_factor * connection.keep_alive_s * static_cast<double>(second);
  return connection.challenged || connection.broker.malformed_in || connection.dismissed ||
         connection.broker.heard_at == model_.now ||
         (limit > 0 && static_cast<double>(silence) >= limit);
}

// Of a will that is to wait: its connection cannot have been given up before the last packet came,
// nor without a reason.
bool Wills::too_early(const Connection& connection) {
  const Time wait = delay(connection);
  if (wait == 0 || replaced_for_good(connection.client_id)) return false;
  return !justified(connection) || wait == never || model_.now < connection.broker.heard_at + wait;
}

bool Wills::seen(std::uint64_t message) {
  const Instances* instances = by_message_.find(message);
  if (!instances) return false;
  Connection* chosen = nullptr;
  for (const std::uint32_t number : instances->armed) {
    Connection* connection = model_.find_connection(number);
    if (!connection || connection->will != WillState::armed) continue;
    if (!chosen || (!justified(*chosen) && justified(*connection))) chosen = connection;
  }
  const bool doubtful = !chosen || !justified(*chosen) || too_early(*chosen);
  if (doubtful && seen_waiting(*instances)) return true;
  if (!chosen) return false;
  if (too_early(*chosen)) {
    early(chosen->client_id, "while its connection lived, and it was to wait after that",
          chosen->connect_event);
  } else {
    chosen->will_seen_at = model_.now;
    chosen->will_justified = justified(*chosen);
  }
  fire(*chosen);
  return true;
}

bool Wills::ready(std::uint32_t session) const {
  const Waiting& will = waiting_.at(session);
  return model_.now >= will.from - model_.settings.host_grace || replaced_for_good(will.client_id);
}

bool Wills::seen_waiting(const Instances& instances) {
  if (instances.waiting.empty()) return false;
  const auto found = std::find_if(instances.waiting.begin(), instances.waiting.end(),
                                  [this](std::uint32_t one) { return ready(one); });
  const std::uint32_t session =
      found != instances.waiting.end() ? *found : instances.waiting.front();
  const Waiting& will = waiting_.at(session);
  if (found == instances.waiting.end())
    early(will.client_id, "although its delay is over only at " + seconds(will.from),
          model_.event_index);
  fire(session, true);
  return true;
}

void Wills::early(Text client_id, const std::string& why, std::uint64_t event) {
  model_.report.broken(Rule::will_iff, model_.now,
                       "the will of client " + model_.quoted(client_id) + " was published at " +
                           seconds(model_.now) + " " + why,
                       {event, model_.event_index});
}

// A broker publishes the will when it decides, its host closes the link a moment later; much later
// only if answers to a client that broke a rule were still to be written.
void Wills::check_early(const Connection& connection, Time closed_at) {
  if (connection.will_seen_at == 0) return;
  const Time grace = connection.will_justified ? 60 * second : model_.settings.host_grace;
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

// What the client of a will had published on its topic after that was due, and was sent: the index
// of its acceptance, plus 1; null: nothing.
const std::uint64_t* Wills::later(Session& session, const Record& record, QoS qos) const {
  const std::uint64_t* sent = session.sent_on_will_topic.find(order_key(record, qos));
  return sent && *sent > record.last_accepted + 1 ? sent : nullptr;
}

bool Wills::is_next(Session& session, const Record& record, const Event& event) {
  const Instances* instances = by_message_.find(event.message);
  if (!record.will || !instances || !later(session, record, trace::qos_of(event))) return false;
  return std::any_of(instances->waiting.begin(), instances->waiting.end(),
                     [this](std::uint32_t one) { return ready(one); });
}

void Wills::sent(const Connection& connection, Session& session, const Record& record,
                 const Event& event) {
  if (!topics_.find(std::uint64_t{record.topic} + 1)) return;
  if (!record.will) {
    // The acceptance's index + 1.
    std::uint64_t& last = session.sent_on_will_topic[order_key(record, trace::qos_of(event))];
    last = std::max(last, record.accepted + 1);
    return;
  }
  model_.report.checked(Rule::will_order);
  if (const std::uint64_t* after = later(session, record, trace::qos_of(event))) {
    model_.report.broken(
        Rule::will_order, model_.now,
        "the broker sent client " + model_.quoted(session.client_id) + " at " +
            seconds(model_.now) + " the will of client " + model_.quoted(record.publisher) +
            " on topic " + model_.quoted(record.topic) + ", due at " + seconds(record.accepted_at) +
            ", after a message that this client published on a later connection",
        {record.last_accepted, *after - 1, model_.event_index});
  }
  if (connection.taken_at_once(event))
    check_late(session, record, std::max(connection.broker.connack_at, session.progress_at));
}

// All that was written had arrived, and nothing had to be acknowledged first: there was no reason
// to wait.
void Wills::check_late(const Session& session, const Record& record, Time free_since) {
  const bool first = record.begun == 1 && record.accepted == record.last_accepted;
  if (!first || session.out.size() > 1) return;
  if (model_.now <= std::max(record.accepted_at, free_since) + late_after) return;
  model_.report.broken(Rule::will_iff, model_.now,
                       "the will of client " + model_.quoted(record.publisher) + " on topic " +
                           model_.quoted(record.topic) + " was due at " +
                           seconds(record.accepted_at) + " and sent to client " +
                           model_.quoted(session.client_id) + " only at " + seconds(model_.now) +
                           " although nothing else was under way",
                       {record.accepted, model_.event_index});
}

void Wills::finish(Time end) {
  for (const Connection* connection : model_.connections())
    if (connection->will == WillState::due && !connection->broker.closed)
      check_early(*connection, end);
}

}  // namespace mqttlab::oracle
