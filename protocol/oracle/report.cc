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
    {"NO-FABRICATION",
     "MQTT-3.8.4-6 MQTT-3.3.5-1 MQTT-3.10.4-2 MQTT-3.8.4-8 MQTT-3.8.3-3 MQTT-3.3.4-3 MQTT-3.3.4-4 "
     "MQTT-3.3.4-5 U-3.3.4-1",
     "no message was delivered to an application"},
    {"Q0-ATMOST", "MQTT-4.3.1-1", "no message was sent or delivered at QoS 0"},
    {"Q1-NOLOSS", "MQTT-4.3.2-1 MQTT-4.5.0-1 MQTT-3.1.2-5",
     "no accepted message was due at QoS 1 to a session"},
    {"Q1-RESUME", "MQTT-4.4.0-1 MQTT-2.3.1-3", "no session was resumed with a QoS 1 exchange open"},
    {"Q2-ONCE", "MQTT-4.3.3-1 MQTT-4.3.3-2 MQTT-4.3.3-10 MQTT-4.8.2-5",
     "no message was sent at QoS 2"},
    {"Q2-NO-REPUBLISH", "MQTT-4.3.3-1", "no QoS 2 exchange reached PUBREL"},
    {"Q2-RESUME", "MQTT-4.4.0-1 MQTT-2.3.1-3", "no session was resumed with a QoS 2 exchange open"},
    {"Q2-TOTAL", "MQTT-4.3.3-2 MQTT-4.3.3-10 MQTT-4.3.3-11",
     "no PUBREL or repeated QoS 2 PUBLISH arrived"},
    {"Q2-HONEST", "MQTT-4.3.3-8 MQTT-4.5.0-1", "the broker accepted no message at QoS 2"},
    {"DUP-RULE", "MQTT-3.3.1-1 MQTT-3.3.1-2 MQTT-3.3.1-3", "no PUBLISH was written"},
    {"NO-LIVE-RESEND", "MQTT-4.4.0-1", "no exchange began on a connection of 5.0"},
    {"PID-UNIQUE", "MQTT-2.3.1-1 MQTT-2.3.1-2 MQTT-2.3.1-4", "no packet id was used"},
    {"PID-STABLE", "MQTT-2.2.1-5 MQTT-4.4.0-1", "no session was resumed with an exchange open"},
    {"PID-RELEASE", "MQTT-2.3.1-4 MQTT-2.2.1-3 MQTT-4.3.3-9", "no packet id was released"},
    {"ACK-CAUSAL", "MQTT-2.3.1-6 MQTT-2.2.1-5 MQTT-2.2.1-6", "no acknowledgement was written"},
    {"RM-LIMIT", "MQTT-3.3.4-7 MQTT-3.3.4-9 MQTT-4.9.0-2",
     "no QoS 1 or 2 PUBLISH was written on a connection of 5.0"},
    {"QUOTA-CONSERVE", "MQTT-4.9.0-1 MQTT-4.9.0-2", "the wire does not show a sender's quota"},
    {"QUOTA-NONBLOCK", "MQTT-3.3.4-8 MQTT-3.3.4-10 MQTT-4.9.0-3", "no sender used up its quota"},
    {"ALIAS-SCOPE",
     "MQTT-3.3.2-7 MQTT-3.3.2-8 MQTT-3.3.2-9 MQTT-3.3.2-11 MQTT-3.1.2-26 MQTT-3.1.2-27 "
     "MQTT-3.2.2-17 MQTT-3.2.2-18",
     "no topic alias was used"},
    {"ORD-TOPIC", "MQTT-4.6.0-6 MQTT-4.6.0-5",
     "no session got two messages of one publisher, topic and QoS"},
    {"ORD-RESEND", "MQTT-4.6.0-1", "no session was resumed with two exchanges open"},
    {"ORD-ACK", "MQTT-4.6.0-2 MQTT-4.6.0-3 MQTT-4.6.0-4",
     "no two messages waited for their acknowledgements"},
    {"EXPIRY", "MQTT-3.3.2-5 MQTT-3.3.2-6 MQTT-4.3.3-7",
     "no message had a Message Expiry Interval"},
    {"SP-TRUTH", "MQTT-3.2.2-1 MQTT-3.2.2-2 MQTT-3.2.2-3 MQTT-3.2.2-4 MQTT-3.2.2-6 U-3.14.2.2.2-2",
     "no CONNACK was written"},
    {"SESS-QUEUE", "MQTT-3.1.2-5 MQTT-4.5.0-1", "no session was resumed with messages due"},
    {"SESS-DISCARD", "MQTT-3.1.2-4 MQTT-3.1.2-6 MQTT-3.2.2-5",
     "no session was replaced by a new one"},
    {"SESS-EXPIRY", "MQTT-3.1.2-23 MQTT-4.1.0-1 MQTT-4.1.0-2",
     "nobody came back to a session that was to expire"},
    {"SUB-DURABLE", "MQTT-3.8.4-4 MQTT-3.10.4-2 MQTT-4.5.0-1",
     "nothing was accepted for a subscription that stood"},
    {"ONE-CONN", "MQTT-3.1.4-2 MQTT-3.1.4-3",
     "no client id connected while its older connection was open"},
    {"TAKEOVER-TERM", "MQTT-3.1.4-2 MQTT-3.1.4-3 MQTT-3.1.4-5",
     "no client id connected while its older connection was open"},
    {"WILL-IFF", "MQTT-3.1.2-8 MQTT-3.1.2-10 MQTT-3.14.4-3 MQTT-3.1.3-9",
     "no connection with a will ended while a session subscribed to the will's topic"},
    {"WILL-ONCE", "MQTT-3.1.2-10", "no will was sent to a subscriber"},
    {"WILL-ORDER", "MQTT-3.1.2-8 MQTT-3.1.2-10",
     "no client published after a will of its own had become due"},
    {"RET-CONVERGE", "MQTT-3.3.1-5 MQTT-3.3.1-6 MQTT-3.3.1-7 MQTT-3.3.1-10 MQTT-3.3.1-12",
     "no new subscription matched a topic with a retained message"},
    {"RET-SET", "MQTT-3.3.1-6 MQTT-3.3.1-9 MQTT-3.3.1-10 MQTT-3.3.1-11",
     "no new subscription matched a topic with a retained message"},
    {"RET-MONO", "MQTT-4.6.0-6 MQTT-3.3.1-5",
     "no session got two values of a topic with one publisher"},
    {"RET-FLAG", "MQTT-3.3.1-8 MQTT-3.3.1-9 MQTT-3.3.1-12 MQTT-3.3.1-13",
     "no PUBLISH was sent to a session"},
    {"KA-ENFORCE", "MQTT-3.1.2-24 MQTT-3.1.2-22 MQTT-3.2.2-21",
     "no accepted connection had a keep alive"},
    {"KA-FAIR", "MQTT-3.1.2-24 MQTT-3.1.2-22 MQTT-3.2.2-21",
     "no accepted connection ended at the broker"},
    {"KA-DETECT", "MQTT-3.1.2-23", "no client was connected with a keep alive"},
    {"STREAM-OK",
     "MQTT-3.1.0-1 MQTT-3.1.0-2 MQTT-3.2.0-1 MQTT-3.14.4-2 MQTT-4.8.0-1 MQTT-3.2.0-2 MQTT-3.14.0-1 "
     "MQTT-3.14.4-1 MQTT-3.1.2-24 MQTT-3.1.2-30 MQTT-3.2.2-15 MQTT-4.12.0-6 MQTT-4.12.0-7",
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
    } else if (verdict.why.empty()) {
      verdict.why = notes_[i];
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
