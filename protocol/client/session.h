// Session: what a client keeps from link to link.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "protocol/client/client.h"
#include "protocol/client/subscriptions.h"
#include "protocol/session/flow.h"

namespace mqttlab::client {

struct Image;

/// Open exchanges, the queue behind them, and subscriptions. Knows links only as an Outbox to write
/// to and as the moments at which one begins and ends.
class Session {
 public:
  explicit Session(const ClientConfig& config);

  /// True if the message fits into the queue.
  [[nodiscard]] bool has_room(const OutMessage& message) const;
  /// True if a message published now would go out at once.
  [[nodiscard]] bool can_send(const LinkOutput& out) const;
  void enqueue(OutMessage message) { push(std::move(message), queue_.end()); }
  /// Writes as much as may be in flight: what is to be sent again, then the queue.
  /// Gives the messages that cannot go out any more, or not to this server.
  std::vector<Completed> write(LinkOutput& out, Time now);
  /// Ends what waits in the queue and has expired.
  std::vector<Completed> expire(Time now);
  /// Ends what is in flight and would be sent again, though not to this server.
  std::vector<Completed> cut_to_terms(const LinkOutput& out);
  /// What the server's terms do not let this end publish, if anything.
  [[nodiscard]] static std::optional<ReasonCode> refusal(const OutMessage& message,
                                                         const LinkOutput& out);

  /// This end has no session: the next link begins one (MQTT-3.1.2-4).
  [[nodiscard]] bool is_new() const { return is_new_; }
  /// When the session ends if no link comes up before.
  [[nodiscard]] Time expires_at() const { return expires_at_; }

  /// Tokens of exchanges that ended without an answer because the session did.
  using Failed = std::vector<Token>;
  void link_begins() { expires_at_ = never; }
  /// The link is gone; the session ends `expiry_s` later (v5 MQTT-3.1.2-23), a clean one of 3.1.1
  /// at once (MQTT-3.1.2-6).
  Failed link_ended(std::uint32_t expiry_s, Time now);
  /// CONNACK accepted this end. With session present 1 everything open goes on at its stage
  /// (MQTT-4.4.0-1). With 0 the session is lost (v5 MQTT-3.2.2-5).
  Failed link_accepted(bool session_present, const Terms& terms);
  /// This end ends the session: what was in flight fails, what was not sent stays queued.
  Failed end();
  /// The server has lost what it knew: what it had not confirmed is published anew, QoS 2 messages
  /// that it had taken over (PUBREC) fail, for it may have passed them on.
  Failed lose();

  /// Into an image, and from it, before the first link.
  void save(Image& image) const;
  void restore(const Image& image);

  OutboundFlow& outbound() { return outbound_; }
  [[nodiscard]] const OutboundFlow& outbound() const { return outbound_; }
  InboundFlow& inbound() { return inbound_; }
  Subscriptions& subscriptions() { return subscriptions_; }
  [[nodiscard]] const Subscriptions& subscriptions() const { return subscriptions_; }
  [[nodiscard]] std::size_t queued() const { return queue_.size(); }

 private:
  using Queue = std::deque<OutMessage>;
  void push(OutMessage message, Queue::const_iterator place);

  bool is_new_;
  Time expires_at_ = never;
  std::size_t queue_messages_, queue_bytes_, outbox_bytes_;  // limits
  PacketIds ids_;
  OutboundFlow outbound_;
  InboundFlow inbound_;
  Subscriptions subscriptions_;
  Queue queue_;
  std::size_t queued_bytes_ = 0;
};

}  // namespace mqttlab::client
