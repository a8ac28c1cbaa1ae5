#include "protocol/oracle/loss.h"

#include <algorithm>

#include "protocol/oracle/crash.h"
#include "protocol/oracle/expiry.h"
#include "protocol/oracle/honesty.h"
#include "protocol/oracle/subscription.h"

namespace mqttlab::oracle {

void Losses::finish(const Deadline& deadline) {
  for (Session* session : model_.sessions()) {
    const Connection* connection = model_.find_connection(session->connection);
    if (!connection || !connection->client.connack || connection->client.closed) continue;
    Table<bool> under_way;
    bool stuck = false;  // behind exchanges that do not end: Converge reports those
    for (const std::uint64_t id : session->out.keys()) {
      const Exchange& exchange = *session->out.find(id);
      under_way[exchange.message] = true;
      stuck = stuck || exchange.begun_at <= deadline.before;
    }
    std::vector<std::pair<std::uint64_t, std::uint64_t>> suspects;  // by order of acceptance
    for (const std::uint64_t message : session->records.keys()) {
      const Record& record = *session->records.find(message);
      if (record.delivered + record.excused >= record.required) continue;
      if (record.accepted_at > deadline.before || (stuck && record.begun == 0)) continue;
      if (record.begun == 0 && too_large(record.bytes, *connection)) continue;
      if (Expiry::excuses(record, model_.now)) continue;
      if (!under_way.find(message)) suspects.emplace_back(record.accepted, message);
    }
    std::sort(suspects.begin(), suspects.end());
    for (const auto& [accepted, message] : suspects) lost(*session, message);
    std::erase_if(suspects, [&](const auto& suspect) {
      const Record& record = *session->records.find(suspect.second);
      return record.will || record.begun + record.retained_begun > 0;
    });
    subscriptions_.lost(*session, suspects);
    honesty_.lost(*session, suspects);
  }
}

// Whether a copy has arrived that its client has not handed over.
bool Losses::has_kept(const Session& session, std::uint64_t message) {
  auto& all = model_.clients();
  return std::any_of(all.begin(), all.end(), [&](Client& client) {
    return client.client_id == session.client_id && client.arrivals.find(message);
  });
}

void Losses::lost(Session& session, std::uint64_t message) {
  const Record& record = *session.records.find(message);
  const Rule rule = record.will                        ? Rule::will_iff
                    : record.qos == QoS::at_least_once ? Rule::q1_noloss
                                                       : Rule::q2_once;
  const bool sent = record.begun + record.retained_begun > 0;
  std::string what = record.will ? "the will of client " : "a message of client ";
  what += model_.quoted(record.publisher) + " on topic " + model_.quoted(record.topic);
  what += record.will ? ", due at " : ", accepted by the broker at ";
  what += seconds(record.accepted_at) + ", never reached the application of client " +
          model_.quoted(session.client_id) + ", subscribed at QoS " +
          std::to_string(static_cast<int>(record.qos)) +
          (sent ? ": the broker sent it and the exchange is over"
                : ": the broker never sent it, and logged no reason");
  model_.crashes->missing(record.handled_at, record.accepted, what);
  const bool kept = record.kept_back() && has_kept(session, message);
  const End offender = kept ? End::client : End::broker;
  model_.report.broken(rule, offender, model_.now, what, {record.accepted});
}

}  // namespace mqttlab::oracle
