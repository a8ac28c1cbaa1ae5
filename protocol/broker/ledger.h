// Ledger: what the broker counts, and what it records in the trace because the wire cannot show it.
#pragma once

#include <string_view>

#include "protocol/broker/broker.h"
#include "protocol/trace/log.h"

namespace mqttlab {

class Ledger {
 public:
  /// `log` may be null.
  Ledger(trace::Log* log, trace::Actor actor) : log_(log), actor_(actor) {}

  BrokerGauges gauges;  ///< counters; what can be looked up is filled in by Broker::gauges()

  /// Messages are told apart in the trace only: without one nobody needs to hash them.
  [[nodiscard]] bool tracing() const { return log_ != nullptr; }
  /// A message will not be delivered to the session of `client_id`; empty: to no session at all.
  /// `identity` is trace::Log::identity(), or 0 if not tracing.
  void dropped(trace::DropReason reason, std::string_view client_id, std::uint64_t identity,
               QoS qos, Time now);
  void session_ended(std::string_view client_id, Time now);

 private:
  trace::Log* log_;
  trace::Actor actor_;
};

}  // namespace mqttlab
