// Session: what the broker keeps for one client id. It outlives links.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "protocol/broker/absence.h"
#include "protocol/broker/broker.h"
#include "protocol/broker/publication.h"
#include "protocol/broker/recorder.h"
#include "protocol/broker/session_queue.h"
#include "protocol/broker/subscription_index.h"
#include "protocol/session/flow.h"
#include "protocol/trace/event.h"

namespace mqttlab {

class BrokerLink;
class Ledger;

/// One receiver's part in a publication.
struct Delivery {
  QoS qos = QoS::at_most_once;  ///< the effective one
  bool retain = false;          ///< RETAIN as the receiver is to see it
  std::uint32_t origin = from_subscription;
  const Slice* identifiers = nullptr;  ///< its Subscription Identifiers, as encoded properties
  std::string_view share = {};         ///< the shared subscription behind `origin`; empty: none
};

/// What the journal has of a session.
struct Recorded {
  journal::Number number = 0;  ///< 0: nothing
  bool state = false;          ///< subscriptions, exchanges and messages; else a will at most
  bool will = false;
};

/// Subscriptions, exchanges under way in both directions and waiting messages: the session state of
/// MQTT 3.1.2.4. An idle one without a link takes about 370 bytes, and some 220 per subscription.
class Session {
 public:
  using Slot = std::uint32_t;

  /// What it refers to must outlive the session.
  Session(Slot slot, std::string client_id, const BrokerConfig& config, Ledger& ledger,
          Recorder& recorder);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  [[nodiscard]] Slot slot() const { return slot_; }
  [[nodiscard]] const std::string& client_id() const { return client_id_; }
  [[nodiscard]] BrokerLink* link() const { return link_; }

  /// A new link: everything unacknowledged is sent again, in order, before anything newer
  /// (MQTT-4.4.0-1, MQTT-4.6.0-1). There must be no link yet.
  void attach(BrokerLink& link, Time now);
  void detach() { link_ = nullptr; }

  /// Sends the message now, queues it, or drops it and says why in the trace.
  void deliver(Publication& publication, const Delivery& delivery, Time now);
  /// What would become of the message.
  enum class Prospect : std::uint8_t { sent_now, sent_later, kept_for_absent, dropped };
  [[nodiscard]] Prospect prospect(Publication& publication, const Delivery& delivery) const;
  /// Writes as much of what waits as window and outbox allow.
  void pump(Time now);

  void puback(std::uint16_t id, Time now);
  void pubrec(const Pubrec& pubrec, Time now);
  void pubcomp(std::uint16_t id, Time now);
  [[nodiscard]] InboundFlow& inbound() { return inbound_; }
  /// A delivery as the journal has it, in order, before the first link.
  void restore(const journal::DeliveryHeld& held, OutMessage message);
  /// Packet ids go on behind this one.
  void restore(std::uint16_t last_packet_id) { ids_.begin_after(last_packet_id); }
  [[nodiscard]] std::uint16_t last_packet_id() const { return ids_.last(); }

  [[nodiscard]] std::size_t subscriptions() const { return filters_.size(); }
  [[nodiscard]] bool subscribed(SubscriptionIndex::FilterId filter) const;
  void add_filter(SubscriptionIndex::FilterId filter);
  void remove_filter(SubscriptionIndex::FilterId filter);
  [[nodiscard]] const std::vector<SubscriptionIndex::FilterId>& filters() const { return filters_; }

  [[nodiscard]] std::size_t queued() const { return queue_.size(); }
  [[nodiscard]] std::size_t in_flight() const { return outbound_.open(); }
  /// Of messages that wait or are in flight, without fixed header and packet id.
  [[nodiscard]] std::size_t bytes() const;

  /// The session's state is discarded. Every message that has not reached the client is recorded,
  /// but for those of shares that `hand_on` finds another member for. It is not asked about what a
  /// QoS 2 exchange has begun to send (MQTT-4.8.2-5).
  void end(Time now, const std::function<bool(const OutMessage&)>& hand_on);

  Absence absence;    ///< what is due while there is no link; the broker's
  Recorded recorded;  ///< the broker's, too

 private:
  using Dropped = std::optional<trace::DropReason>;
  [[nodiscard]] Dropped try_deliver(Publication& publication, const Delivery& delivery, Time now);
  [[nodiscard]] OutMessage& addressed(OutMessage& message, Publication& publication,
                                      const Delivery& delivery) const;
  [[nodiscard]] Dropped queue(OutMessage message, Time now);
  [[nodiscard]] SessionQueue::Limits limits() const;
  [[nodiscard]] bool can_send() const;
  void resend(Time now);
  void send_waiting(SessionQueue::Lane lane, Time now);
  template <typename Message>
  [[nodiscard]] Dropped write(Message&& message, Time now);
  /// `finishes`: the journal forgets it, too.
  void dropped(trace::DropReason reason, const OutMessage& message, Time now, bool finishes = true);
  void record_held(Publication& publication, const OutMessage& message, const Delivery& delivery,
                   bool sent);
  void record_finished(journal::Number delivery);
  [[nodiscard]] const Exchange* recorded_exchange(std::uint16_t id) const;

  Slot slot_;
  std::string client_id_;
  const BrokerConfig& config_;
  Ledger& ledger_;
  Recorder& recorder_;
  BrokerLink* link_ = nullptr;
  PacketIds ids_;
  OutboundFlow outbound_;
  InboundFlow inbound_;
  SessionQueue queue_;
  std::vector<SubscriptionIndex::FilterId> filters_;  // ascending
};

}  // namespace mqttlab
