// Router: who gets which message. Subscriptions of all sessions and the retained messages.
#pragma once

#include <cstdint>
#include <string_view>

#include "protocol/broker/broker.h"
#include "protocol/broker/publication.h"
#include "protocol/broker/retained.h"
#include "protocol/broker/session.h"
#include "protocol/broker/session_table.h"
#include "protocol/broker/subscription_index.h"

namespace mqttlab {

class Router {
 public:
  Router(const BrokerConfig& config, std::uint64_t seed, SessionTable& sessions, Ledger& ledger)
      : config_(config), sessions_(sessions), ledger_(ledger), index_(seed) {}

  /// Adds the message to every session with a matching subscription (MQTT-4.5.0-1) and, if
  /// `retain`, to the retained ones. Whether its publisher may publish it has been asked. The
  /// reason code for PUBACK and PUBREC.
  ReasonCode publish(Publication& publication, bool retain, Time now);
  /// The broker's own retained message; no limit applies.
  void publish_own(std::string_view topic, std::string_view payload, Time now);

  /// SUBACK's code: the QoS granted, or failure if a limit is reached. An identical filter is
  /// replaced (MQTT-3.8.4-3).
  [[nodiscard]] std::uint8_t subscribe(Session& session, const Subscription& subscription);
  /// What a new subscription is owed: every retained message that its filter matches
  /// (MQTT-3.3.1-6), with RETAIN 1 (MQTT-3.3.1-8).
  void send_retained(Session& session, const Subscription& subscription, Time now);
  /// False if there was no such subscription.
  bool unsubscribe(Session& session, std::string_view filter);
  void unsubscribe_all(Session& session);

  [[nodiscard]] std::size_t subscriptions() const { return index_.size(); }
  [[nodiscard]] std::size_t retained() const { return retained_.size(); }

 private:
  [[nodiscard]] ReasonCode route(Publication& publication, Time now);

  const BrokerConfig& config_;
  SessionTable& sessions_;
  Ledger& ledger_;
  SubscriptionIndex index_;
  RetainedStore retained_;
};

}  // namespace mqttlab
