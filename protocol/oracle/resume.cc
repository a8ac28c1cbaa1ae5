#include "protocol/oracle/resume.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "protocol/oracle/expiry.h"

namespace mqttlab::oracle {

void Resumes::over(const Connection& connection, Session& session) {
  const Side& broker = connection.broker;
  if (!broker.resumed || session.connection != connection.number) return;
  model_.report.checked(Rule::sess_queue);
  const Time busy_until = std::max(broker.connack_at, session.progress_at);
  // With nothing under way, and other packets after so long, it sends no more.
  const bool quiet = connection.link_free(End::broker, model_.now) && session.out.empty() &&
                     connection.client.heard_at > busy_until + quiet_after;
  if (!quiet) return;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> missing;  // by order of acceptance
  for (const std::uint64_t message : session.records.keys()) {
    const Record& record = *session.records.find(message);
    if (record.begun + record.retained_begun + record.excused > 0 || record.required == 0) continue;
    if (record.handled_at >= broker.connack_at || Expiry::excuses(record, model_.now)) continue;
    if (!too_large(record.bytes, connection)) missing.emplace_back(record.accepted, message);
  }
  if (missing.empty()) return;
  const auto [accepted, message] = *std::min_element(missing.begin(), missing.end());
  const Record& record = *session.records.find(message);
  model_.report.broken(
      Rule::sess_queue, model_.now,
      "the session of " + model_.who(connection) + ", resumed at " + seconds(broker.connack_at) +
          ", had lost " + std::to_string(missing.size()) +
          " messages that it was due; the oldest, on topic " + model_.quoted(record.topic) +
          ", had been accepted at " + seconds(record.accepted_at),
      {accepted, broker.connack_event});
}

// An acknowledgement that came with the end of the connection may not have been read.
void Resumes::sent_again(const Connection& connection, const Session& session, const Record& record,
                         const std::string& what) {
  const bool done = record.acknowledged >= record.permitted + record.retained_permitted;
  if (!connection.broker.resumed || !done) return;
  if (record.acknowledged_at + model_.settings.host_grace >= session.left_at) {
    if (session.closed_in_order && record.acknowledged_at <= session.gone_at)
      model_.report.broken(Rule::close_drain, model_.now,
                           what +
                               " again, although its acknowledgement had arrived before the "
                               "client closed the connection in order",
                           {record.accepted, model_.event_index});
    return;
  }
  model_.report.broken(Rule::sess_queue, model_.now,
                       what + " again after its session was resumed, although the message had " +
                           "been acknowledged at " + seconds(record.acknowledged_at),
                       {record.accepted, model_.event_index});
}

}  // namespace mqttlab::oracle
