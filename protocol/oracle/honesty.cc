#include "protocol/oracle/honesty.h"

namespace mqttlab::oracle {

void Honesty::sent(const Record& record) {
  if (record.published == QoS::exactly_once && !record.will && record.begun == 1)
    model_.report.checked(Rule::q2_honest);
}

void Honesty::session_over(Session& session) {
  for (const std::uint64_t message : session.records.keys()) {
    const Record& record = *session.records.find(message);
    if (record.published != QoS::exactly_once || record.begun + record.retained_begun == 0)
      continue;
    if (!sent_.find(message)) order_.push_back(message);
    sent_[message] = record.last_accepted;
  }
  for (; order_.size() > remembered; order_.pop_front()) sent_.erase(order_.front());
}

// What only some sessions have missed is their loss, and not the publisher's. (MQTT-4.3.3-8)
void Honesty::lost(Session& session,
                   const std::vector<std::pair<std::uint64_t, std::uint64_t>>& unsent) {
  for (const auto& [accepted, message] : unsent) {
    const Record& record = *session.records.find(message);
    if (record.published != QoS::exactly_once || sent_to_anyone(message, accepted)) continue;
    if (std::exchange(reported_[message], true)) continue;
    model_.report.broken(
        Rule::q2_honest, model_.now,
        "the broker acknowledged a QoS 2 message of client " + model_.quoted(record.publisher) +
            " on topic " + model_.quoted(record.topic) + ", taken at " +
            seconds(record.accepted_at) + ", has sent it to no session there is, client " +
            model_.quoted(session.client_id) + " among them, and logged no reason",
        {accepted});
  }
}

bool Honesty::sent_to_anyone(std::uint64_t message, std::uint64_t accepted) {
  const std::uint64_t* last = sent_.find(message);
  if (last && *last >= accepted) return true;
  for (Session* session : model_.sessions()) {
    const Record* record = session->records.find(message);
    if (record && record->begun + record->retained_begun + record->excused > 0) return true;
  }
  return false;
}

}  // namespace mqttlab::oracle
