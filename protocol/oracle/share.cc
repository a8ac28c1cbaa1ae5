#include "protocol/oracle/share.h"

#include <algorithm>

#include "protocol/oracle/expiry.h"

namespace mqttlab::oracle {

std::vector<Group*> Shares::groups_of(const Session& session, Text topic) {
  std::vector<Group*> groups;
  for (const std::uint32_t filter : model_.matching(topic))
    if (model_.filter(filter).group && model_.subscriber(filter, session.id))
      groups.push_back(model_.filter(filter).group.get());
  return groups;
}

// By its own subscription, as it is or has been (MQTT-4.8.2-3; v5 MQTT-3.3.1-12, MQTT-3.3.1-13).
Shares::Looks Shares::looks(const Record& due, const Subscriber& member) {
  Looks looks;
  for (std::uint8_t published = 0; published <= 2; ++published) {
    if ((due.qos_mask & bit(published)) == 0) continue;
    for (std::uint8_t granted = 0; granted <= 2; ++granted)
      if ((member.had_qos & bit(granted)) != 0) looks.qos_mask |= bit(std::min(published, granted));
  }
  if ((due.retain_mask & 1) != 0 || (member.had_retain & 1) != 0) looks.retain_mask |= 1;
  looks.retain_mask |= due.retain_mask & member.had_retain & 2;
  return looks;
}

const Subscriber* Shares::member(std::uint32_t filter, const Session& session, const Record& due) {
  if (const Subscriber* subscriber = model_.subscriber(filter, session.id)) return subscriber;
  for (const Filter::Former& former : model_.filter(filter).former)
    if (former.session == session.id && former.event > due.accepted) return &former.was;
  return nullptr;
}

bool Shares::handed_on(Session& session, const Event& event, bool as_wanted) {
  for (const std::uint32_t index : model_.matching(event.text)) {
    Group* group = model_.filter(index).group.get();
    const Record* due = group ? group->records.find(event.message) : nullptr;
    const Subscriber* subscriber = due ? member(index, session, *due) : nullptr;
    if (!subscriber) continue;
    const Looks as = looks(*due, *subscriber);
    const bool fits =
        (as.qos_mask & qos_bit(event)) != 0 && (as.retain_mask & retain_bit(event)) != 0;
    Record& record = model_.record(session, event.message);
    if (!fits && (as_wanted || record.begun < record.permitted || trace::retain_of(event)))
      continue;
    if (record.permitted == 0) {
      const Record own = record;
      record = *due;
      record.acceptances = record.permitted = record.required = record.begun = record.delivered =
          record.excused = 0;
      record.retained_permitted = own.retained_permitted;
      record.retained_begun = own.retained_begun;
      record.subscribed_at = own.subscribed_at;
      record.qos_mask = record.retain_mask = 0;
    }
    ++record.acceptances;
    ++record.permitted;
    record.shared = true;
    record.qos_mask |= as.qos_mask;
    record.retain_mask |= as.retain_mask;
    return true;
  }
  return false;
}

// Which of several subscriptions brought a copy cannot be seen: then none is blamed. One sent at
// QoS 1, to a member who was granted no more, may follow it to another member at QoS 2.
void Shares::sent(const Session& session, const Record& record, const Event& event) {
  const std::vector<Group*> groups = groups_of(session, event.text);
  if (groups.size() != 1 || record.unshared) return;
  Record* shared = groups.front()->records.find(event.message);
  if (!shared) return;
  const QoS qos = trace::qos_of(event);
  if (qos == QoS::at_least_once || ++shared->begun <= shared->permitted) return;
  model_.report.broken(qos == QoS::at_most_once ? Rule::q0_atmost : Rule::q2_once, model_.now,
                       "the broker sent client " + model_.quoted(session.client_id) + " at " +
                           seconds(model_.now) + " a message on topic " +
                           model_.quoted(event.text) +
                           " that another member of the shared subscription had been sent",
                       {shared->accepted, model_.event_index});
}

void Shares::delivered(const Session& session, const Event& event) {
  for (Group* group : groups_of(session, event.text))
    if (Record* shared = group->records.find(event.message)) ++shared->delivered;
}

// MQTT-4.8.2-6
void Shares::excused(const Session& session, Text topic, std::uint64_t message) {
  for (Group* group : groups_of(session, topic))
    if (Record* shared = group->records.find(message)) ++shared->excused;
}

// Only where every member is there, and has been since, is it certain that one should have it.
bool Shares::settled(const Filter& filter, std::uint64_t message, Time before) {
  return std::all_of(filter.subscribers.begin(), filter.subscribers.end(),
                     [&](const Subscriber& member) {
                       Session& session = *model_.session(member.session);
                       const Connection* connection = model_.find_connection(session.connection);
                       if (!connection || !connection->client.connack || connection->client.closed)
                         return false;
                       const auto ids = session.out.keys();
                       return std::all_of(ids.begin(), ids.end(), [&](std::uint64_t id) {
                         const Exchange& exchange = *session.out.find(id);
                         return exchange.message != message && exchange.begun_at > before;
                       });
                     });
}

// MQTT-4.8.2-5. Only where another member is there to take it.
void Shares::left(Session& session) {
  for (const std::uint64_t id : session.out.keys()) {
    const Exchange& exchange = *session.out.find(id);
    const Record* record = session.records.find(exchange.message);
    if (exchange.qos != QoS::at_least_once || !record || !record->shared) continue;
    if (record->unshared || record->delivered > 0) continue;
    for (const std::uint32_t index : model_.matching(exchange.topic)) {
      const Filter& filter = model_.filter(index);
      if (!filter.group || !model_.subscriber(index, session.id)) continue;
      const Record* shared = filter.group->records.find(exchange.message);
      const bool others = std::any_of(
          filter.subscribers.begin(), filter.subscribers.end(), [&](const Subscriber& member) {
            return member.session != session.id && model_.session(member.session)->connection != 0;
          });
      if (!shared || !others) continue;
      model_.report.checked(Rule::shared_redispatch);
      left_.push_back({index, exchange.message, exchange.event, model_.now, session.client_id,
                       shared->delivered + shared->excused});
      if (left_.size() > remembered) left_.pop_front();
    }
  }
}

void Shares::redispatched(const Deadline& deadline) {
  for (const Left& one : left_) {
    const Filter& filter = model_.filter(one.filter);
    const Record* shared = filter.group->records.find(one.message);
    if (!shared || one.at > deadline.before || filter.subscribers.empty()) continue;
    if (shared->delivered + shared->excused > one.delivered) continue;
    if (Expiry::excuses(*shared, model_.now)) continue;
    model_.report.broken(Rule::shared_redispatch, model_.now,
                         "a message on topic " + model_.quoted(shared->topic) + " that client " +
                             model_.quoted(one.client_id) +
                             " had not acknowledged when its session ended, at " + seconds(one.at) +
                             ", went to no other member of " + model_.quoted(filter.text),
                         {one.event});
  }
}

void Shares::finish(const Deadline& deadline) {
  if (!deadline.known) return;
  redispatched(deadline);
  for (std::uint32_t index = 0; index < model_.filters(); ++index) {
    Filter& filter = model_.filter(index);
    if (!filter.group || filter.subscribers.empty()) continue;
    for (const std::uint64_t message : filter.group->records.keys()) {
      const Record& record = *filter.group->records.find(message);
      if (record.delivered + record.excused >= record.required) continue;
      if (record.accepted_at > deadline.before || filter.group->left_at >= record.accepted_at)
        continue;
      if (Expiry::excuses(record, model_.now) || !settled(filter, message, deadline.before))
        continue;
      const bool kept_back = std::any_of(
          filter.subscribers.begin(), filter.subscribers.end(), [&](const Subscriber& member) {
            const Record* own = model_.session(member.session)->records.find(message);
            return own && own->kept_back();
          });
      model_.report.broken(
          record.qos == QoS::at_least_once ? Rule::q1_noloss : Rule::q2_once,
          kept_back ? End::client : End::broker, model_.now,
          "a message of client " + model_.quoted(record.publisher) + " on topic " +
              model_.quoted(record.topic) + ", accepted by the broker at " +
              seconds(record.accepted_at) +
              ", never reached the application of any member of the shared subscription " +
              model_.quoted(filter.text),
          {record.accepted});
    }
  }
}

}  // namespace mqttlab::oracle
