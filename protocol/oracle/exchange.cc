#include "protocol/oracle/exchange.h"

#include <algorithm>

namespace mqttlab::oracle {
namespace {

constexpr std::size_t most_strays = 64;  // of one end at a time

std::string publish(const Exchange& exchange, const Model& model, std::uint64_t packet_id) {
  return "PUBLISH id " + std::to_string(packet_id) + " (QoS " +
         std::to_string(static_cast<int>(exchange.qos)) + ", topic " +
         model.quoted(exchange.topic) + ", first written at " + seconds(exchange.begun_at) + ")";
}

}  // namespace

bool Exchanges::publish_written(const Sending& sending, const Event& event) {
  model_.report.checked(Rule::dup_rule);
  if (trace::qos_of(event) == QoS::at_most_once) {
    if (trace::dup_of(event)) {  // MQTT-3.3.1-2
      model_.report.broken(Rule::dup_rule, sending.end, model_.now,
                           sender(sending) + " wrote a QoS 0 PUBLISH with DUP 1 on topic " +
                               model_.quoted(event.text) + " at " + seconds(model_.now),
                           {model_.event_index});
    }
    return true;
  }
  Exchange* exchange = sending.out.find(event.packet_id);
  // Without a message: an alias that means nothing (ALIAS-SCOPE).
  if (exchange && (exchange->message == event.message || event.message == 0)) {
    repeat(sending, event, *exchange);
    return false;
  }
  model_.report.checked(Rule::pid_unique);
  if (exchange) {
    id_in_use(sending, event, *exchange);
    settled(sending, event.packet_id);
  }
  first_send(sending, event);
  return true;
}

// Between PUBREC and PUBCOMP an id looks free to a sender that takes PUBREC for the end.
void Exchanges::id_in_use(const Sending& sending, const Event& event, const Exchange& exchange) {
  const Rule rule = exchange.stage == Exchange::Stage::publish
                        ? Rule::pid_unique    // MQTT-2.3.1-2, MQTT-2.3.1-4
                        : Rule::pid_release;  // MQTT-4.3.3-5
  model_.report.broken(rule, sending.end, model_.now,
                       sender(sending) + " began a PUBLISH on topic " + model_.quoted(event.text) +
                           " under packet id " + std::to_string(event.packet_id) + " at " +
                           seconds(model_.now) + " while that id was held by " +
                           publish(exchange, model_, event.packet_id),
                       {exchange.event, model_.event_index});
}

void Exchanges::first_send(const Sending& sending, const Event& event) {
  if (sending.end == End::client) {
    for (const auto& request : sending.connection.at_client) {
      if (request.packet_id != event.packet_id) continue;
      model_.report.broken(Rule::pid_unique, sending.end, model_.now,
                           sender(sending) + " began a PUBLISH on topic " +
                               model_.quoted(event.text) + " under packet id " +
                               std::to_string(event.packet_id) + " at " + seconds(model_.now) +
                               " while a SUBSCRIBE or UNSUBSCRIBE held that id",
                           {request.event, model_.event_index});
    }
  }
  const bool moved = resends_.begun(sending, event);
  if (trace::dup_of(event) && !moved && !may_be_a_repeat(sending, event)) {
    model_.report.broken(Rule::dup_rule, sending.end, model_.now,
                         sender(sending) + " wrote PUBLISH id " + std::to_string(event.packet_id) +
                             " on topic " + model_.quoted(event.text) + " with DUP 1 at " +
                             seconds(model_.now) + " although it had never tried to send it before",
                         {model_.event_index});
  }
  sending.out[event.packet_id] = {.message = event.message,
                                  .event = model_.event_index,
                                  .begun_at = model_.now,
                                  .topic = event.text,
                                  .connection = sending.connection.number,
                                  .carried = sending.connection.number,
                                  .bytes = event.bytes,
                                  .qos = trace::qos_of(event)};
  answered_before(sending, event);
  sending.side().published_at = model_.now;
  waste_.begun(*sending.out.find(event.packet_id));
  if (sending.v5()) model_.report.checked(Rule::no_live_resend);
  flow_.published(sending.connection, event);
}

// What came a moment before a PUBLISH was written may have been read after that was sent: a PUBREC
// that the other end wrote again for an older exchange, of this id, may end this one's first half.
void Exchanges::answered_before(const Sending& sending, const Event& event) {
  Side& side = sending.side();
  const auto came = std::find(side.strays.begin(), side.strays.end(), event.packet_id);
  if (came == side.strays.end() || side.stray_at + unread_for() < model_.now) return;
  side.strays.erase(came);
  if (trace::qos_of(event) == QoS::exactly_once)
    sending.out.find(event.packet_id)->pubrec_waits = true;
}

// Where the host itself tells, both bear the same time.
Time Exchanges::unread_for() const { return model_.settings.from_the_path ? 10 * millisecond : 0; }

void Exchanges::stray(const Sending& sending, const Event& event) {
  if (event.packet != PacketType::pubrec || refuses(event)) return;
  Side& side = sending.side();
  if (side.stray_at + unread_for() < model_.now) side.strays.clear();
  if (side.strays.size() == most_strays) side.strays.erase(side.strays.begin());
  side.stray_at = model_.now;
  side.strays.push_back(event.packet_id);
}

// A first PUBLISH that was cut before its last byte was written left no event, and a client may
// mark what it had stored before it was connected: DUP 1 is wrong only if no earlier connection can
// have carried the message.
bool Exchanges::may_be_a_repeat(const Sending& sending, const Event& event) {
  const Side& side = sending.side();
  if (sending.session) {
    if (!side.resumed) return false;
    const Record* record = sending.session->records.find(event.message);
    // Nor is it known when a retained copy became due.
    return !record || record->retained_permitted > 0 || record->accepted < side.connack_event;
  }
  const auto called = calls_.called_at(event.actor, event.message);
  if (called) return !side.connack || *called < side.connack_at;
  const Client* client = model_.client_of(sending.connection);
  return client && client->lost_at != 0;
}

void Exchanges::repeat(const Sending& sending, const Event& event, Exchange& exchange) {
  const std::uint32_t connection = sending.connection.number;
  if (exchange.carried == connection) {
    twice(sending, event, exchange);
  } else {
    resends_.sent(sending, event.packet_id, exchange);
    flow_.published(sending.connection, event);
    exchange.carried = connection;
  }
  ++exchange.copies;
  if (exchange.stage == Exchange::Stage::pubrel_written) {  // MQTT-4.3.3-1
    model_.report.broken(Rule::q2_no_republish, sending.end, model_.now,
                         sender(sending) + " wrote " + publish(exchange, model_, event.packet_id) +
                             " again at " + seconds(model_.now) +
                             " after it had written PUBREL for it",
                         {exchange.event, model_.event_index});
  } else if (!trace::dup_of(event)) {  // MQTT-3.3.1-1
    model_.report.broken(Rule::dup_rule, sending.end, model_.now,
                         sender(sending) + " wrote " + publish(exchange, model_, event.packet_id) +
                             " again with DUP 0 at " + seconds(model_.now),
                         {exchange.event, model_.event_index});
  }
  continued(sending, exchange);
  sending.side().published_at = model_.now;
  waste_.written(sending, event, exchange);
}

// 3.1.1 allows it; in 5.0 only a resumed session sends anything again (MQTT-4.4.0-1).
void Exchanges::twice(const Sending& sending, const Event& event, const Exchange& exchange) {
  if (!sending.v5()) return;
  model_.report.broken(Rule::no_live_resend, sending.end, model_.now,
                       sender(sending) + " wrote " + std::string(name(event.packet)) +
                           " a second time on one connection, at " + seconds(model_.now) +
                           ", for " + publish(exchange, model_, event.packet_id),
                       {exchange.event, model_.event_index});
}

void Exchanges::continued(const Sending& sending, Exchange& exchange) {
  ++exchange.packets;
  if (exchange.connection == sending.connection.number) return;
  ++exchange.connections;
  exchange.connection = sending.connection.number;
  sending.side().resent_at = model_.now;
  model_.report.checked(exchange.qos == QoS::at_least_once ? Rule::q1_resume : Rule::q2_resume);
}

void Exchanges::pubrel_written(const Sending& sending, const Event& event) {
  Exchange* exchange = sending.out.find(event.packet_id);
  if (!exchange || exchange->qos != QoS::exactly_once) return;  // an answer to a late PUBREC
  // What is too long for this connection may be given up by letting go of its id.
  if (exchange->stage == Exchange::Stage::publish && !exchange->pubrec_waits &&
      fits(model_, sending.window(), *exchange)) {
    model_.report.broken(Rule::q2_resume, sending.end, model_.now,
                         sender(sending) + " wrote PUBREL for " +
                             publish(*exchange, model_, event.packet_id) + " at " +
                             seconds(model_.now) + " although no PUBREC had arrived",
                         {exchange->event, model_.event_index});
  }
  if (exchange->stage != Exchange::Stage::pubrel_written)
    model_.report.checked(Rule::q2_no_republish);
  if (exchange->released == sending.connection.number && !exchange->pubrec_waits)
    twice(sending, event, *exchange);
  exchange->stage = Exchange::Stage::pubrel_written;
  exchange->released = sending.connection.number;
  exchange->pubrec_waits = false;
  continued(sending, *exchange);
  waste_.written(sending, event, *exchange);
}

void Exchanges::acknowledged(const Sending& sending, const Event& event) {
  Exchange* exchange = sending.out.find(event.packet_id);
  if (!exchange) return stray(sending, event);
  const bool qos1 = exchange->qos == QoS::at_least_once;
  if (event.packet == PacketType::puback && qos1) {
    settled(sending, event.packet_id);
  } else if (event.packet == PacketType::pubrec && !qos1) {
    if (refuses(event)) return settled(sending, event.packet_id);  // MQTT-4.4.0-2
    exchange->pubrec_waits = true;
    if (exchange->stage == Exchange::Stage::publish)
      exchange->stage = Exchange::Stage::pubrec_arrived;
  } else if (event.packet == PacketType::pubcomp && !qos1 &&
             exchange->stage != Exchange::Stage::publish) {
    settled(sending, event.packet_id);
  }
}

void Exchanges::settled(const Sending& sending, std::uint64_t packet_id) {
  model_.report.checked(Rule::pid_release);
  if (sending.out.find(packet_id)->carried == sending.connection.number)
    flow_.settled(sending.window());
  sending.out.erase(packet_id);
}

// SUBSCRIBE, UNSUBSCRIBE and a client's PUBLISH share the ids (MQTT-2.3.1-2); the first two hold
// theirs for one connection.
void Exchanges::request_written(const Sending& sending, const Event& event) {
  model_.report.checked(Rule::pid_unique);
  const Exchange* exchange = sending.out.find(event.packet_id);
  const auto& requests = sending.connection.at_client;
  const Connection::Request* request = nullptr;
  for (const auto& open : requests)
    if (open.packet_id == event.packet_id) request = &open;
  if (!exchange && !request) return;
  model_.report.broken(
      Rule::pid_unique, sending.end, model_.now,
      sender(sending) + " wrote " + std::string(name(event.packet)) + " under packet id " +
          std::to_string(event.packet_id) + " at " + seconds(model_.now) +
          " while that id was held by " +
          (exchange ? publish(*exchange, model_, event.packet_id)
                    : std::string("a SUBSCRIBE or UNSUBSCRIBE without its answer")),
      {exchange ? exchange->event : request->event, model_.event_index});
}

void Exchanges::held(const Connection& connection, const Deadline& deadline) {
  if (!deadline.known || connection.client.closed || connection.broker.closed) return;
  for (const Connection::Request& request : connection.at_client) {
    const Event& written = model_.log->events()[request.event];
    if (written.at > deadline.before) continue;
    model_.report.broken(Rule::pid_release, End::broker, model_.now,
                         model_.who(connection) + " still waits for the answer to " +
                             std::string(name(written.packet)) + " id " +
                             std::to_string(request.packet_id) + " that it wrote at " +
                             seconds(written.at),
                         {request.event});
  }
}

void Exchanges::over(const Sending& sending) {
  const Side& side = sending.side();
  const Time busy_at = std::max({side.connack_at, side.resent_at, side.window.full_until});
  // After other packets for so long: what it has not sent again by now it will not.
  if (!side.resumed || side.wrote_at < busy_at + quiet_after) return;
  for (const std::uint64_t id : sending.out.keys()) {
    Exchange& exchange = *sending.out.find(id);
    if (exchange.connection == sending.connection.number || exchange.reported) continue;
    const bool released = exchange.stage == Exchange::Stage::pubrel_written;
    // PUBREL takes no quota; PUBLISH waits for it (MQTT-4.9.0-2, MQTT-4.9.0-3).
    if (!released && (side.window.full() || !fits(model_, side.window, exchange))) continue;
    exchange.reported = true;
    const bool qos1 = exchange.qos == QoS::at_least_once;
    model_.report.broken(qos1 ? Rule::q1_resume : Rule::q2_resume, sending.end, model_.now,
                         sender(sending) + " resumed its session at " + seconds(side.connack_at) +
                             " and went on until " + seconds(side.wrote_at) + " without sending " +
                             (released ? "PUBREL of " : "") + publish(exchange, model_, id) +
                             " again",
                         {exchange.event, side.connack_event});
  }
}

}  // namespace mqttlab::oracle
