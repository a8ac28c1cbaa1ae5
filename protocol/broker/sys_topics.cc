#include "protocol/broker/sys_topics.h"

#include <cmath>
#include <cstdio>
#include <string>
#include <utility>

namespace mqttlab {

void LoadAverages::update(std::uint64_t count, Time elapsed) {
  const double passed_min = static_cast<double>(elapsed) / static_cast<double>(60 * second);
  const double rate = static_cast<double>(count - std::exchange(count_, count)) / passed_min;
  for (std::size_t i = 0; i < minutes.size(); ++i)
    per_minute_[i] = rate + (per_minute_[i] - rate) * std::exp(-passed_min / minutes[i]);
}

void SysTopics::publish(Router& router, const BrokerGauges& gauges, Time uptime, Time now) {
  using Value = std::pair<std::string_view, std::uint64_t>;
  const Value values[] = {
      {"uptime", static_cast<std::uint64_t>(uptime / second)},  // seconds
      {"clients/connected", gauges.connections},
      {"clients/disconnected", gauges.sessions - gauges.connections},
      {"clients/total", gauges.sessions},
      {"clients/maximum", gauges.most_connections},
      {"clients/expired", gauges.sessions_expired},
      {"messages/received", gauges.packets_received},
      {"messages/sent", gauges.packets_sent},
      {"messages/inflight", gauges.in_flight},
      {"store/messages/count", gauges.queued_messages},
      {"store/messages/bytes", gauges.session_bytes},
      {"publish/messages/received", gauges.messages_received},
      {"publish/messages/sent", gauges.messages_sent},
      {"publish/messages/dropped", gauges.messages_dropped},
      {"retained messages/count", gauges.retained},
      {"subscriptions/count", gauges.subscriptions},
      {"bytes/received", gauges.bytes_received},
      {"bytes/sent", gauges.bytes_sent},
  };
  const std::array<Value, loads> counters{{
      {"messages/received", gauges.packets_received},
      {"messages/sent", gauges.packets_sent},
      {"publish/received", gauges.messages_received},
      {"publish/sent", gauges.messages_sent},
      {"publish/dropped", gauges.messages_dropped},
      {"bytes/received", gauges.bytes_received},
      {"bytes/sent", gauges.bytes_sent},
      {"connections", gauges.connects_accepted},
  }};
  const std::string root = "$SYS/broker/";
  const auto show = [&](const std::string& topic, std::string_view value) {
    router.publish_own(root + topic, value, now);
  };
  show("version", "mqttlab " MQTTLAB_VERSION);
  for (const auto& [topic, value] : values) show(std::string(topic), std::to_string(value));
  const Time elapsed = uptime - std::exchange(last_, uptime);
  for (std::size_t i = 0; i < counters.size(); ++i) {
    loads_[i].update(counters[i].second, elapsed);
    for (std::size_t window = 0; window < LoadAverages::minutes.size(); ++window) {
      char value[32];
      std::snprintf(value, sizeof value, "%.2f", loads_[i].per_minute()[window]);
      show("load/" + std::string(counters[i].first) + "/" +
               std::to_string(LoadAverages::minutes[window]) + "min",
           value);
    }
  }
}

}  // namespace mqttlab
