#include "protocol/live/metrics.h"

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <string_view>

#include "protocol/trace/event.h"

namespace mqttlab::live {
namespace {

const double started_s =
    std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();

class Page {
 public:
  void head(std::string_view name, std::string_view type, std::string_view help) {
    text_ += fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
  }
  template <typename Value>
  void sample(std::string_view name, Value value) {
    text_ += fmt::format("{} {}\n", name, value);
  }
  void sample(std::string_view name, std::string_view label, std::string_view of,
              std::uint64_t value) {
    text_ += fmt::format("{}{{{}=\"{}\"}} {}\n", name, label, of, value);
  }
  template <typename Value>
  void add(std::string_view name, std::string_view type, std::string_view help, Value value) {
    head(name, type, help);
    sample(name, value);
  }
  [[nodiscard]] std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

constexpr std::string_view gauge = "gauge", counter = "counter";

template <typename Gauges>
struct Metric {
  std::string_view name, type, help;
  std::uint64_t Gauges::*value;
};

using OfBroker = BrokerGauges;
constexpr Metric<OfBroker> broker_metrics[] = {
    {"mqttlab_clients_connected", gauge, "Clients whose CONNECT has been accepted.",
     &OfBroker::connections},
    {"mqttlab_clients_connected_maximum", gauge, "Most of them at a time, so far.",
     &OfBroker::most_connections},
    {"mqttlab_sessions", gauge, "Sessions, of clients that are connected or away.",
     &OfBroker::sessions},
    {"mqttlab_sessions_expired_total", counter, "Sessions that have ended while away.",
     &OfBroker::sessions_expired},
    {"mqttlab_subscriptions", gauge, "Subscriptions of all sessions.", &OfBroker::subscriptions},
    {"mqttlab_retained_messages", gauge, "Retained messages.", &OfBroker::retained},
    {"mqttlab_retained_bytes", gauge, "Topics, properties and payloads of retained messages.",
     &OfBroker::retained_bytes},
    {"mqttlab_queued_messages", gauge, "Messages that wait for their session.",
     &OfBroker::queued_messages},
    {"mqttlab_in_flight_messages", gauge, "QoS 1 and 2 messages sent and not acknowledged.",
     &OfBroker::in_flight},
    {"mqttlab_session_bytes", gauge, "Of messages that are queued or in flight.",
     &OfBroker::session_bytes},
    {"mqttlab_pending_wills", gauge, "Of clients that are gone, not published yet.",
     &OfBroker::pending_wills},
    {"mqttlab_messages_received_total", counter, "PUBLISH packets received.",
     &OfBroker::messages_received},
    {"mqttlab_messages_sent_total", counter, "PUBLISH packets sent, repeats not counted.",
     &OfBroker::messages_sent},
    {"mqttlab_packets_received_total", counter, "MQTT control packets.",
     &OfBroker::packets_received},
    {"mqttlab_packets_sent_total", counter, "MQTT control packets.", &OfBroker::packets_sent},
    {"mqttlab_received_bytes_total", counter, "Bytes of MQTT, without what carries them.",
     &OfBroker::bytes_received},
    {"mqttlab_sent_bytes_total", counter, "Bytes of MQTT, without what carries them.",
     &OfBroker::bytes_sent},
};
constexpr Metric<ServerGauges> socket_metrics[] = {
    {"mqttlab_sockets_accepted_total", counter, "Connections that were taken.",
     &ServerGauges::accepted},
    {"mqttlab_sockets_refused_total", counter, "Connections closed at once, over a limit.",
     &ServerGauges::refused},
    {"mqttlab_transport_failures_total", counter,
     "Connections that TLS or WebSocket ended, in a handshake or later.",
     &ServerGauges::transports},
};

void add_broker(Page& page, const BrokerGauges& broker) {
  for (const auto& [name, type, help, value] : broker_metrics)
    page.add(name, type, help, broker.*value);
  constexpr std::string_view connects = "mqttlab_connects_total";
  page.head(connects, counter, "Clients that have been let in, or not.");
  page.sample(connects, "result", "accepted", broker.connects_accepted);
  page.sample(connects, "result", "refused", broker.connects_refused);
  constexpr std::string_view dropped = "mqttlab_messages_dropped_total";
  page.head(dropped, counter, "Messages that a client has not got, or nobody.");
  for (std::size_t i = 0; i < broker.dropped_for.size(); ++i)
    page.sample(dropped, "reason", trace::name(static_cast<trace::DropReason>(i)),
                broker.dropped_for[i]);
}

void add_sockets(Page& page, const BrokerServer& server) {
  page.add("mqttlab_sockets", gauge, "Connections at the moment, with MQTT on them or not.",
           server.connections());
  for (const auto& [name, type, help, value] : socket_metrics)
    page.add(name, type, help, server.sockets().*value);
}

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

// The names are those of Prometheus' own client libraries.
void add_process(Page& page) {
  page.add("process_start_time_seconds", gauge, "When it began, since 1970.", started_s);
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  page.add("process_cpu_seconds_total", counter, "CPU time, of user and system.",
           seconds(used.ru_utime) + seconds(used.ru_stime));
  std::uint64_t size = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> size >> resident;
  const auto page_bytes = static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  page.add("process_virtual_memory_bytes", gauge, "Virtual memory.", size * page_bytes);
  page.add("process_resident_memory_bytes", gauge, "Resident memory.", resident * page_bytes);
}

}  // namespace

std::string metrics_text(const BrokerServer& server) {
  Page page;
  page.head("mqttlab_build_info", gauge, "1; the label tells the version.");
  page.sample("mqttlab_build_info", "version", MQTTLAB_VERSION, 1);
  add_broker(page, server.gauges());
  add_sockets(page, server);
  add_process(page);
  return page.take();
}

}  // namespace mqttlab::live
