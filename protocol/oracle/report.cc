#include "protocol/oracle/report.h"

#include <algorithm>
#include <cstdio>
#include <utility>

namespace mqttlab::oracle {
namespace {

struct Entry {
  std::string_view name;
  std::string_view statements;
  std::string_view absent;  // why a run in which the rule never applied shows nothing
};

constexpr std::array<Entry, rules> entries{{
    {"NO-FABRICATION", "MQTT-3.8.4-6 MQTT-3.3.5-1 MQTT-3.10.4-2",
     "no message was delivered to an application"},
    {"Q0-ATMOST", "MQTT-4.3.1-1", "no message was sent or delivered at QoS 0"},
    {"Q1-NOLOSS", "MQTT-4.3.2-1 MQTT-4.5.0-1 MQTT-3.1.2-5",
     "no accepted message was due at QoS 1 to a session"},
    {"Q1-RESUME", "MQTT-4.4.0-1 MQTT-2.3.1-3", "no session was resumed with a QoS 1 exchange open"},
    {"Q2-ONCE", "MQTT-4.3.3-1 MQTT-4.3.3-2", "no message was sent at QoS 2"},
    {"Q2-NO-REPUBLISH", "MQTT-4.3.3-1", "no QoS 2 exchange reached PUBREL"},
    {"Q2-RESUME", "MQTT-4.4.0-1 MQTT-2.3.1-3", "no session was resumed with a QoS 2 exchange open"},
    {"DUP-RULE", "MQTT-3.3.1-1 MQTT-3.3.1-2 MQTT-3.3.1-3", "no PUBLISH was written"},
    {"PID-UNIQUE", "MQTT-2.3.1-1 MQTT-2.3.1-2 MQTT-2.3.1-4", "no packet id was used"},
    {"ORD-TOPIC", "MQTT-4.6.0-6", "no session got two messages of one publisher, topic and QoS"},
    {"SP-TRUTH", "MQTT-3.2.2-1 MQTT-3.2.2-2 MQTT-3.2.2-3 MQTT-3.2.2-4", "no CONNACK was written"},
    {"ONE-CONN", "MQTT-3.1.4-2", "no client id connected while its older connection was open"},
    {"WILL-IFF", "MQTT-3.1.2-8 MQTT-3.1.2-10 MQTT-3.14.4-3",
     "no connection with a will ended while a session subscribed to the will's topic"},
    {"WILL-ONCE", "MQTT-3.1.2-10", "no will was sent to a subscriber"},
    {"RET-CONVERGE", "MQTT-3.3.1-5 MQTT-3.3.1-6 MQTT-3.3.1-7 MQTT-3.3.1-10 MQTT-3.3.1-12",
     "no new subscription matched a topic with a retained message"},
    {"KA-ENFORCE", "MQTT-3.1.2-24", "no accepted connection had a keep alive"},
    {"KA-FAIR", "MQTT-3.1.2-24", "no accepted connection ended at the broker"},
    {"KA-DETECT", "MQTT-3.1.2-23", "no client was connected with a keep alive"},
    {"STREAM-OK", "MQTT-3.1.0-1 MQTT-3.1.0-2 MQTT-3.2.0-1 MQTT-3.14.4-2 MQTT-4.8.0-1",
     "no packet was written"},
    {"CONVERGE", "MQTT-4.4.0-1 MQTT-4.5.0-1", "no phase event named \"settle\""},
}};

}  // namespace

std::string_view name(Rule rule) { return entries[static_cast<std::size_t>(rule)].name; }

std::vector<std::string> invariants() {
  std::vector<std::string> names;
  for (const Entry& entry : entries) names.emplace_back(entry.name);
  return names;
}

void Report::broken(Rule rule, Time at, std::string what, std::vector<std::uint64_t> events) {
  ++checked_[index(rule)];
  if (++broken_[index(rule)] > kept_per_rule) return;
  const Entry& entry = entries[index(rule)];
  std::sort(events.begin(), events.end());
  events.erase(std::unique(events.begin(), events.end()), events.end());
  violations_.push_back({std::string(entry.name), std::string(entry.statements), at,
                         std::move(what), std::move(events)});
}

std::vector<Verdict> Report::verdicts() const {
  std::vector<Verdict> verdicts;
  for (std::size_t i = 0; i < rules; ++i) {
    Verdict verdict{std::string(entries[i].name), Status::pass, checked_[i], why_[i]};
    if (broken_[i] > 0) {
      verdict.status = Status::fail;
      verdict.why.clear();
      if (broken_[i] > kept_per_rule) {
        verdict.why = "the first " + std::to_string(kept_per_rule) + " of " +
                      std::to_string(broken_[i]) + " violations are listed";
      }
    } else if (checked_[i] == 0) {
      verdict.status = Status::not_observable;
      if (verdict.why.empty()) verdict.why = entries[i].absent;
    }
    verdicts.push_back(std::move(verdict));
  }
  return verdicts;
}

std::string seconds(Time time) {
  char text[40];
  std::snprintf(text, sizeof text, "%.6f", static_cast<double>(time) / static_cast<double>(second));
  std::string number = text;
  while (number.back() == '0') number.pop_back();
  if (number.back() == '.') number.pop_back();
  return number + " s";
}

}  // namespace mqttlab::oracle
