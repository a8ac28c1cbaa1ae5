// Session: what a client keeps from link to link.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "protocol/client/client.h"
#include "protocol/client/subscriptions.h"
#include "protocol/session/flow.h"

namespace mqttlab::client {

/// Open exchanges, the queue behind them, and subscriptions. Knows links only as an Outbox to write
/// to and as the moments at which one begins and ends.
class Session {
 public:
  explicit Session(const ClientConfig& config);

  /// True if a message of this size fits into the queue.
  [[nodiscard]] bool has_room(std::size_t bytes) const;
  /// True if a message published now would go out at once.
  [[nodiscard]] bool can_send(const LinkOutput& out) const;
  void enqueue(OutMessage message) { push(std::move(message), queue_.end()); }
  /// Writes as much as may be in flight: requests, then what is to be sent again, then the queue.
  void write(LinkOutput& out, Time now);

  /// Tokens of exchanges that ended without an answer because the session did.
  using Failed = std::vector<Token>;
  /// The link is gone. A clean session ends with it (MQTT-3.1.2-6); what was not sent stays queued.
  Failed link_ended();
  /// CONNACK accepted this end. With session present 1 everything open goes on at its stage
  /// (MQTT-4.4.0-1). With 0 the server has lost what it knew: what it had not confirmed is
  /// published anew, QoS 2 messages that it had taken over (PUBREC) fail, for it may have passed
  /// them on.
  Failed link_accepted(bool session_present, const Terms& terms);

  OutboundFlow& outbound() { return outbound_; }
  [[nodiscard]] const OutboundFlow& outbound() const { return outbound_; }
  InboundFlow& inbound() { return inbound_; }
  Subscriptions& subscriptions() { return subscriptions_; }
  [[nodiscard]] const Subscriptions& subscriptions() const { return subscriptions_; }
  [[nodiscard]] std::size_t queued() const { return queue_.size(); }

 private:
  using Queue = std::deque<OutMessage>;
  void push(OutMessage message, Queue::const_iterator place);

  bool clean_;
  std::size_t queue_messages_, queue_bytes_, outbox_bytes_;  // limits
  PacketIds ids_;
  OutboundFlow outbound_;
  InboundFlow inbound_;
  Subscriptions subscriptions_;
  Queue queue_;
  std::size_t queued_bytes_ = 0;
};

}  // namespace mqttlab::client
