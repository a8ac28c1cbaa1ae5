// Retained: the last accepted retained message of each topic, and what new subscriptions are sent
// of them (RET-CONVERGE). The broker's store is judged by what it sends, never looked into.
#pragma once

#include "protocol/oracle/model.h"

namespace mqttlab::oracle {

class Retained {
 public:
  explicit Retained(Model& model) : model_(model) {}

  /// A PUBLISH with RETAIN 1, or a will, was accepted. An empty payload clears (MQTT-3.3.1-10).
  /// Not `sure`: the broker may not have handled it yet, and the value before may stand.
  void store(Text topic, std::uint64_t message, bool empty, QoS qos, bool sure);
  void confirm(Text topic, std::uint64_t message);  ///< acknowledged as it arrived
  void dropped(const Event& event);
  void subscribed(Session& session, std::uint32_t filter, std::uint8_t asked);
  /// SUBACK refused the filter or granted QoS 0: nothing is owed.
  void not_owed(Session& session, std::uint32_t filter);
  /// The broker wrote a PUBLISH with RETAIN 1. False if it is no retained message: a live one then.
  bool sent(Session& session, const Event& event);
  void finish(const Deadline& deadline);

 private:
  struct Value {
    std::uint64_t message = 0;   // 0: none
    std::uint64_t previous = 0;  // the value before
    std::uint64_t stored = 0;    // the message that made it so; differs if it cleared
    std::uint64_t event = 0;
    QoS qos{};
    bool sure = true;  // false: the previous value may still be in force, or none
  };
  void doubt(std::uint64_t message);
  void owe(Session& session, std::uint32_t filter, std::uint8_t asked, Text topic,
           const Value& value);

  Model& model_;
  Table<Value> values_;       // by topic + 1
  std::vector<Text> topics_;  // in order of their first retained message
};

}  // namespace mqttlab::oracle
