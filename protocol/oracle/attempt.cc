#include "protocol/oracle/attempt.h"

#include <algorithm>
#include <utility>

namespace mqttlab::oracle {

void Attempts::started(Actor device) {
  for (const std::uint32_t client : model_.clients_of(device)) retries_[client].told = true;
}

void Attempts::connect(const Connection& connection, const Client& client) {
  const auto retry = retries_.find(client.id);
  if (retry == retries_.end()) return;
  if (std::exchange(retry->second.told, false)) retry->second = {};
  if (retry->second.wait == 0 || connection.guest) return;
  model_.report.checked(Rule::backoff);
  const Time gap = connection.client.opened_at - client.lost_at;
  if (gap >= retry->second.wait) return;
  model_.report.broken(
      Rule::backoff, model_.now,
      model_.who(connection) + " was connected again at " + seconds(connection.client.opened_at) +
          ", " + seconds(gap) + " after its last connection had ended, the " +
          std::to_string(retry->second.failures) +
          ". in a row that was short; it should have waited " + seconds(retry->second.wait),
      {client.lost_event, model_.event_index});
}

void Attempts::answered(const Connection& connection) {
  check_bound(connection, "got CONNACK only");
}

void Attempts::check_bound(const Connection& connection, const char* what) {
  const Time allowed = model_.facts(connection.device).connect_timeout;
  const Time runs = model_.conditions.runs_since(End::client, connection.device);
  if (allowed == never || runs == never || connection.guest) return;
  model_.report.checked(Rule::connect_bound);
  const Time since = std::max(connection.client.opened_at, runs);
  if (model_.now <= since + allowed + model_.settings.host_grace) return;
  model_.report.broken(Rule::connect_bound, model_.now,
                       model_.who(connection) + " had its link at " + seconds(since) + " and " +
                           what + " at " + seconds(model_.now) + "; an attempt may take " +
                           seconds(allowed),
                       {model_.event_index});
}

void Attempts::over(const Connection& connection, bool still_open) {
  const Side& side = connection.client;
  const Client* client = model_.client_of(connection);
  if (client && client->dead) return;
  if (side.connack_at == 0) check_bound(connection, still_open ? "still waits" : "gave it up only");
  if (still_open || !client || client->connection != connection.number) return;
  const DeviceFacts& known = model_.facts(connection.device);
  if (known.backoff_initial == 0) return;
  Retry& retry = retries_[client->id];
  if (side.ended) {
    retry = {.told = true};
    return;
  }
  const bool stood = side.connack && model_.now - side.connack_at >= known.backoff_stable;
  if (stood && !connection.told_off) retry.failures = 0;
  retry.wait = wait(known, retry.failures++);
}

// The shortest, whatever the random part was.
Time Attempts::wait(const DeviceFacts& facts, std::uint32_t failures) {
  auto wait = static_cast<double>(facts.backoff_initial);
  const auto most = static_cast<double>(facts.backoff_maximum);
  for (std::uint32_t n = 0; n < failures && wait < most; ++n) wait *= facts.backoff_factor;
  return static_cast<Time>(std::min(wait, most) * (1.0 - facts.backoff_jitter));
}

}  // namespace mqttlab::oracle
