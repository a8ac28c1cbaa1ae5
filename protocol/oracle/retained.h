// Retained: the last accepted retained message of each topic (RET-CONVERGE), and what each new
// subscription is sent of them: every one once, as its Retain Handling says (RET-SET). The broker's
// store is judged by what it sends, never looked into.
#pragma once

#include "protocol/oracle/expiry.h"
#include "protocol/oracle/model.h"

namespace mqttlab::oracle {

/// A PUBLISH with RETAIN 1, or a will. An empty payload clears (v3 MQTT-3.3.1-10).
struct RetainedMessage {
  Text topic = 0;
  std::uint64_t message = 0;
  Text publisher = 0;  ///< client id
  bool will = false;   ///< it does not stand in one order with the publisher's others
  bool empty = false;
  QoS qos{};
  std::uint32_t expiry_s = endless_expiry_s;
  std::uint32_t bytes = 0;  ///< of its PUBLISH with the full topic
};

class Retained {
 public:
  Retained(Model& model, Expiry& expiry) : model_(model), expiry_(expiry) {}

  /// Not `sure`: the broker may not have handled it yet, or not last; what was there may stand.
  void store(const RetainedMessage& stored, bool sure);
  /// The message that arrived with the event was acknowledged before anything else came in.
  void confirm(Text topic, std::uint64_t event);
  /// It was answered with an error code.
  void refused(Text topic, std::uint64_t message, std::uint64_t event);
  void dropped(const Event& event);
  void forget();     ///< the broker's store is gone
  void doubt_all();  ///< it may have lost what came last
  /// `before`: the subscription as it was; null: there was none.
  void subscribed(Session& session, std::uint32_t filter, const trace::FilterDetail& wanted,
                  const Subscriber* before);
  /// SUBACK refused the filter or granted QoS 0: nothing is owed.
  void not_owed(Session& session, std::uint32_t filter);
  /// The message may be what the topic's store has.
  [[nodiscard]] bool in_force(const Event& event);
  /// A PUBLISH with RETAIN 1 may be sent for a new subscription.
  [[nodiscard]] bool due(Session& session, const Event& event);
  /// The broker wrote a PUBLISH with RETAIN 1. False if it is no retained message: a live one then.
  bool sent(const Connection& connection, Session& session, const Event& event);
  /// It wrote one with RETAIN 0 that only subscribing can have caused. False: that neither.
  bool sent_unflagged(Session& session, const Event& event);
  /// A copy due to subscribing may be under way for this topic.
  [[nodiscard]] static bool open(Session& session, Text topic);
  /// RET-MONO: the broker began to send the session a message, by whatever way.
  void seen(Session& session, const Event& event);
  /// The session is owed that message for subscribing. What only may be in force is not owed.
  [[nodiscard]] static bool owes(const Session& session, const Event& event);
  void finish(const Deadline& deadline);
  /// The topic's last message is a will although that client had published on the topic, after the
  /// event of that index: the event of the will; 0: it is not.
  [[nodiscard]] std::uint64_t will_over_birth(Text topic, Text client_id, std::uint64_t since);
  /// Whether the client has published on the topic after that event.
  [[nodiscard]] bool has_birth(Text topic, Text client_id, std::uint64_t since);

 private:
  /// One message that was retained, its first and last acceptance, and the QoS of the first and of
  /// all.
  struct Accepted {
    std::uint64_t message, first, last;
    QoS qos;
    std::uint8_t qos_mask;
  };
  struct Value {
    std::uint64_t last = 0;                // the last message that arrived for it
    std::vector<std::uint64_t> may_be{0};  // messages that may be in force; 0: none
    std::vector<Accepted> accepted;        // the last ones, oldest first
    std::uint64_t event = 0;
    std::uint64_t sent = 0;  // index of the last event that sent it for a subscription
    Time stored_at = 0, handled_at = 0;
    std::uint32_t expiry_s = endless_expiry_s;
    std::uint32_t bytes = 0;
    Text publisher = 0;
    QoS qos{};
    Text born_of = 0;         // who last published on it, not by a will
    std::uint64_t birth = 0;  // index of that event
    bool will = false;        // the last is a will
    bool sure = true;         // may_be is one
    bool mixed = false;       // of several publishers, or a will: no order
    [[nodiscard]] bool may_be_in_force(std::uint64_t message) const;
    /// At which the message was published, as a mask: each that may be in force has its own.
    [[nodiscard]] std::uint8_t qos_mask_of(std::uint64_t message) const;
    /// Its time may be over.
    [[nodiscard]] bool expired(Time now) const { return now >= after(stored_at, expiry_s); }
    void remember(const RetainedMessage& stored, std::uint64_t index);
  };
  void doubt(std::uint64_t message);
  void owe(Session& session, std::uint32_t filter, Text topic, const Value& value,
           const trace::FilterDetail& wanted, bool certain);
  void wrong(const Session& session, const Value& value, const Event& event);
  static void taken(Session& session, Text topic, Record& record);
  void missing(const Session& session, const RetainedDue& due, const Value& value);

  Model& model_;
  Expiry& expiry_;
  Table<Value> values_;       // by topic + 1
  std::vector<Text> topics_;  // in order of their first retained message
};

}  // namespace mqttlab::oracle
