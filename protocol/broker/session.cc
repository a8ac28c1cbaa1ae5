#include "protocol/broker/session.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "protocol/broker/broker_link.h"
#include "protocol/broker/ledger.h"

namespace mqttlab {

Session::Session(Slot slot, std::string client_id, const BrokerConfig& config, Ledger& ledger,
                 Recorder& recorder)
    : slot_(slot),
      client_id_(std::move(client_id)),
      config_(config),
      ledger_(ledger),
      recorder_(recorder),
      ids_(config.test_packet_id_max),
      outbound_(config.window, ids_) {}

void Session::attach(BrokerLink& link, Time now) {
  assert(!link_);
  link_ = &link;
  outbound_.new_link(link.output().terms().receive_maximum);       // MQTT-4.8.2-4
  inbound_.new_link(link.v5() ? config_.receive_window : 65'535);  // 3.1.1 cannot be told
  // The new link may take less than the old one did (v5 MQTT-3.1.2-25).
  outbound_.drop_if([&](const OutMessage& message) {
    const bool fits = link.output().fits(message);
    if (fits) return false;
    // Of one of QoS 2 the exchange stays.
    const bool stays = recorded.state && message.qos == QoS::exactly_once;
    if (stays) recorder_(journal::DeliveryReceived{message.record});
    dropped(trace::DropReason::too_large, message, now, !stays);
    return true;
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
    link_->wrote_publish(BrokerLink::Says::promise);
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
  }
  const bool sends = delivery.qos != QoS::at_most_once && first_in_lane && can_send();
  OutMessage& message = addressed(publication.kept(), publication, delivery);
  const bool records = recorded.state && delivery.qos != QoS::at_most_once;
  if (records) message.record = recorder_.number();
  const Dropped reason = sends ? write(message, now) : queue(message, now);  // v3 MQTT-3.1.2-5
  if (records && !reason) record_held(publication, message, delivery, sends);
  return reason;
}

void Session::record_held(Publication& publication, const OutMessage& message,
                          const Delivery& delivery, bool sent) {
  if (publication.record == 0) {
    publication.record = recorder_.number();
    recorder_(journal::MessageStored{publication.record,
                                     recorder_.message(message.encoded, message.expires_at),
                                     message.published_qos, message.published_retain});
  }
  recorder_(journal::DeliveryHeld{.delivery = message.record,
                                  .session = recorded.number,
                                  .message = publication.record,
                                  .qos = message.qos,
                                  .retain = message.retain,
                                  .from_retained = message.origin == from_retained,
                                  .packet_id = sent ? ids_.last() : std::uint16_t{0},
                                  .share = view_of(delivery.share),
                                  .identifiers = Properties(message.identifiers)});
}

void Session::record_finished(journal::Number delivery) {
  if (recorded.state && delivery != 0) recorder_(journal::DeliveryFinished{delivery});
}

void Session::restore(const journal::DeliveryHeld& held, OutMessage message) {
  if (held.packet_id == 0) return queue_.push(std::move(message));
  const auto stage = held.message == 0                ? Stage::await_pubcomp
                     : held.qos == QoS::at_least_once ? Stage::await_puback
                                                      : Stage::await_pubrec;
  outbound_.restore(held.packet_id, std::move(message), stage);
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
  message.record = 0;
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
  const journal::Number record = recorded.state ? message.record : 0;
  const auto reason = message.expires_at <= now ? trace::DropReason::expired  // v5 MQTT-3.3.2-5
                                                : write(std::move(message), now);
  if (reason) return dropped(*reason, message, now);
  if (record != 0) recorder_(journal::DeliverySent{record, ids_.last()});
}

void Session::dropped(trace::DropReason reason, const OutMessage& message, Time now,
                      bool finishes) {
  if (finishes) record_finished(message.record);
  ledger_.dropped(reason, client_id_, message.token, message.qos, now);
}

// One exchange at a time, to count them.
void Session::resend(Time now) {
  LinkOutput& out = link_->output();
  while (outbound_.can_resend() && !link_->congested()) {
    const std::size_t before = out.outbox.size();
    outbound_.resend(out, before + 1, now);
    if (out.outbox.size() > before) link_->wrote(BrokerLink::Says::promise);
  }
}

void Session::puback(std::uint16_t id, Time now) {
  const Exchange* open = recorded_exchange(id);
  const journal::Number record = open ? open->message.record : 0;
  if (!outbound_.puback(id)) return;
  record_finished(record);
  pump(now);  // MQTT-4.8.2-6
}

// Null, too, if nobody wants to know.
const Exchange* Session::recorded_exchange(std::uint16_t id) const {
  return recorded.state ? outbound_.find(id) : nullptr;
}

void Session::pubrec(const Pubrec& pubrec, Time now) {
  LinkOutput& out = link_->output();
  const std::size_t before = out.outbox.size();
  const Exchange* open = recorded_exchange(pubrec.packet_id);
  const bool begins = open && open->stage == Stage::await_pubrec;
  const journal::Number record = begins ? open->message.record : 0;
  const bool ended = outbound_.pubrec(pubrec.packet_id, pubrec.reason, out).has_value();
  if (out.outbox.size() > before) link_->wrote(BrokerLink::Says::promise);
  if (begins && !ended) recorder_(journal::DeliveryReceived{record});
  if (!ended) return;
  record_finished(record);
  pump(now);
}

void Session::pubcomp(std::uint16_t id, Time now) {
  const Exchange* open = recorded_exchange(id);
  const journal::Number record = open ? open->message.record : 0;
  if (!outbound_.pubcomp(id)) return;
  record_finished(record);
  pump(now);
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
    dropped(trace::DropReason::session_ended, message, now, false);  // with all that it has
  };
  for (const Exchange& exchange : outbound_.take_all()) {
    if (exchange.stage == Stage::await_pubcomp) continue;            // the client has it
    leave(exchange.message, exchange.stage == Stage::await_puback);  // MQTT-4.8.2-5
  }
  for (const auto lane : {SessionQueue::acknowledged, SessionQueue::unacknowledged})
    while (!queue_.empty(lane)) leave(queue_.pop(lane), true);
  ledger_.session_ended(client_id_, now);
}

std::size_t Session::bytes() const {
  std::size_t all = queue_.bytes();
  outbound_.for_each(
      [&](std::uint16_t, const Exchange& exchange) { all += exchange.message.encoded.size(); });
  return all;
}

}  // namespace mqttlab
