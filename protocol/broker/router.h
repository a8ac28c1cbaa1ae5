// Router: who gets which message. Subscriptions of all sessions and the retained messages.
#pragma once

#include <cstdint>
#include <optional>
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
  Router(const BrokerConfig& config, std::uint64_t seed, SessionTable& sessions, Ledger& ledger,
         Recorder& recorder)
      : config_(config),
        sessions_(sessions),
        ledger_(ledger),
        recorder_(recorder),
        index_(seed),
        retained_(recorder) {}

  /// Adds the message to every session with a matching subscription (MQTT-4.5.0-1), to one member
  /// of each matching share and, if it says so, to the retained ones. Whether its publisher may
  /// publish it has been asked. Success, 0x10 if nobody subscribes to it, or 0x97 if it would have
  /// to be retained beyond a limit: then it is refused if its publisher can be told, else it goes
  /// to the subscribers only.
  ReasonCode publish(Publication& publication, Time now);
  /// The broker's own retained message; no limit applies.
  void publish_own(std::string_view topic, std::string_view payload, Time now);

  struct Subscribed {
    ReasonCode code;     ///< the QoS granted, or why not (MQTT-3.8.4-5; v5 MQTT-3.8.4-7)
    bool fresh = false;  ///< the session did not have this filter; else it is replaced
                         ///< (MQTT-3.8.4-3)
  };
  /// `identifier`: the Subscription Identifier; 0: none.
  [[nodiscard]] Subscribed subscribe(Session& session, const Subscription& subscription,
                                     std::uint32_t identifier);
  /// What a subscription is owed now that it has been accepted: the retained messages that its
  /// filter matches (MQTT-3.3.1-6), with RETAIN 1 (MQTT-3.3.1-8), as its Retain Handling says.
  void send_retained(Session& session, const Subscription& subscription,
                     const Subscribed& subscribed, Time now);
  /// False if the session had no such subscription.
  bool unsubscribe(Session& session, std::string_view filter);
  /// The session ends: its subscriptions are gone, and what shares owe it goes to other members.
  /// The session is empty then.
  void end(Session& session, Time now);

  // As the journal has them.
  void restore(Session& session, const journal::Subscribed& subscribed);
  void restore(const journal::RetainedSet& retained);
  /// OutMessage::origin of a delivery; a share that nobody is left in is none.
  [[nodiscard]] std::uint32_t origin_of(const journal::DeliveryHeld& held) const;

  [[nodiscard]] std::size_t subscriptions() const { return index_.size(); }
  [[nodiscard]] std::size_t retained() const { return retained_.size(); }
  [[nodiscard]] std::size_t retained_bytes() const { return retained_.bytes(); }

 private:
  [[nodiscard]] bool retain(Publication& publication, Time now);
  ReasonCode route(Publication& publication, Time now);
  void deliver_shared(Publication& publication, SubscriptionIndex::FilterId share, Time now);
  [[nodiscard]] std::optional<ReasonCode> refusal(const Session& session,
                                                  std::string_view filter) const;
  [[nodiscard]] std::uint32_t slot_of(std::string_view client_id);

  const BrokerConfig& config_;
  SessionTable& sessions_;
  Ledger& ledger_;
  Recorder& recorder_;
  SubscriptionIndex index_;
  RetainedStore retained_;
};

}  // namespace mqttlab
