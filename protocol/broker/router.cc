#include "protocol/broker/router.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "protocol/broker/ledger.h"

namespace mqttlab {

ReasonCode Router::publish(Publication& publication, bool retain, Time now) {
  const std::string_view topic = publication.topic().text();
  if (retain && publication.payload().empty()) {
    retained_.clear(topic);  // and the empty message itself is not kept (MQTT-3.3.1-11)
  } else if (retain && !retained_.set(topic, publication.payload().bytes(), publication.qos(),
                                      config_.max_retained)) {
    ledger_.dropped(trace::DropReason::retained_limit, {},
                    ledger_.tracing() ? publication.identity() : 0, publication.qos(), now);
  }
  return route(publication, now);
}

void Router::publish_own(std::string_view topic, std::string_view payload, Time now) {
  const Slice bytes = Slice::copy_of(payload);
  retained_.set(topic, bytes.bytes(), QoS::at_most_once, std::numeric_limits<std::size_t>::max());
  Publication publication(Slice::copy_of(topic), bytes, QoS::at_most_once, true);
  static_cast<void>(route(publication, now));
}

ReasonCode Router::route(Publication& publication, Time now) {
  const auto& matches = index_.match(publication.topic().text());
  for (const auto& [slot, granted] : matches) {
    // The lower of published and granted QoS (MQTT-3.8.4-6); RETAIN 0, for the subscription was
    // there before the message (MQTT-3.3.1-9).
    sessions_.at(slot).deliver(publication, std::min(publication.qos(), granted), false, now);
  }
  return matches.empty() ? ReasonCode::no_matching_subscribers : ReasonCode::success;
}

std::uint8_t Router::subscribe(Session& session, const Subscription& subscription) {
  const std::string_view filter = subscription.filter.text();
  const auto known = index_.find(filter);
  const bool replaces = known && session.subscribed(*known);
  if (!replaces) {
    if (session.subscriptions() >= config_.max_subscriptions) return suback_failure;
    const auto separators = std::count(filter.begin(), filter.end(), '/');
    if (static_cast<std::size_t>(separators) >= config_.max_filter_levels) return suback_failure;
  }
  const auto added = index_.add(filter, {session.slot(), subscription.qos});
  if (added.fresh) session.add_filter(added.filter);
  return static_cast<std::uint8_t>(subscription.qos);
}

void Router::send_retained(Session& session, const Subscription& subscription, Time now) {
  for (const Retained* retained : retained_.match(subscription.filter.text())) {
    Publication publication(retained->topic, retained->payload, retained->qos, true);
    session.deliver(publication, std::min(retained->qos, subscription.qos), true, now);
  }
}

bool Router::unsubscribe(Session& session, std::string_view filter) {
  const auto known = index_.find(filter);
  if (!known || !session.subscribed(*known)) return false;
  index_.remove(*known, session.slot());
  session.remove_filter(*known);
  return true;
}

void Router::unsubscribe_all(Session& session) {
  for (const auto filter : session.filters()) index_.remove(filter, session.slot());
}

}  // namespace mqttlab
