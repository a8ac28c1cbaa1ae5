#include "protocol/live/bench/outcome.h"

#include <fmt/format.h>

#include <array>
#include <nlohmann/json.hpp>

namespace mqttlab::bench {
namespace {

constexpr std::array<std::pair<const char*, double>, 4> quantiles{
    {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p99.9", 0.999}}};

double us(Time time) { return static_cast<double>(time) / microsecond; }
double seconds(Time time) { return static_cast<double>(time) / second; }

double ratio(double of, double to) { return to > 0 ? of / to : 0; }

double per_second(std::uint64_t count, Time time) {
  return ratio(static_cast<double>(count), seconds(time));
}

// By delivery, or by message if nobody was to get any.
double cpu_us(const Outcome& outcome, Time cpu) {
  const std::uint64_t messages = outcome.delivered > 0 ? outcome.delivered : outcome.published;
  return ratio(us(cpu), static_cast<double>(messages));
}

double bytes_per_connection(const Outcome& outcome) {
  const auto& use = *outcome.broker;
  const double grown =
      static_cast<double>(use.resident_connected) - static_cast<double>(use.resident_before);
  return ratio(grown, outcome.connections);
}

}  // namespace

bool Outcome::broken(QoS qos) const {
  return strangers > 0 || (qos != QoS::at_most_once && lost() > 0) ||
         (qos != QoS::at_least_once && duplicates > 0);
}

std::string text_of(const Plan& plan, const Outcome& outcome) {
  std::string text = fmt::format(
      "{} QoS {} {} B, {} publishers, {} subscribers, {} idle, MQTT {}\n", name(plan.pattern),
      static_cast<int>(plan.qos), plan.payload_bytes, plan.publishers, plan.subscribers, plan.idle,
      plan.version == ProtocolVersion::v5_0 ? "5.0" : "3.1.1");
  if (plan.pattern != Pattern::idle) {
    text +=
        fmt::format("published   {} in {:.3f} s, {:.0f} a second\n", outcome.published,
                    seconds(outcome.publishing), per_second(outcome.published, outcome.publishing));
    text += fmt::format("delivered   {} of {} in {:.3f} s, {:.0f} a second\n", outcome.delivered,
                        outcome.expected, seconds(outcome.elapsed),
                        per_second(outcome.delivered, outcome.elapsed));
    text += fmt::format("lost        {}; duplicates {}; refused {}\nlatency    ", outcome.lost(),
                        outcome.duplicates, outcome.refused);
    for (const auto& [label, share] : quantiles)
      text += fmt::format(" {} {:.0f} us,", label, us(outcome.latency.quantile(share)));
    text += fmt::format(" max {:.0f} us\n", us(outcome.latency.longest()));
    text += fmt::format("generator   {:.2f} us of CPU a delivery, {:.0f} % of a core\n",
                        cpu_us(outcome, outcome.generator_cpu),
                        100 * ratio(seconds(outcome.generator_cpu), seconds(outcome.elapsed)));
    if (outcome.broker)
      text += fmt::format("broker      {:.2f} us of CPU a delivery, {:.0f} % of a core\n",
                          cpu_us(outcome, outcome.broker->cpu),
                          100 * ratio(seconds(outcome.broker->cpu), seconds(outcome.elapsed)));
  }
  if (outcome.broker)
    text += fmt::format(
        "memory      {:.1f} MiB resident, {:.1f} MiB after {} connections: {:.0f} B "
        "a connection\n",
        static_cast<double>(outcome.broker->resident_before) / (1 << 20),
        static_cast<double>(outcome.broker->resident_connected) / (1 << 20), outcome.connections,
        bytes_per_connection(outcome));
  return text;
}

std::string json_of(const Plan& plan, const Outcome& outcome) {
  nlohmann::ordered_json json;
  json["pattern"] = name(plan.pattern);
  json["version"] = plan.version == ProtocolVersion::v5_0 ? "5.0" : "3.1.1";
  json["qos"] = static_cast<int>(plan.qos);
  json["payload_bytes"] = plan.payload_bytes;
  json["publishers"] = plan.publishers;
  json["subscribers"] = plan.subscribers;
  json["idle"] = plan.idle;
  json["rate"] = plan.rate;
  json["in_flight"] = plan.window;
  json["connections"] = outcome.connections;
  json["published"] = outcome.published;
  json["acknowledged"] = outcome.acknowledged;
  json["refused"] = outcome.refused;
  json["expected"] = outcome.expected;
  json["delivered"] = outcome.delivered;
  json["lost"] = outcome.lost();
  json["duplicates"] = outcome.duplicates;
  json["repeated"] = outcome.repeated;
  json["strangers"] = outcome.strangers;
  json["publishing_s"] = seconds(outcome.publishing);
  json["elapsed_s"] = seconds(outcome.elapsed);
  json["published_per_s"] = per_second(outcome.published, outcome.publishing);
  json["delivered_per_s"] = per_second(outcome.delivered, outcome.elapsed);
  auto& latency = json["latency_us"];
  for (const auto& [label, share] : quantiles) latency[label] = us(outcome.latency.quantile(share));
  latency["max"] = us(outcome.latency.longest());
  json["generator_cpu_us"] = cpu_us(outcome, outcome.generator_cpu);
  json["generator_cpu_share"] = ratio(seconds(outcome.generator_cpu), seconds(outcome.elapsed));
  if (outcome.broker) {
    json["broker_cpu_us"] = cpu_us(outcome, outcome.broker->cpu);
    json["broker_cpu_share"] = ratio(seconds(outcome.broker->cpu), seconds(outcome.elapsed));
    json["broker_resident_bytes"] = {{"before", outcome.broker->resident_before},
                                     {"connected", outcome.broker->resident_connected},
                                     {"after", outcome.broker->resident_after}};
    json["broker_bytes_per_connection"] = bytes_per_connection(outcome);
  }
  json["interrupted"] = outcome.interrupted;
  json["error"] = outcome.error;
  return json.dump(2);
}

}  // namespace mqttlab::bench
