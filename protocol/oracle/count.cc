#include "protocol/oracle/count.h"

#include <algorithm>

namespace mqttlab::oracle {

void Counts::bounded(std::uint64_t count, std::uint64_t most, const char* what) {
  if (most == 0) return;
  model_.report.checked(Rule::bounded);
  if (count <= most) return;
  model_.report.broken(Rule::bounded, model_.now,
                       "at the end the broker counts " + std::to_string(count) + " " + what +
                           ", and may have " + std::to_string(most),
                       {});
}

void Counts::leaked(std::uint64_t count, std::uint64_t most, const char* what) {
  model_.report.checked(Rule::leak);
  if (count <= most) return;
  model_.report.broken(Rule::leak, model_.now,
                       "at the end the broker counts " + std::to_string(count) + " " + what +
                           ", and no more than " + std::to_string(most) + " can be left",
                       {});
}

// What the broker may still have: sessions that go on, and those of whom a CONNECT was not
// answered.
void Counts::finish(const Deadline& deadline) {
  if (!gauges_) return;
  const Gauges& now = *gauges_;
  bounded(now.retained, now.most_retained, "retained messages");
  bounded(now.queued, now.most_queued * now.sessions, "queued messages");
  bounded(now.in_flight, now.most_in_flight * now.sessions, "messages in flight");
  if (!deadline.known) return model_.report.not_observable(Rule::leak, "the run did not settle");
  std::uint64_t connections = 0;
  for (const Connection* connection : model_.connections())
    connections += connection->broker.open();
  const std::uint64_t sessions = model_.sessions().size() + model_.doubtful();
  leaked(now.connections, connections, "connections");
  leaked(now.sessions, sessions, "sessions");
  if (sessions > 0) return;
  leaked(now.subscriptions, 0, "subscriptions");
  leaked(now.queued, 0, "queued messages");
  leaked(now.in_flight, 0, "messages in flight");
  leaked(now.session_bytes, 0, "bytes of sessions");
  leaked(now.pending_wills, 0, "wills that wait");
}

}  // namespace mqttlab::oracle
