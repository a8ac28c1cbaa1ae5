#include "protocol/oracle/subscription.h"

#include <algorithm>

namespace mqttlab::oracle {

using trace::FilterDetail;
using trace::FiltersDetail;

void Subscriptions::subscribe(Connection& connection, Session& session, const Event& event) {
  session.subscriptions_changed = model_.event_index;
  connection.at_broker.push_back({event.packet_id, event.detail, model_.event_index, true});
  const auto& request = model_.log->detail<FiltersDetail>(event.detail);
  for (const FilterDetail& wanted : request.filters) {
    const auto filters = model_.filters_of(wanted.filter, connection.v5());
    for (const std::uint32_t filter : filters)
      begin(session, filter, {wanted.qos(), wanted, request.identifier}, filters.size() > 1);
  }
}

void Subscriptions::begin(Session& session, std::uint32_t filter, const Wish& wish, bool perhaps) {
  Subscriber* subscriber = model_.subscriber(filter, session.id);
  if (!perhaps) retained_.subscribed(session, filter, wish.options, subscriber);
  if (!subscriber) {
    subscriber = &model_.filter(filter).subscribers.emplace_back();
    subscriber->session = session.id;
    session.filters.push_back(filter);
    model_.resubscribe(session, filter);
  }
  subscriber->perhaps = perhaps;
  subscriber->asked = wish;
  const std::pair named(filter, wish.identifier);
  auto& known = session.identifiers;
  if (wish.identifier != 0 && std::find(known.begin(), known.end(), named) == known.end())
    known.push_back(named);
}

void Subscriptions::unsubscribe(Connection& connection, Session& session, const Event& event) {
  session.subscriptions_changed = model_.event_index;
  connection.at_broker.push_back({event.packet_id, event.detail, model_.event_index, false});
  for (const FilterDetail& unwanted : model_.log->detail<FiltersDetail>(event.detail).filters) {
    for (const std::uint32_t filter : model_.filters_of(unwanted.filter, connection.v5()))
      if (Subscriber* subscriber = model_.subscriber(filter, session.id))
        subscriber->leaving = true;
  }
}

void Subscriptions::answered(Connection& connection, Session& session, const Event& event) {
  auto& open = connection.at_broker;
  const auto found = std::find_if(open.begin(), open.end(), [&](const Request& request) {
    return request.packet_id == event.packet_id;
  });
  if (found == open.end()) return;
  const Request request = *found;
  session.subscriptions_changed = model_.event_index;
  if (request.subscribe) {
    suback(connection, session, request, event);
  } else {
    unsuback(connection, session, request, event);
  }
  open.erase(found);
  for (const FilterDetail& named : model_.log->detail<FiltersDetail>(request.detail).filters) {
    for (const std::uint32_t filter : model_.filters_of(named.filter, connection.v5()))
      if (Subscriber* subscriber = model_.subscriber(filter, session.id))
        reconsider(connection, *subscriber, named.filter);
  }
}

// MQTT-3.9.3-1
void Subscriptions::suback(const Connection& connection, Session& session, const Request& request,
                           const Event& event) {
  const auto& wanted = model_.log->detail<FiltersDetail>(request.detail);
  const auto& codes = model_.log->detail<FiltersDetail>(event.detail).filters;
  for (std::size_t i = 0; i < wanted.filters.size() && i < codes.size(); ++i) {
    const Wish wish{codes[i].code, wanted.filters[i], wanted.identifier};
    for (const std::uint32_t filter : model_.filters_of(wish.options.filter, connection.v5()))
      grant(session, filter, wish);
  }
}

void Subscriptions::grant(Session& session, std::uint32_t filter, const Wish& wish) {
  Subscriber* subscriber = model_.subscriber(filter, session.id);
  if (!subscriber) return;
  if (wish.qos > 2) return refused(session, filter, *subscriber);
  if (wish.qos == 0) retained_.not_owed(session, filter);
  if (subscriber->granted.qos == Wish::none || subscriber->leaving) subscriber->since = model_.now;
  subscriber->granted = wish;
  subscriber->had_qos |= bit(wish.qos);
  subscriber->had_retain |= bit(wish.options.retain_as_published() ? 1 : 0);
}

void Subscriptions::refused(Session& session, std::uint32_t filter, Subscriber& subscriber) {
  retained_.not_owed(session, filter);
  if (subscriber.granted.qos == Wish::none) model_.unsubscribe(session, filter);
}

// MQTT-3.10.4-2. A SUBSCRIBE that came behind the UNSUBSCRIBE, before its answer could be written,
// begins the subscription anew. In 5.0 the answer may refuse.
void Subscriptions::unsuback(const Connection& connection, Session& session, const Request& request,
                             const Event& event) {
  const auto& unwanted = model_.log->detail<FiltersDetail>(request.detail).filters;
  for (std::size_t i = 0; i < unwanted.size(); ++i) {
    if (event.detail != 0) {
      const auto& codes = model_.log->detail<FiltersDetail>(event.detail).filters;
      if (i < codes.size() && codes[i].code >= 0x80) continue;
    }
    const auto& open = connection.at_broker;
    const bool again = std::any_of(open.begin(), open.end(), [&](const Request& later) {
      return later.subscribe && later.event > request.event && names(later, unwanted[i].filter);
    });
    for (const std::uint32_t filter : model_.filters_of(unwanted[i].filter, connection.v5()))
      end(session, filter, again);
  }
}

void Subscriptions::end(Session& session, std::uint32_t filter, bool again) {
  Subscriber* subscriber = model_.subscriber(filter, session.id);
  if (!subscriber) return;
  if (again) {
    subscriber->granted = {};
    return;
  }
  const Subscriber was = *subscriber;
  model_.unsubscribe(session, filter);
  model_.filter(filter).former.push_back({session.id, model_.event_index, was});
  session.former_filters.push_back(filter);
}

bool Subscriptions::names(const Request& request, Text filter) const {
  const auto& filters = model_.log->detail<FiltersDetail>(request.detail).filters;
  return std::any_of(filters.begin(), filters.end(),
                     [&](const FilterDetail& named) { return named.filter == filter; });
}

// What the requests that wait for their answers want of a subscription: the last SUBSCRIBE counts.
void Subscriptions::reconsider(const Connection& connection, Subscriber& subscriber, Text filter) {
  subscriber.asked = {};
  subscriber.leaving = false;
  for (const Request& request : connection.at_broker) {
    const auto& detail = model_.log->detail<FiltersDetail>(request.detail);
    for (const FilterDetail& named : detail.filters) {
      if (named.filter != filter) continue;
      if (request.subscribe) {
        subscriber.asked = {named.qos(), named, detail.identifier};
      } else {
        subscriber.leaving = true;
      }
    }
  }
}

// EPOCH: what routed until an older connection ended, and not since.
void Subscriptions::taken_by_older(const Session& session, const Filter& filter,
                                   const Subscriber& subscriber, std::uint64_t first) {
  const Connection* connection = model_.find_connection(session.connection);
  if (!connection || connection->older_closed_at <= subscriber.since ||
      connection->older_closed_event > first)
    return;
  model_.report.broken(Rule::epoch, model_.now,
                       "the filter " + model_.quoted(filter.text) + " of " +
                           model_.who(*connection) +
                           " does not route since an older connection of its client id ended, at " +
                           seconds(connection->older_closed_at),
                       {connection->older_closed_event, first});
}

// One message may be lost in many ways. Two, and nothing after them, of all that a filter matched:
// the filter does not route any more.
void Subscriptions::lost(Session& session,
                         const std::vector<std::pair<std::uint64_t, std::uint64_t>>& unsent) {
  if (unsent.size() < 2) return;
  for (const std::uint32_t index : session.filters) {
    const Filter& filter = model_.filter(index);
    const Subscriber* subscriber = model_.subscriber(index, session.id);
    if (filter.group || subscriber->perhaps || subscriber->granted.qos == Wish::none) continue;
    std::uint64_t routed = 0;  // the last acceptance that was sent
    for (const std::uint64_t message : session.records.keys()) {
      const Record& record = *session.records.find(message);
      if (record.begun > 0 && model_.matches(filter, record.topic))
        routed = std::max(routed, record.last_accepted);
    }
    std::uint64_t first = 0;
    std::size_t count = 0;
    for (const auto& [accepted, message] : unsent) {
      const Record& record = *session.records.find(message);
      const bool since = accepted > routed && record.accepted_at >= subscriber->since;
      if (!since || !model_.matches(filter, record.topic)) continue;
      if (count++ == 0) first = accepted;
    }
    if (count < 2) continue;
    model_.report.broken(Rule::sub_durable, model_.now,
                         "the filter " + model_.quoted(filter.text) + " of client " +
                             model_.quoted(session.client_id) + ", granted at " +
                             seconds(subscriber->since) + ", does not route: none of the last " +
                             std::to_string(count) +
                             " messages that it matched and the broker accepted was sent",
                         {first});
    taken_by_older(session, filter, *subscriber, first);
  }
}

}  // namespace mqttlab::oracle
