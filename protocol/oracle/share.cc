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

bool Shares::handed_on(Session& session, const Event& event) {
  for (Group* group : groups_of(session, event.text)) {
    const Record* due = group->records.find(event.message);
    if (!due) continue;
    Record& record = model_.record(session, event.message);
    if (record.permitted == 0) {
      const Record own = record;
      record = *due;
      record.permitted = record.required = record.begun = record.delivered = record.excused = 0;
      record.retained_permitted = own.retained_permitted;
      record.retained_begun = own.retained_begun;
      record.subscribed_at = own.subscribed_at;
    }
    ++record.permitted;
    record.shared = true;
    record.qos_mask = record.retain_mask = 0xFF;  // of the member before, perhaps
    return true;
  }
  return false;
}

// Which of several subscriptions brought a copy cannot be seen: then none is blamed.
void Shares::sent(const Session& session, const Record& record, const Event& event) {
  const std::vector<Group*> groups = groups_of(session, event.text);
  if (groups.size() != 1 || record.unshared) return;
  Record* shared = groups.front()->records.find(event.message);
  if (!shared) return;
  const QoS qos = trace::qos_of(event);
  if (++shared->begun <= shared->permitted || qos == QoS::at_least_once) return;
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

void Shares::finish(const Deadline& deadline) {
  if (!deadline.known) return;
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
      model_.report.broken(
          record.qos == QoS::at_least_once ? Rule::q1_noloss : Rule::q2_once, model_.now,
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
