#include "protocol/oracle/delivery.h"

#include <algorithm>

#include "protocol/oracle/intake.h"
#include "protocol/oracle/retained.h"
#include "protocol/oracle/will.h"

namespace mqttlab::oracle {
namespace {

constexpr std::uint8_t bit(std::uint8_t qos) { return static_cast<std::uint8_t>(1U << qos); }
std::uint8_t qos_bit(const Event& event) {
  return bit(static_cast<std::uint8_t>(trace::qos_of(event)));
}
constexpr std::uint8_t up_to(std::uint8_t qos) {
  return static_cast<std::uint8_t>((1U << (qos + 1)) - 1);
}

// A queue limit, an end of the session or a size limit excuses the loss of any message; that the
// client was away, or its link congested, only that of QoS 0.
bool excuses(trace::DropReason reason, QoS qos) {
  switch (reason) {
    case trace::DropReason::offline_qos0:
    case trace::DropReason::outbox_full:
      return qos == QoS::at_most_once;
    case trace::DropReason::retained_limit:
      return false;
    default:
      return true;
  }
}

}  // namespace

std::string Delivery::message(const Event& event) const {
  return "a QoS " + std::to_string(static_cast<int>(trace::qos_of(event))) + " message on topic " +
         model_.quoted(event.text);
}

void Delivery::accept(const Acceptance& accepted) {
  const auto published = static_cast<std::uint8_t>(accepted.qos);
  for (const std::uint32_t filter : model_.matching(accepted.topic)) {
    for (const Subscriber& subscriber : model_.filter(filter).subscribers) {
      Session& session = *model_.session(subscriber.session);
      Record& record = entitle(session, accepted);
      std::uint8_t least = published;
      if (subscriber.asked != Subscriber::none) {
        record.qos_mask |= up_to(std::min(subscriber.asked, published));
        least = std::min(least, subscriber.asked);
      }
      if (subscriber.granted == Subscriber::none) continue;
      record.qos_mask |= bit(std::min(subscriber.granted, published));
      least = std::min(least, subscriber.granted);
      // A will may go out a moment before its connection's end is seen, so a subscription must have
      // stood for that moment; and whether a client gets its own is left open.
      const bool owed = least > 0 && !subscriber.leaving &&
                        !(accepted.will && (session.client_id == accepted.publisher ||
                                            subscriber.since + host_grace > model_.now));
      if (owed) owe(record, accepted, static_cast<QoS>(least));
    }
  }
}

// One more copy for one more matching filter.
Record& Delivery::entitle(Session& session, const Acceptance& accepted) {
  Record& record = model_.record(session, accepted.message);
  const bool first = record.permitted == 0;
  if (first) {
    record.accepted_at = model_.now;
    record.accepted = accepted.late ? accepted.arrived : model_.event_index;
    record.topic = accepted.topic;
    record.publisher = accepted.publisher;
    record.published = accepted.qos;
    record.will = accepted.will;
  }
  const bool same = record.last_accepted == model_.event_index;  // through another filter
  if (accepted.late && !first && !same) return record;
  record.will = record.will && accepted.will;
  record.last_accepted = model_.event_index;
  ++record.permitted;
  return record;
}

void Delivery::owe(Record& record, const Acceptance& accepted, QoS qos) {
  if (accepted.late) {
    if (record.waived && record.last_required == accepted.arrived)
      record.last_required = model_.event_index;
    return;
  }
  record.qos = std::max(record.qos, qos);
  const bool repeat = accepted.again && accepted.publisher == record.publisher;
  const bool counted = record.last_required == model_.event_index || repeat;
  if (record.required > 0 && counted) return;
  ++record.required;
  record.last_required = model_.event_index;
  record.waived = false;
}

void Delivery::unacknowledged(std::uint64_t message, std::uint64_t acceptance) {
  for (Session* session : model_.sessions()) {
    Record* record = session->records.find(message);
    if (!record || record->last_required != acceptance || record->waived) continue;
    record->waived = true;
    --record->required;
  }
}

void Delivery::acknowledged(std::uint64_t message, std::uint64_t acceptance) {
  for (Session* session : model_.sessions()) {
    Record* record = session->records.find(message);
    if (!record || record->last_required != acceptance || !record->waived) continue;
    record->waived = false;
    ++record->required;
  }
}

void Delivery::dropped(const Event& event) {
  const auto reason = static_cast<trace::DropReason>(event.code);
  if (reason == trace::DropReason::not_authorised) {
    // Acknowledged all the same (MQTT-3.3.5-2), and for nobody.
    for (Session* every : model_.sessions())
      if (Record* record = every->records.find(event.message)) ++record->excused;
  }
  Identity* identity = model_.find_identity(event.text);
  Session* session = identity ? model_.session(identity->session) : nullptr;
  if (!session || !excuses(reason, trace::qos_of(event))) return;
  const Record* known = session->records.find(event.message);
  if (!known || known->excused >= known->permitted + known->retained_permitted)
    wills_.seen(event.message);
  ++model_.record(*session, event.message).excused;
  std::erase_if(session->retained_due,
                [&](const RetainedDue& due) { return due.message == event.message; });
}

void Delivery::sent(Session& session, const Event& event, bool begins) {
  if (!begins || model_.system_topic(event.text)) return;
  switch (trace::qos_of(event)) {
    case QoS::at_most_once:
      model_.report.checked(Rule::q0_atmost);
      break;
    case QoS::at_least_once:
      break;
    case QoS::exactly_once:
      model_.report.checked(Rule::q2_once);
      break;
  }
  if (trace::retain_of(event) && retained_.sent(session, event)) return;
  judge_live(session, event);
}

void Delivery::judge_live(Session& session, const Event& event) {
  Record* record = session.records.find(event.message);
  const auto permitted = [&] { return record && record->begun < record->permitted; };
  const bool expected = permitted() && (record->qos_mask & qos_bit(event)) != 0;
  if (!expected && (wills_.seen(event.message) || intake_->under_way(event.message)))
    record = session.records.find(event.message);
  if (!permitted()) {
    not_permitted(session, record, event);
    if (record) ++record->begun;
    return;
  }
  ++record->begun;
  if (record->will) model_.report.checked(Rule::will_once);
  check_qos(session, *record, event);
}

// More copies than acceptances. At QoS 1 that is waste, not a fault, unless nothing was accepted.
void Delivery::not_permitted(const Session& session, const Record* record, const Event& event) {
  const std::string what = "the broker sent client " + model_.quoted(session.client_id) + " at " +
                           seconds(model_.now) + " " + message(event) + " (packet id " +
                           std::to_string(event.packet_id) + ")";
  const Wills::Past past = wills_.past(event.message);
  const bool known = record && record->permitted > 0;
  if (known && record->will) {
    model_.report.broken(Rule::will_once, model_.now, what + ", a will, more often than it was due",
                         {record->accepted, model_.event_index});
  } else if (past.cancelled && !known) {
    model_.report.broken(Rule::will_iff, model_.now,
                         what + ", the will of a connection that had ended with DISCONNECT",
                         {past.event, model_.event_index});
  } else if (!known) {
    model_.report.broken(Rule::no_fabrication, model_.now,
                         what +
                             " that no publisher had sent while a subscription of this client "
                             "matched it",
                         {model_.event_index});
  } else if (trace::qos_of(event) == QoS::at_most_once) {
    model_.report.broken(
        Rule::q0_atmost, model_.now,
        what + " more often than it was accepted (at " + seconds(record->accepted_at) + ")",
        {record->accepted, model_.event_index});
  } else if (trace::qos_of(event) == QoS::exactly_once) {
    model_.report.broken(Rule::q2_once, model_.now,
                         what + " as a new exchange although it was accepted once, at " +
                             seconds(record->accepted_at) + ", and sent before",
                         {record->accepted, model_.event_index});
  }
}

// MQTT-3.8.4-6, MQTT-3.3.5-1
void Delivery::check_qos(const Session& session, const Record& record, const Event& event) {
  if ((record.qos_mask & qos_bit(event)) != 0) return;
  model_.report.broken(Rule::no_fabrication, model_.now,
                       "the broker sent client " + model_.quoted(session.client_id) + " at " +
                           seconds(model_.now) + " " + message(event) + ", published at QoS " +
                           std::to_string(static_cast<int>(record.published)) +
                           ", which is not the lower of published and granted QoS",
                       {record.accepted, model_.event_index});
}

void Delivery::arrived(Client& client, const Connection& connection, const Event& event) {
  const QoS qos = trace::qos_of(event);
  if (qos == QoS::exactly_once) {
    std::uint64_t& open = client.in[event.packet_id];
    if (open == event.message) return;  // a repeat of an exchange that PUBREL has not ended
    open = event.message;
  }
  Arrival& arrival = client.arrivals[event.message];
  ++arrival.waiting[static_cast<std::size_t>(qos)];
  arrival.session = connection.session;
}

void Delivery::delivered(const Event& event) {
  if (model_.system_topic(event.text)) return;
  model_.report.checked(Rule::no_fabrication);
  const auto qos = static_cast<std::size_t>(trace::qos_of(event));
  for (const std::uint32_t index : model_.clients_of(event.actor)) {
    Client& client = model_.client_at(index);
    Arrival* arrival = client.arrivals.find(event.message);
    if (!arrival || arrival->waiting[qos] == 0) continue;
    --arrival->waiting[qos];
    Session* session = model_.session(arrival->session);
    if (arrival->waiting[0] + arrival->waiting[1] + arrival->waiting[2] == 0)
      client.arrivals.erase(event.message);
    Record* record = session ? session->records.find(event.message) : nullptr;
    if (!record || trace::retain_of(event)) return;
    ++record->delivered;
    if (record->required > 0 && record->delivered <= record->required) {
      const Rule rule = record->will                        ? Rule::will_iff
                        : record->qos == QoS::at_least_once ? Rule::q1_noloss
                                                            : Rule::q2_once;
      model_.report.checked(rule);
    }
    if (record->delivered == 1) order_.first_delivery(*session, *record, trace::qos_of(event));
    return;
  }
  never_arrived(event.actor, event);
}

// Handed over without a PUBLISH to show for it: a repeat of the client's own making, or an
// invention.
void Delivery::never_arrived(Actor actor, const Event& event) {
  const Record* before = nullptr;
  for (const std::uint32_t index : model_.clients_of(actor)) {
    const Client& client = model_.client_at(index);
    Identity* identity = model_.find_identity(client.client_id);
    Session* session = identity ? model_.session(identity->session) : nullptr;
    const Record* record = session ? session->records.find(event.message) : nullptr;
    if (record && record->delivered + record->retained_begun > 0) before = record;
  }
  const QoS qos = trace::qos_of(event);
  if (before && qos == QoS::at_least_once) return;
  const Rule rule = !before                    ? Rule::no_fabrication
                    : qos == QoS::at_most_once ? Rule::q0_atmost
                                               : Rule::q2_once;
  model_.report.broken(rule, model_.now,
                       "the client on '" + std::string(model_.log->actor_name(actor)) +
                           "' handed its application at " + seconds(model_.now) + " " +
                           message(event) +
                           (before ? " that it had handed over before and got no second time"
                                   : " that had not arrived at this QoS"),
                       {before ? before->accepted : model_.event_index, model_.event_index});
}

void Delivery::finish(const Deadline& deadline) {
  if (!deadline.known) return;
  for (Session* session : model_.sessions()) {
    const Connection* connection = model_.find_connection(session->connection);
    if (!connection || !connection->client.connack || connection->client.closed) continue;
    Table<bool> under_way;
    bool stuck = false;  // behind exchanges that do not end: Converge reports those
    for (const std::uint64_t id : session->out.keys()) {
      const Exchange& exchange = *session->out.find(id);
      under_way[exchange.message] = true;
      stuck = stuck || exchange.begun_at <= deadline.before;
    }
    std::vector<std::pair<std::uint64_t, std::uint64_t>> suspects;  // by order of acceptance
    for (const std::uint64_t message : session->records.keys()) {
      const Record& record = *session->records.find(message);
      if (record.delivered + record.excused >= record.required) continue;
      if (record.accepted_at > deadline.before || (stuck && record.begun == 0)) continue;
      if (!under_way.find(message)) suspects.emplace_back(record.accepted, message);
    }
    std::sort(suspects.begin(), suspects.end());
    for (const auto& [accepted, message] : suspects)
      lost(*session, message, *session->records.find(message));
  }
}

void Delivery::lost(const Session& session, std::uint64_t, const Record& record) {
  const Rule rule = record.will                        ? Rule::will_iff
                    : record.qos == QoS::at_least_once ? Rule::q1_noloss
                                                       : Rule::q2_once;
  const bool sent = record.begun + record.retained_begun > 0;
  std::string what = record.will ? "the will of client " : "a message of client ";
  what += model_.quoted(record.publisher) + " on topic " + model_.quoted(record.topic);
  what += record.will ? ", due at " : ", accepted by the broker at ";
  what += seconds(record.accepted_at) + ", never reached the application of client " +
          model_.quoted(session.client_id) + ", subscribed at QoS " +
          std::to_string(static_cast<int>(record.qos)) +
          (sent ? ": the broker sent it and the exchange is over"
                : ": the broker never sent it, and logged no reason");
  model_.report.broken(rule, model_.now, what, {record.accepted});
}

}  // namespace mqttlab::oracle
