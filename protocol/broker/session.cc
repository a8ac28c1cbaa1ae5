#include "protocol/broker/session.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "protocol/broker/broker_link.h"
#include "protocol/broker/ledger.h"

namespace mqttlab {

Session::Session(Slot slot, std::string client_id, const BrokerConfig& config, Ledger& ledger)
    : slot_(slot),
      client_id_(std::move(client_id)),
      config_(config),
      ledger_(ledger),
      outbound_(config.window, ids_) {}

void Session::attach(BrokerLink& link, Time now) {
  assert(!link_);
  link_ = &link;
  outbound_.new_link(link.output().terms().receive_maximum);       // MQTT-4.8.2-4
  inbound_.new_link(link.v5() ? config_.receive_window : 65'535);  // 3.1.1 cannot be told
  // The new link may take less than the old one did (v5 MQTT-3.1.2-25).
  outbound_.drop_if([&](const OutMessage& message) {
    const bool fits = link.output().fits(message);
    if (!fits) dropped(trace::DropReason::too_large, message, now);
    return !fits;
  });
}

void Session::deliver(Publication& publication, const Delivery& delivery, Time now) {
  if (const auto reason = try_deliver(publication, delivery, now))
    ledger_.dropped(*reason, client_id_, ledger_.tracing() ? publication.identity() : 0,
                    delivery.qos, now);
}

// One that is too long for the client is not sent, and counts as delivered. It is copied, or moved
// from, only if it is sent and has to be kept.
template <typename Message>
Session::Dropped Session::write(Message&& message, Time now) {
  // v5 MQTT-3.1.2-24, MQTT-3.1.2-25
  if (!link_->output().fits(message)) return trace::DropReason::too_large;
  if (message.qos == QoS::at_most_once) {
    link_->write_qos0(message, now);
  } else {
    outbound_.send(std::forward<Message>(message), link_->output(), now);
    link_->wrote_publish();
  }
  return std::nullopt;
}

Session::Dropped Session::try_deliver(Publication& publication, const Delivery& delivery,
                                      Time now) {
  // v5 MQTT-3.3.2-5: while its publisher's rights were asked for. An interval of 0 allows no wait.
  if (publication.expires_at() < now) return trace::DropReason::expired;
  const bool first_in_lane = queue_.empty(SessionQueue::lane_of(delivery.qos));
  if (delivery.qos == QoS::at_most_once) {
    if (!link_ && !config_.queue_qos0) return trace::DropReason::offline_qos0;
    if (link_ && first_in_lane) {
      if (!link_->congested())
        return write(addressed(publication.encoded(), publication, delivery), now);
      if (delivery.origin != from_retained) return trace::DropReason::outbox_full;
    }
  } else if (first_in_lane && can_send()) {
    return write(addressed(publication.kept(), publication, delivery), now);
  }
  return queue(addressed(publication.kept(), publication, delivery), now);  // v3 MQTT-3.1.2-5
}

// Sets what is this receiver's own. Nothing is copied before the message is known to wait.
OutMessage& Session::addressed(OutMessage& message, Publication& publication,
                               const Delivery& delivery) const {
  message.qos = delivery.qos;
  message.retain = delivery.retain;
  message.origin = delivery.origin;
  message.token = ledger_.tracing() ? publication.identity() : 0;
  if (delivery.identifiers)
    message.identifiers = *delivery.identifiers;
  else if (!message.identifiers.empty())
    message.identifiers = {};
  return message;
}

Session::Dropped Session::queue(OutMessage message, Time now) {
  if (message.expires_at <= now) return trace::DropReason::expired;
  auto refused = queue_.refuses(message, limits());
  if (refused) {
    for (const OutMessage& expired : queue_.take_expired(now))
      dropped(trace::DropReason::expired, expired, now);
    refused = queue_.refuses(message, limits());
  }
  if (!refused) queue_.push(std::move(message));
  return refused;
}

SessionQueue::Limits Session::limits() const {
  return {config_.queue_messages, config_.queue_bytes, config_.max_retained};
}

Session::Prospect Session::prospect(Publication& publication, const Delivery& delivery) const {
  const OutMessage& message = addressed(publication.encoded(), publication, delivery);
  const bool qos0 = message.qos == QoS::at_most_once;
  const bool waits = !queue_.refuses(message, limits());
  if (!link_)
    return waits && (!qos0 || config_.queue_qos0) ? Prospect::kept_for_absent : Prospect::dropped;
  if (!link_->output().fits(message)) return Prospect::dropped;
  const bool free = qos0 ? !link_->congested() : can_send();
  if (free && queue_.empty(SessionQueue::lane_of(message.qos))) return Prospect::sent_now;
  return waits && !qos0 ? Prospect::sent_later : Prospect::dropped;
}

bool Session::can_send() const { return link_ && !link_->congested() && outbound_.can_send(); }

void Session::pump(Time now) {
  if (!link_) return;
  resend(now);
  while (!queue_.empty(SessionQueue::acknowledged) && can_send())
    send_waiting(SessionQueue::acknowledged, now);
  while (!queue_.empty(SessionQueue::unacknowledged) && !link_->congested())
    send_waiting(SessionQueue::unacknowledged, now);
}

void Session::send_waiting(SessionQueue::Lane lane, Time now) {
  OutMessage message = queue_.pop(lane);
  const auto reason = message.expires_at <= now ? trace::DropReason::expired  // v5 MQTT-3.3.2-5
                                                : write(std::move(message), now);
  if (reason) dropped(*reason, message, now);
}

void Session::dropped(trace::DropReason reason, const OutMessage& message, Time now) {
  ledger_.dropped(reason, client_id_, message.token, message.qos, now);
}

// One exchange at a time, to count them.
void Session::resend(Time now) {
  LinkOutput& out = link_->output();
  while (outbound_.can_resend() && !link_->congested()) {
    const std::size_t before = out.outbox.size();
    outbound_.resend(out, before + 1, now);
    if (out.outbox.size() > before) link_->wrote();
  }
}

void Session::puback(std::uint16_t id, Time now) {
  if (outbound_.puback(id)) pump(now);  // MQTT-4.8.2-6
}

void Session::pubrec(const Pubrec& pubrec, Time now) {
  LinkOutput& out = link_->output();
  const std::size_t before = out.outbox.size();
  const bool ended = outbound_.pubrec(pubrec.packet_id, pubrec.reason, out).has_value();
  if (out.outbox.size() > before) link_->wrote();
  if (ended) pump(now);
}

void Session::pubcomp(std::uint16_t id, Time now) {
  if (outbound_.pubcomp(id)) pump(now);
}

bool Session::subscribed(SubscriptionIndex::FilterId filter) const {
  return std::binary_search(filters_.begin(), filters_.end(), filter);
}

void Session::add_filter(SubscriptionIndex::FilterId filter) {
  filters_.insert(std::lower_bound(filters_.begin(), filters_.end(), filter), filter);
}

void Session::remove_filter(SubscriptionIndex::FilterId filter) {
  // What is under way stays (MQTT-3.10.4-3).
  filters_.erase(std::lower_bound(filters_.begin(), filters_.end(), filter));
}

void Session::end(Time now, const std::function<bool(const OutMessage&)>& hand_on) {
  const auto leave = [&](const OutMessage& message, bool may_hand_on) {
    if (may_hand_on && message.origin >= SubscriptionIndex::shared && hand_on(message)) return;
    dropped(trace::DropReason::session_ended, message, now);
  };
  for (const Exchange& exchange : outbound_.take_all()) {
    if (exchange.stage == Stage::await_pubcomp) continue;            // the client has it
    leave(exchange.message, exchange.stage == Stage::await_puback);  // MQTT-4.8.2-5
  }
  for (const auto lane : {SessionQueue::acknowledged, SessionQueue::unacknowledged})
    while (!queue_.empty(lane)) leave(queue_.pop(lane), true);
  ledger_.session_ended(client_id_, now);
}

}  // namespace mqttlab
