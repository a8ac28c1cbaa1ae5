#include "protocol/oracle/honesty.h"

namespace mqttlab::oracle {

void Honesty::sent(const Record& record, std::uint64_t message) {
  if (record.published != QoS::exactly_once || record.will || record.begun != 1) return;
  model_.report.checked(Rule::q2_honest);
  sent_[message] = true;
}

// What only some sessions have missed is their loss, and not the publisher's. (MQTT-4.3.3-8)
void Honesty::lost(Session& session,
                   const std::vector<std::pair<std::uint64_t, std::uint64_t>>& unsent) {
  for (const auto& [accepted, message] : unsent) {
    const Record& record = *session.records.find(message);
    if (record.published != QoS::exactly_once || sent_to_anyone(message)) continue;
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

bool Honesty::sent_to_anyone(std::uint64_t message) {
  if (sent_.find(message)) return true;
  for (Session* session : model_.sessions()) {
    const Record* record = session->records.find(message);
    if (record && record->begun + record->retained_begun + record->excused > 0) return true;
  }
  return false;
}

}  // namespace mqttlab::oracle
