// Retained: the last accepted retained message of each topic, and what new subscriptions are sent
// of them (RET-CONVERGE). The broker's store is judged by what it sends, never looked into.
#pragma once

#include "protocol/oracle/model.h"

namespace mqttlab::oracle {

class Retained {
 public:
  explicit Retained(Model& model) : model_(model) {}

  /// A PUBLISH with RETAIN 1, or a will, was accepted. An empty payload clears (MQTT-3.3.1-10).
  /// Not `sure`: the broker may not have handled it yet, or not last; what was there may stand.
  void store(Text topic, std::uint64_t message, bool empty, QoS qos, bool sure);
  /// The message that arrived with the event was acknowledged before anything else came in.
  void confirm(Text topic, std::uint64_t event);
  void dropped(const Event& event);
  void subscribed(Session& session, std::uint32_t filter, std::uint8_t asked);
  /// SUBACK refused the filter or granted QoS 0: nothing is owed.
  void not_owed(Session& session, std::uint32_t filter);
  /// The broker wrote a PUBLISH with RETAIN 1. False if it is no retained message: a live one then.
  bool sent(Session& session, const Event& event);
  void finish(const Deadline& deadline);

 private:
  struct Value {
    std::uint64_t last = 0;                // the last message that arrived for it
    std::vector<std::uint64_t> may_be{0};  // messages that may be in force; 0: none
    std::uint64_t event = 0;
    QoS qos{};
    bool sure = true;  // may_be is one
    [[nodiscard]] bool may_be_in_force(std::uint64_t message) const;
  };
  void doubt(std::uint64_t message);
  void owe(Session& session, std::uint32_t filter, std::uint8_t asked, Text topic,
           const Value& value);

  Model& model_;
  Table<Value> values_;       // by topic + 1
  std::vector<Text> topics_;  // in order of their first retained message
};

}  // namespace mqttlab::oracle
