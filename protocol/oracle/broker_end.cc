#include "protocol/oracle/broker_end.h"

#include <algorithm>
#include <utility>

namespace mqttlab::oracle {

void BrokerEnd::closed(Connection& connection) {
  finish(connection);
  if (connection.connect_at_broker && !connection.broker.connack) {
    // What came in before CONNACK could be written may have been acted on, or not.
    for (const auto& [early, index] : std::exchange(connection.early, {})) {
      if (early.packet != PacketType::publish) continue;
      intake_.arrived(connection, early);
      delivery_.unacknowledged(early.message, model_.event_index);
    }
    wills_.accepted(connection);
  }
  const bool due = connection.will == WillState::armed;
  sessions_.closed(connection);
  wills_.closed(connection);
  if (due && !connection.broker.connack)
    delivery_.unacknowledged(connection.connect->will_message, model_.event_index);
}

// The connection is over, or the run is.
void BrokerEnd::finish(Connection& connection) {
  Session* session = model_.session(connection.session);
  if (!session || connection.broker.closed) return;
  if (session->connection == connection.number)
    exchanges_.over({connection, End::broker, session->out, session});
  intake_.give_up(*session, connection.number);
}

void BrokerEnd::written(Connection& connection, const Event& event) {
  if (event.packet == PacketType::connack) return connack(connection, event);
  Session* session = model_.session(connection.session);
  if (!session) return;
  const Sending sending{connection, End::broker, session->out, session};
  switch (event.packet) {
    case PacketType::publish:
      if (const bool begins = exchanges_.publish_written(sending, event); event.message != 0)
        delivery_.sent(*session, event, begins);
      break;
    case PacketType::pubrel:
      exchanges_.pubrel_written(sending, event);
      break;
    case PacketType::puback:
    case PacketType::pubrec:
      intake_.acknowledged(*session, event);
      break;
    case PacketType::suback:
    case PacketType::unsuback:
      answered(connection, *session, event);
      break;
    default:
      break;
  }
}

void BrokerEnd::connack(Connection& connection, const Event& event) {
  sessions_.connack_written(connection, event);
  connection.broker.connack = true;
  connection.broker.connack_at = event.at;
  connection.broker.connack_event = model_.event_index;
  const auto early = std::exchange(connection.early, {});
  if (!connection.accepted()) return;  // MQTT-3.1.4-5
  wills_.accepted(connection);
  if (Session* session = model_.session(connection.session); session && connection.broker.resumed)
    exchanges_.resumed({connection, End::broker, session->out, session});
  const std::uint64_t present = model_.event_index;
  for (const auto& [packet, index] : early) {
    model_.event_index = index;
    handles(connection, packet);
  }
  model_.event_index = present;
}

void BrokerEnd::arrived(Connection& connection, const Event& event) {
  model_.broker_heard(connection.number);
  if (event.packet == PacketType::connect && !connection.connect_at_broker) {
    sessions_.connect_arrived(connection, event);
  } else if (!connection.broker.connack) {
    connection.early.emplace_back(event, model_.event_index);
  } else if (connection.accepted()) {
    handles(connection, event);
  }
}

void BrokerEnd::handles(Connection& connection, const Event& event) {
  Session* session = model_.session(connection.session);
  switch (event.packet) {
    case PacketType::connect:
      connection.broker.malformed_in = true;  // a second one: the broker must close (MQTT-3.1.0-2)
      break;
    case PacketType::disconnect:
      wills_.disconnected(connection);
      connection.broker.ended = true;
      sessions_.detach(connection);
      break;
    case PacketType::publish:
      if (event.message != 0) intake_.arrived(connection, event);
      break;
    case PacketType::pubrel:
      if (session) session->in.erase(event.packet_id);
      break;
    case PacketType::puback:
    case PacketType::pubrec:
    case PacketType::pubcomp:
      if (session) exchanges_.acknowledged({connection, End::broker, session->out, session}, event);
      break;
    case PacketType::subscribe:
      if (session) subscribe(connection, *session, event);
      break;
    case PacketType::unsubscribe:
      if (session) unsubscribe(connection, *session, event);
      break;
    default:
      break;
  }
}

void BrokerEnd::subscribe(Connection& connection, Session& session, const Event& event) {
  connection.at_broker.push_back({event.packet_id, event.detail, model_.event_index, true});
  for (const trace::FilterDetail& wanted :
       model_.log->detail<trace::FiltersDetail>(event.detail).filters) {
    const std::uint32_t filter = model_.filter_index(wanted.filter);
    Subscriber* subscriber = model_.subscriber(filter, session.id);
    if (!subscriber) {
      subscriber = &model_.filter(filter).subscribers.emplace_back();
      subscriber->session = session.id;
      session.filters.push_back(filter);
    }
    subscriber->asked = wanted.qos();
    retained_.subscribed(session, filter, wanted.qos());
  }
}

void BrokerEnd::unsubscribe(Connection& connection, Session& session, const Event& event) {
  connection.at_broker.push_back({event.packet_id, event.detail, model_.event_index, false});
  for (const trace::FilterDetail& unwanted :
       model_.log->detail<trace::FiltersDetail>(event.detail).filters) {
    const std::uint32_t filter = model_.filter_index(unwanted.filter);
    if (Subscriber* subscriber = model_.subscriber(filter, session.id)) subscriber->leaving = true;
  }
}

// SUBACK or UNSUBACK was written.
void BrokerEnd::answered(Connection& connection, Session& session, const Event& event) {
  auto& open = connection.at_broker;
  for (auto request = open.begin(); request != open.end(); ++request) {
    if (request->packet_id != event.packet_id) continue;
    if (request->subscribe) {
      suback(session, *request, event);
    } else {
      unsuback(connection, session, *request);
    }
    const std::uint32_t detail = request->detail;
    open.erase(request);
    for (const trace::FilterDetail& named :
         model_.log->detail<trace::FiltersDetail>(detail).filters)
      if (Subscriber* subscriber = model_.subscriber(model_.filter_index(named.filter), session.id))
        reconsider(connection, *subscriber, named.filter);
    return;
  }
}

void BrokerEnd::suback(Session& session, const Connection::Request& request, const Event& event) {
  const auto& wanted = model_.log->detail<trace::FiltersDetail>(request.detail).filters;
  const auto& codes = model_.log->detail<trace::FiltersDetail>(event.detail).filters;
  for (std::size_t i = 0; i < wanted.size() && i < codes.size(); ++i) {
    const std::uint32_t filter = model_.filter_index(wanted[i].filter);
    Subscriber* subscriber = model_.subscriber(filter, session.id);
    if (!subscriber) continue;
    if (codes[i].code == suback_failure || codes[i].code == 0) retained_.not_owed(session, filter);
    if (codes[i].code <= 2) {
      if (subscriber->granted == Subscriber::none || subscriber->leaving)
        subscriber->since = model_.now;
      subscriber->granted = codes[i].code;
    } else if (subscriber->granted == Subscriber::none) {
      model_.unsubscribe(session, filter);
    }
  }
}

// MQTT-3.10.4-2. A SUBSCRIBE that came behind the UNSUBSCRIBE, before its answer could be written,
// begins the subscription anew.
void BrokerEnd::unsuback(const Connection& connection, Session& session,
                         const Connection::Request& request) {
  for (const trace::FilterDetail& unwanted :
       model_.log->detail<trace::FiltersDetail>(request.detail).filters) {
    const std::uint32_t filter = model_.filter_index(unwanted.filter);
    const bool again = std::any_of(
        connection.at_broker.begin(), connection.at_broker.end(), [&](const auto& later) {
          return later.subscribe && later.event > request.event && names(later, unwanted.filter);
        });
    if (!again) {
      model_.unsubscribe(session, filter);
    } else if (Subscriber* subscriber = model_.subscriber(filter, session.id)) {
      subscriber->granted = Subscriber::none;
    }
  }
}

bool BrokerEnd::names(const Connection::Request& request, Text filter) const {
  const auto& filters = model_.log->detail<trace::FiltersDetail>(request.detail).filters;
  return std::any_of(filters.begin(), filters.end(),
                     [&](const trace::FilterDetail& named) { return named.filter == filter; });
}

// What the requests that wait for their answers want of a subscription: the last SUBSCRIBE counts.
void BrokerEnd::reconsider(const Connection& connection, Subscriber& subscriber, Text filter) {
  subscriber.asked = Subscriber::none;
  subscriber.leaving = false;
  for (const Connection::Request& request : connection.at_broker) {
    for (const trace::FilterDetail& named :
         model_.log->detail<trace::FiltersDetail>(request.detail).filters) {
      if (named.filter != filter) continue;
      if (request.subscribe) {
        subscriber.asked = named.qos();
      } else {
        subscriber.leaving = true;
      }
    }
  }
}

}  // namespace mqttlab::oracle
