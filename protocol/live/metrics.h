// Metrics: what a broker counts about itself, as Prometheus reads it.
#pragma once

#include <string>

#include "protocol/live/broker_server.h"

namespace mqttlab::live {

/// Content type of the text exposition format 0.0.4.
inline constexpr const char* metrics_type = "text/plain; version=0.0.4; charset=utf-8";

/// Each metric with its HELP and TYPE. Names end in their unit and, of counters, in _total; nothing
/// in them comes from clients.
[[nodiscard]] std::string metrics_text(const BrokerServer& server);

}  // namespace mqttlab::live
