#include "protocol/broker/sys_topics.h"

#include <string>
#include <utility>

namespace mqttlab {

void publish_sys_topics(Router& router, const BrokerGauges& gauges, Time uptime, Time now) {
  const std::pair<std::string_view, std::uint64_t> topics[] = {
      {"$SYS/broker/uptime", static_cast<std::uint64_t>(uptime / second)},  // seconds
      {"$SYS/broker/clients/connected", gauges.connections},
      {"$SYS/broker/clients/total", gauges.sessions},
      {"$SYS/broker/messages/received", gauges.packets_received},
      {"$SYS/broker/messages/sent", gauges.packets_sent},
      {"$SYS/broker/messages/inflight", gauges.in_flight},
      {"$SYS/broker/store/messages/count", gauges.queued_messages},
      {"$SYS/broker/publish/messages/received", gauges.messages_received},
      {"$SYS/broker/publish/messages/sent", gauges.messages_sent},
      {"$SYS/broker/publish/messages/dropped", gauges.messages_dropped},
      {"$SYS/broker/retained messages/count", gauges.retained},
      {"$SYS/broker/subscriptions/count", gauges.subscriptions},
      {"$SYS/broker/bytes/received", gauges.bytes_received},
      {"$SYS/broker/bytes/sent", gauges.bytes_sent},
  };
  for (const auto& [topic, value] : topics) router.publish_own(topic, std::to_string(value), now);
}

}  // namespace mqttlab
