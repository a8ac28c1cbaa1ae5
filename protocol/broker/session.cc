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
      outbound_(config.window, ids_),
      inbound_(config.receive_window) {}

void Session::attach(BrokerLink& link) {
  assert(!link_);
  link_ = &link;
  outbound_.new_link(link.output().terms().receive_maximum);
  inbound_.new_link();
}

void Session::deliver(Publication& publication, QoS qos, bool retain, Time now) {
  if (const auto reason = try_deliver(publication, qos, retain, now))
    ledger_.dropped(*reason, client_id_, ledger_.tracing() ? publication.identity() : 0, qos, now);
}

std::optional<trace::DropReason> Session::try_deliver(Publication& publication, QoS qos,
                                                      bool retain, Time now) {
  const bool first_in_lane = queue_.empty(SessionQueue::lane_of(qos));
  if (qos == QoS::at_most_once) {
    if (!link_ && !config_.queue_qos0) return trace::DropReason::offline_qos0;
    if (link_ && first_in_lane) {
      if (!link_->congested()) {
        link_->write_qos0(out_message(publication, publication.encoded(), qos, retain), now);
        return std::nullopt;
      }
      if (!retain) return trace::DropReason::outbox_full;
    }
  } else if (first_in_lane && can_send()) {
    write(out_message(publication, publication.kept(), qos, retain), now);
    return std::nullopt;
  }
  return queue_.push(out_message(publication, publication.kept(), qos, retain),
                     {config_.queue_messages, config_.queue_bytes, config_.max_retained});
}

OutMessage Session::out_message(Publication& publication, const EncodedPublish& encoded, QoS qos,
                                bool retain) const {
  OutMessage message;
  message.encoded = encoded;
  message.qos = qos;
  message.retain = retain;
  message.token = ledger_.tracing() ? publication.identity() : 0;
  return message;
}

bool Session::can_send() const { return link_ && !link_->congested() && outbound_.can_send(); }

void Session::pump(Time now) {
  if (!link_) return;
  resend(now);
  while (!queue_.empty(SessionQueue::acknowledged) && can_send())
    write(queue_.pop(SessionQueue::acknowledged), now);
  while (!queue_.empty(SessionQueue::unacknowledged) && !link_->congested())
    write(queue_.pop(SessionQueue::unacknowledged), now);
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

void Session::write(OutMessage message, Time now) {
  if (message.qos == QoS::at_most_once) return link_->write_qos0(message, now);
  outbound_.send(std::move(message), link_->output(), now);
  link_->wrote_publish();
}

void Session::puback(std::uint16_t id, Time now) {
  if (outbound_.puback(id)) pump(now);
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
  filters_.erase(std::lower_bound(filters_.begin(), filters_.end(), filter));
}

void Session::end(Time now) {
  constexpr auto reason = trace::DropReason::session_ended;
  for (const Exchange& exchange : outbound_.take_all()) {
    if (exchange.stage == Stage::await_pubcomp) continue;  // the client has it
    ledger_.dropped(reason, client_id_, exchange.message.token, exchange.message.qos, now);
  }
  for (const auto lane : {SessionQueue::acknowledged, SessionQueue::unacknowledged}) {
    while (!queue_.empty(lane)) {
      const OutMessage message = queue_.pop(lane);
      ledger_.dropped(reason, client_id_, message.token, message.qos, now);
    }
  }
  ledger_.session_ended(client_id_, now);
}

}  // namespace mqttlab
