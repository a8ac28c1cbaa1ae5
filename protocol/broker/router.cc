#include "protocol/broker/router.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "protocol/broker/ledger.h"
#include "protocol/wire/topic.h"

namespace mqttlab {

ReasonCode Router::publish(Publication& publication, Time now) {
  if (publication.retain() && !retain(publication, now)) {  // MQTT-3.3.1-12; v5 MQTT-3.3.1-8
    ledger_.dropped(trace::DropReason::retained_limit, {},
                    ledger_.tracing() ? publication.identity() : 0, publication.qos(), now);
    if (publication.answered) return ReasonCode::quota_exceeded;
    retained_.clear(publication.topic());  // the old one would be taken for the last
  }
  return route(publication, now);
}

// False if a limit is reached.
bool Router::retain(Publication& publication, Time now) {
  if (publication.payload().empty()) {  // and is not kept itself (MQTT-3.3.1-11; v5 MQTT-3.3.1-7)
    retained_.clear(publication.topic());  // MQTT-3.3.1-10; v5 MQTT-3.3.1-6
    return true;
  }
  // MQTT-3.3.1-5, MQTT-3.3.1-7; MQTT-3.3.1-5 (5.0)
  return retained_.set({publication.owned().encoded, publication.qos(), publication.expires_at(),
                        std::string(publication.publisher())},
                       {config_.max_retained, config_.max_retained_bytes}, now);
}

void Router::publish_own(std::string_view topic, std::string_view payload, Time now) {
  constexpr std::size_t no_limit = std::numeric_limits<std::size_t>::max();
  const EncodedPublish encoded(Slice::copy_of(topic), Slice::copy_of(payload));
  retained_.set({.encoded = encoded}, {no_limit, no_limit}, now);
  Publication publication(encoded, QoS::at_most_once, false, never);
  route(publication, now);
}

ReasonCode Router::route(Publication& publication, Time now) {
  const std::uint32_t publisher =
      index_.no_local() > 0 ? slot_of(publication.publisher()) : SubscriptionIndex::none;
  const auto& matches = index_.match(publication.topic(), publisher);
  for (const auto& match : matches) {
    // The lower of published and granted QoS (MQTT-3.8.4-6; v5 MQTT-3.8.4-8). RETAIN 0, for the
    // subscription was there before the message (MQTT-3.3.1-9; v5 MQTT-3.3.1-12), unless it is
    // wanted as published (v5 MQTT-3.3.1-13). To everyone who matches (MQTT-4.5.0-1).
    sessions_.at(match.slot)
        .deliver(publication,
                 {.qos = std::min(publication.qos(), match.qos),
                  .retain = publication.retain() && match.retain_as_published,
                  .identifiers = index_.identifiers(match)},
                 now);
  }
  for (const auto share : index_.matched_shares()) deliver_shared(publication, share, now);
  return matches.empty() && index_.matched_shares().empty() ? ReasonCode::no_matching_subscribers
                                                            : ReasonCode::success;
}

// To the member that can be sent it soonest; among equals, to the next one in turn.
void Router::deliver_shared(Publication& publication, SubscriptionIndex::FilterId id, Time now) {
  SubscriptionIndex::Share& share = *index_.share(id);
  const auto members = share.members.all();
  const std::size_t first = share.members.behind(share.served);
  Session* best = nullptr;
  Delivery part;
  auto best_prospect = Session::Prospect::dropped;
  for (std::size_t i = 0; i < members.size(); ++i) {
    const Subscriber& member = members[(first + i) % members.size()];
    Session& session = sessions_.at(member.slot);
    const Delivery delivery{.qos = std::min(publication.qos(), member.qos),  // MQTT-4.8.2-3
                            .retain = publication.retain() && member.retain_as_published,
                            .origin = id,
                            .identifiers = index_.identifier(id, member.slot),
                            .share = share.filter};
    const auto prospect = session.prospect(publication, delivery);
    if (best && prospect >= best_prospect) continue;
    best = &session;
    best_prospect = prospect;
    part = delivery;
    if (prospect == Session::Prospect::sent_now) break;
  }
  share.served = best->slot();
  best->deliver(publication, part, now);
}

std::uint32_t Router::slot_of(std::string_view client_id) {
  const Session* session = client_id.empty() ? nullptr : sessions_.find(client_id);
  return session ? session->slot() : SubscriptionIndex::none;
}

Router::Subscribed Router::subscribe(Session& session, const Subscription& subscription,
                                     std::uint32_t identifier) {
  const std::string_view filter = subscription.filter.text();
  if (const auto code = refusal(session, filter)) return {*code};
  const QoS granted = std::min(subscription.qos, config_.maximum_qos);  // MQTT-3.2.2-10
  const auto added = index_.add(filter,
                                {.slot = session.slot(),
                                 .qos = granted,
                                 .no_local = subscription.no_local,
                                 .retain_as_published = subscription.retain_as_published},
                                identifier);
  if (added.fresh) session.add_filter(added.filter);
  if (session.recorded.state)
    recorder_(journal::Subscribed{session.recorded.number, subscription.filter, granted,
                                  subscription.no_local, subscription.retain_as_published,
                                  identifier});
  return {static_cast<ReasonCode>(granted), added.fresh};
}

std::optional<ReasonCode> Router::refusal(const Session& session, std::string_view filter) const {
  if (!shared_filter_fault(filter).empty()) return ReasonCode::topic_filter_invalid;
  if (!config_.shared_available && shared_filter(filter))
    return ReasonCode::shared_subscriptions_not_supported;
  if (!config_.wildcard_available && filter.find_first_of("+#") != std::string_view::npos)
    return ReasonCode::wildcard_subscriptions_not_supported;  // v3 MQTT-3.8.3-2
  const auto known = index_.find(filter);
  if (known && session.subscribed(*known)) return std::nullopt;
  if (session.subscriptions() >= config_.max_subscriptions) return ReasonCode::quota_exceeded;
  const auto separators = std::count(filter.begin(), filter.end(), '/');
  if (static_cast<std::size_t>(separators) >= config_.max_filter_levels)
    return ReasonCode::quota_exceeded;
  return std::nullopt;
}

void Router::send_retained(Session& session, const Subscription& subscription,
                           const Subscribed& subscribed, Time now) {
  if (is_error(subscribed.code)) return;
  const std::string_view filter = subscription.filter.text();
  // Who of a share should get them? Nobody does (MQTT 5.0, 4.8.2).
  if (shared_filter(filter)) return;
  if (subscription.retain_handling == RetainHandling::do_not_send) return;  // v5 MQTT-3.3.1-11
  if (subscription.retain_handling == RetainHandling::send_if_new && !subscribed.fresh)
    return;  // v5 MQTT-3.3.1-10
  const Slice* identifier = index_.identifier(*index_.find(filter), session.slot());
  // MQTT-3.3.1-6; v5 MQTT-3.3.1-9, MQTT-3.8.4-4
  for (const Retained* retained : retained_.match(filter, now)) {
    if (subscription.no_local && retained->publisher == session.client_id())
      continue;  // v5 MQTT-3.8.3-3
    Publication publication(retained->encoded, retained->qos, true, retained->expires_at);
    session.deliver(publication,
                    {.qos = std::min(retained->qos, static_cast<QoS>(subscribed.code)),
                     .retain = true,  // MQTT-3.3.1-8
                     .origin = from_retained,
                     .identifiers = identifier},
                    now);
  }
}

bool Router::unsubscribe(Session& session, std::string_view filter) {
  const auto known = index_.find(filter);  // MQTT-3.10.4-1
  if (!known || !session.subscribed(*known)) return false;
  index_.remove(*known, session.slot());  // MQTT-3.10.4-2
  session.remove_filter(*known);
  if (session.recorded.state)
    recorder_(journal::Unsubscribed{session.recorded.number, view_of(filter)});
  return true;
}

void Router::restore(Session& session, const journal::Subscribed& subscribed) {
  const auto added = index_.add(subscribed.filter.text(),
                                {.slot = session.slot(),
                                 .qos = subscribed.qos,
                                 .no_local = subscribed.no_local,
                                 .retain_as_published = subscribed.retain_as_published},
                                subscribed.identifier);
  session.add_filter(added.filter);
}

void Router::restore(const journal::RetainedSet& retained) {
  const journal::Message& content = retained.content;
  retained_.restore({EncodedPublish(content.topic, content.payload, content.properties),
                     retained.qos, recorder_.time(content.expires_at),
                     std::string(retained.publisher.text())});
}

std::uint32_t Router::origin_of(const journal::DeliveryHeld& held) const {
  if (held.from_retained) return from_retained;
  const auto share = held.share.empty() ? std::nullopt : index_.find(held.share.text());
  return share.value_or(from_subscription);
}

void Router::end(Session& session, Time now) {
  // Retained messages are no part of the session (MQTT-3.1.2-7).
  for (const auto filter : session.filters()) index_.remove(filter, session.slot());
  session.end(now, [&](const OutMessage& message) {
    if (message.expires_at <= now || !index_.share(message.origin)) return false;
    // As it was published: what the former member had it lowered to does not bind another one
    // (MQTT-4.8.2-3, v5 MQTT-3.3.1-13).
    Publication publication(message.encoded, message.published_qos, message.published_retain,
                            message.expires_at);
    deliver_shared(publication, message.origin, now);
    return true;
  });
}

}  // namespace mqttlab
