#include "protocol/oracle/drain.h"

#include "protocol/oracle/expiry.h"

namespace mqttlab::oracle {

void Drains::unread(const Connection& connection, std::uint64_t message, std::uint64_t event) {
  model_.report.checked(Rule::close_drain);
  unread_.push_back({message, event, model_.now, connection.number, connection.client_id});
  if (unread_.size() > remembered) unread_.pop_front();
}

// Somebody was there who would have been owed it, and nobody has got it.
void Drains::finish(const Deadline& deadline) {
  if (!deadline.known) return;
  for (const Unread& one : unread_) {
    if (one.at > deadline.before) continue;
    const Record* owed = nullptr;
    bool taken = false;
    for (Session* session : model_.sessions()) {
      const Record* record = session->records.find(one.message);
      if (!record) continue;
      taken = taken || record->begun + record->retained_begun + record->excused > 0 ||
              record->last_accepted != one.event;
      const Connection* connection = model_.find_connection(session->connection);
      const bool there = connection && connection->client.connack && !connection->client.closed;
      if (there && record->waived && !Expiry::excuses(*record, model_.now)) owed = record;
    }
    if (!owed || taken) continue;
    model_.report.broken(Rule::close_drain, model_.now,
                         "a message of client " + model_.quoted(one.client_id) + " on topic " +
                             model_.quoted(owed->topic) + " had arrived at " +
                             seconds(owed->accepted_at) + ", before its connection " +
                             std::to_string(one.connection) +
                             " was closed in order, and has had no effect",
                         {one.event});
  }
}

}  // namespace mqttlab::oracle
