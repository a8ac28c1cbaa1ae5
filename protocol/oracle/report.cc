#include "protocol/oracle/report.h"

#include <algorithm>
#include <cstdio>
#include <utility>

namespace mqttlab::oracle {
namespace {

using Offender = std::optional<trace::End>;

constexpr Offender broker = trace::End::broker, client = trace::End::client;
constexpr Offender either;  // who reports says which; of two runs compared, and of the net, neither

struct Entry {
  std::string_view name, group;
  Strength strength;
  Needs needs;
  Offender offender;
  std::string_view statements;
  std::string_view absent;  // why a run in which the rule never applied shows nothing
};

constexpr std::array<Entry, rules> entries{{
    {"NO-FABRICATION", "Delivery", Strength::must, Needs::wire, broker,
     "MQTT-3.8.4-6 MQTT-3.3.5-1 MQTT-3.10.4-2 MQTT-3.8.4-8 MQTT-3.8.3-3 MQTT-3.3.4-3 "
     "MQTT-3.3.4-4 MQTT-3.3.4-5 U-3.3.4-1",
     "no message was delivered to an application"},
    {"Q0-ATMOST", "Delivery", Strength::must, Needs::wire, broker, "MQTT-4.3.1-1",
     "no message was sent or delivered at QoS 0"},
    {"Q1-NOLOSS", "QoS 1", Strength::must, Needs::wire, broker,
     "MQTT-4.3.2-1 MQTT-4.5.0-1 MQTT-3.1.2-5", "no accepted message was due at QoS 1 to a session"},
    {"Q1-RESUME", "QoS 1", Strength::must, Needs::wire, either, "MQTT-4.4.0-1 MQTT-2.3.1-3",
     "no session was resumed with a QoS 1 exchange open"},
    {"DUP-BOUND", "QoS 1", Strength::should, Needs::wire, either, "MQTT-4.3.2-1 MQTT-4.4.0-1",
     "no QoS 1 exchange began"},
    {"APP-Q1", "QoS 1", Strength::strict, Needs::app, client, "MQTT-4.3.2-2",
     "the standard leaves open when a message counts as taken; a strict run asks for it"},
    {"Q2-ONCE", "QoS 2", Strength::must, Needs::wire, broker,
     "MQTT-4.3.3-1 MQTT-4.3.3-2 MQTT-4.3.3-10 MQTT-4.8.2-5", "no message was sent at QoS 2"},
    {"Q2-NO-REPUBLISH", "QoS 2", Strength::must, Needs::wire, either, "MQTT-4.3.3-1",
     "no QoS 2 exchange reached PUBREL"},
    {"Q2-RESUME", "QoS 2", Strength::must, Needs::wire, either, "MQTT-4.4.0-1 MQTT-2.3.1-3",
     "no session was resumed with a QoS 2 exchange open"},
    {"Q2-TOTAL", "QoS 2", Strength::must, Needs::wire, either,
     "MQTT-4.3.3-2 MQTT-4.3.3-10 MQTT-4.3.3-11", "no PUBREL or repeated QoS 2 PUBLISH arrived"},
    {"Q2-HONEST", "QoS 2", Strength::must, Needs::wire, broker, "MQTT-4.3.3-8 MQTT-4.5.0-1",
     "the broker accepted no message at QoS 2"},
    {"DUP-RULE", "DUP", Strength::must, Needs::wire, either,
     "MQTT-3.3.1-1 MQTT-3.3.1-2 MQTT-3.3.1-3", "no PUBLISH was written"},
    {"NO-LIVE-RESEND", "DUP", Strength::must, Needs::wire, either, "MQTT-4.4.0-1",
     "no exchange began on a connection of 5.0"},
    {"PID-UNIQUE", "Packet ids", Strength::must, Needs::wire, either,
     "MQTT-2.3.1-1 MQTT-2.3.1-2 MQTT-2.3.1-4", "no packet id was used"},
    {"PID-STABLE", "Packet ids", Strength::must, Needs::wire, either, "MQTT-2.2.1-5 MQTT-4.4.0-1",
     "no session was resumed with an exchange open"},
    {"PID-RELEASE", "Packet ids", Strength::must, Needs::wire, either,
     "MQTT-2.3.1-4 MQTT-2.2.1-3 MQTT-4.3.3-9", "no packet id was released"},
    {"ACK-CAUSAL", "Packet ids", Strength::must, Needs::wire, either,
     "MQTT-2.3.1-6 MQTT-2.2.1-5 MQTT-2.2.1-6", "no acknowledgement was written"},
    {"RM-LIMIT", "Flow", Strength::must, Needs::wire, either,
     "MQTT-3.3.4-7 MQTT-3.3.4-9 MQTT-4.9.0-2",
     "no QoS 1 or 2 PUBLISH was written on a connection of 5.0"},
    {"QUOTA-CONSERVE", "Flow", Strength::must, Needs::internal, client, "MQTT-4.9.0-1 MQTT-4.9.0-2",
     "the wire does not show a sender's quota"},
    {"QUOTA-NONBLOCK", "Flow", Strength::must, Needs::wire, either,
     "MQTT-3.3.4-8 MQTT-3.3.4-10 MQTT-4.9.0-3", "no sender used up its quota"},
    {"PROGRESS", "Flow", Strength::liveness, Needs::wire, broker, "MQTT-4.9.0-2 MQTT-4.5.0-1",
     "no message waited on a connection that had stood for long"},
    {"ALIAS-SCOPE", "Client", Strength::must, Needs::wire, either,
     "MQTT-3.3.2-7 MQTT-3.3.2-8 MQTT-3.3.2-9 MQTT-3.3.2-11 MQTT-3.1.2-26 MQTT-3.1.2-27 "
     "MQTT-3.2.2-17 MQTT-3.2.2-18",
     "no topic alias was used"},
    {"ORD-TOPIC", "Order", Strength::must, Needs::wire, broker, "MQTT-4.6.0-6 MQTT-4.6.0-5",
     "no session got two messages of one publisher, topic and QoS"},
    {"ORD-RESEND", "Order", Strength::must, Needs::wire, either, "MQTT-4.6.0-1",
     "no session was resumed with two exchanges open"},
    {"ORD-ACK", "Order", Strength::must, Needs::wire, either,
     "MQTT-4.6.0-2 MQTT-4.6.0-3 MQTT-4.6.0-4", "no two messages waited for their acknowledgements"},
    {"EXPIRY", "Resources", Strength::must, Needs::wire, broker,
     "MQTT-3.3.2-5 MQTT-3.3.2-6 MQTT-4.3.3-7", "no message had a Message Expiry Interval"},
    {"SP-TRUTH", "Session", Strength::must, Needs::wire, broker,
     "MQTT-3.2.2-1 MQTT-3.2.2-2 MQTT-3.2.2-3 MQTT-3.2.2-4 MQTT-3.2.2-6 U-3.14.2.2.2-2",
     "no CONNACK was written"},
    {"SESS-QUEUE", "Session", Strength::must, Needs::wire, broker, "MQTT-3.1.2-5 MQTT-4.5.0-1",
     "no session was resumed with messages due"},
    {"SESS-DISCARD", "Session", Strength::must, Needs::wire, broker,
     "MQTT-3.1.2-4 MQTT-3.1.2-6 MQTT-3.2.2-5", "no session was replaced by a new one"},
    {"SESS-EXPIRY", "Session", Strength::must, Needs::wire, broker,
     "MQTT-3.1.2-23 MQTT-4.1.0-1 MQTT-4.1.0-2", "nobody came back to a session that was to expire"},
    {"SUB-DURABLE", "Session", Strength::must, Needs::wire, broker,
     "MQTT-3.8.4-4 MQTT-3.10.4-2 MQTT-4.5.0-1",
     "nothing was accepted for a subscription that stood"},
    {"SUB-INTENT", "Session", Strength::library, Needs::app, client, "MQTT-3.2.2-5",
     "no client with subscriptions lost its session and stayed connected"},
    {"TOKEN-COMPLETE", "Session", Strength::library, Needs::app, client, "",
     "no call to publish has ended"},
    {"ONE-CONN", "Takeover", Strength::must, Needs::wire, broker, "MQTT-3.1.4-2 MQTT-3.1.4-3",
     "no client id connected while its older connection was open"},
    {"EPOCH", "Takeover", Strength::must, Needs::internal, broker, "MQTT-3.1.4-2 MQTT-3.1.4-3",
     "no older connection ended after a newer one of its client id was accepted"},
    {"TAKEOVER-TERM", "Takeover", Strength::liveness, Needs::wire, broker,
     "MQTT-3.1.4-2 MQTT-3.1.4-3 MQTT-3.1.4-5",
     "no client id connected while its older connection was open"},
    {"WILL-IFF", "Will", Strength::must, Needs::wire, broker,
     "MQTT-3.1.2-8 MQTT-3.1.2-10 MQTT-3.14.4-3 MQTT-3.1.3-9",
     "no connection with a will ended while a session subscribed to the will's topic"},
    {"WILL-ONCE", "Will", Strength::must, Needs::wire, broker, "MQTT-3.1.2-10",
     "no will was sent to a subscriber"},
    {"WILL-ORDER", "Will", Strength::must, Needs::wire, broker, "MQTT-3.1.2-8 MQTT-3.1.2-10",
     "no client published after a will of its own had become due"},
    {"BIRTH-WINS", "Will", Strength::advisory, Needs::wire, client, "",
     "no client retained a message on the topic of its retained will"},
    {"RET-CONVERGE", "Retained", Strength::must, Needs::wire, broker,
     "MQTT-3.3.1-5 MQTT-3.3.1-6 MQTT-3.3.1-7 MQTT-3.3.1-10 MQTT-3.3.1-12",
     "no new subscription matched a topic with a retained message"},
    {"RET-SET", "Retained", Strength::must, Needs::wire, broker,
     "MQTT-3.3.1-6 MQTT-3.3.1-9 MQTT-3.3.1-10 MQTT-3.3.1-11",
     "no new subscription matched a topic with a retained message"},
    {"RET-MONO", "Retained", Strength::must, Needs::wire, broker, "MQTT-4.6.0-6 MQTT-3.3.1-5",
     "no session got two values of a topic with one publisher"},
    {"RET-FLAG", "Retained", Strength::must, Needs::wire, broker,
     "MQTT-3.3.1-8 MQTT-3.3.1-9 MQTT-3.3.1-12 MQTT-3.3.1-13", "no PUBLISH was sent to a session"},
    {"KA-SEND", "Keep alive", Strength::must, Needs::wire, client, "MQTT-3.1.2-23 MQTT-3.1.2-20",
     "no client was connected with a keep alive"},
    {"KA-ENFORCE", "Keep alive", Strength::must, Needs::wire, broker,
     "MQTT-3.1.2-24 MQTT-3.1.2-22 MQTT-3.2.2-21", "no accepted connection had a keep alive"},
    {"KA-FAIR", "Keep alive", Strength::must, Needs::wire, broker,
     "MQTT-3.1.2-24 MQTT-3.1.2-22 MQTT-3.2.2-21", "no accepted connection ended at the broker"},
    {"KA-DETECT", "Keep alive", Strength::should, Needs::wire, client, "MQTT-3.1.2-23",
     "no client was connected with a keep alive"},
    {"KA-FALSE", "Keep alive", Strength::should, Needs::wire, either, "MQTT-3.1.2-24 MQTT-3.1.2-22",
     "no link is known to lose nothing and to be quick"},
    {"CLOCK-INDEP", "Clock", Strength::metamorphic, Needs::pair, either, "",
     "it is a matter of two runs: compare_runs"},
    {"DUR-ACK", "Durability", Strength::policy, Needs::wire, broker, "MQTT-4.1.0-1 MQTT-4.5.0-1",
     "no broker came back after a crash"},
    {"DUR-PREFIX", "Durability", Strength::policy, Needs::wire, broker, "MQTT-4.1.0-1",
     "no broker came back after a crash"},
    {"FRAME-EQUIV", "Framing", Strength::metamorphic, Needs::pair, either, "",
     "it is a matter of two runs: compare_runs"},
    {"STREAM-OK", "Framing", Strength::must, Needs::wire, either,
     "MQTT-3.1.0-1 MQTT-3.1.0-2 MQTT-3.2.0-1 MQTT-3.14.4-2 MQTT-4.8.0-1 MQTT-3.2.0-2 "
     "MQTT-3.14.0-1 MQTT-3.14.4-1 MQTT-3.1.2-24 MQTT-3.1.2-30 MQTT-3.2.2-15 MQTT-4.12.0-6 "
     "MQTT-4.12.0-7",
     "no packet was written"},
    {"CLOSE-DRAIN", "Framing", Strength::should, Needs::wire, broker, "",
     "nothing was unanswered when a client closed its connection in order"},
    {"CONNECT-BOUND", "Client", Strength::should, Needs::wire, client, "MQTT-3.1.4-5",
     "how long a client waits for CONNACK is not known"},
    {"BACKOFF", "Client", Strength::policy, Needs::wire, client, "",
     "how long a client waits between attempts is not known, or none came back by itself"},
    {"BOUNDED", "Resources", Strength::policy, Needs::internal, broker, "",
     "the broker's own counts are not there"},
    {"LEAK", "Resources", Strength::liveness, Needs::internal, broker, "",
     "the broker's own counts are not there"},
    {"AMPLIFY", "Resources", Strength::should, Needs::wire, either, "",
     "no QoS 1 or 2 exchange began"},
    {"SHARED-REDISPATCH", "Shared", Strength::advisory, Needs::wire, broker, "MQTT-4.8.2-5",
     "no member of a shared subscription left with a message unacknowledged"},
    {"CONVERGE", "Umbrella", Strength::liveness, Needs::wire, either, "MQTT-4.4.0-1 MQTT-4.5.0-1",
     "no phase event named \"settle\""},
}};

constexpr std::array strengths{"MUST",        "liveness",    "policy", "library",
                               "metamorphic", "strict mode", "SHOULD", "advisory"};
constexpr std::array needs{"wire", "app", "internal", "pair"};

Invariant invariant_of(const Entry& entry) {
  return {.name = std::string(entry.name),
          .group = std::string(entry.group),
          .strength = strengths.at(static_cast<std::size_t>(entry.strength)),
          .needs = needs.at(static_cast<std::size_t>(entry.needs)),
          .statements = std::string(entry.statements)};
}

bool only_told(const Entry& entry) {
  return entry.strength == Strength::should || entry.strength == Strength::advisory;
}

}  // namespace

std::string_view name(Rule rule) { return entries[static_cast<std::size_t>(rule)].name; }

std::vector<std::string> invariants() {
  std::vector<std::string> names;
  for (const Entry& entry : entries) names.emplace_back(entry.name);
  return names;
}

std::vector<Invariant> catalogue() {
  std::vector<Invariant> all;
  for (const Entry& entry : entries) all.push_back(invariant_of(entry));
  return all;
}

void Report::broken(Rule rule, Time at, std::string what, std::vector<std::uint64_t> events) {
  broken(rule, entries[index(rule)].offender, at, std::move(what), std::move(events));
}

void Report::broken(Rule rule, std::optional<trace::End> offender, Time at, std::string what,
                    std::vector<std::uint64_t> events) {
  ++checked_[index(rule)];
  if (++broken_[index(rule)] > kept_per_rule) return;
  if (broken_[index(rule)] == 1) first_[index(rule)] = what;
  const Entry& entry = entries[index(rule)];
  std::sort(events.begin(), events.end());
  events.erase(std::unique(events.begin(), events.end()), events.end());
  violations_.push_back({std::string(entry.name), std::string(entry.statements), at,
                         std::move(what), std::move(events), offender});
}

std::vector<Verdict> Report::verdicts(bool strict) const {
  std::vector<Verdict> verdicts;
  for (std::size_t i = 0; i < rules; ++i) {
    const Invariant known = invariant_of(entries[i]);
    Verdict verdict{.invariant = known.name,
                    .checked = checked_[i],
                    .why = why_[i],
                    .strength = known.strength,
                    .needs = known.needs,
                    .group = known.group};
    if (broken_[i] > 0) {
      verdict.status = only_told(entries[i]) && !strict ? Status::departs : Status::fail;
      verdict.why.clear();
      if (verdict.status == Status::departs) {
        verdict.why = std::to_string(broken_[i]) + " times; first: " + first_[i];
      } else if (broken_[i] > kept_per_rule) {
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
