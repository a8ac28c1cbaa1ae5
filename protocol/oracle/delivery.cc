#include "protocol/oracle/delivery.h"

#include <algorithm>

#include "protocol/oracle/intake.h"
#include "protocol/oracle/retained.h"
#include "protocol/oracle/will.h"

namespace mqttlab::oracle {
namespace {

constexpr std::uint8_t up_to(std::uint8_t qos) {
  return static_cast<std::uint8_t>((1U << (qos + 1)) - 1);
}

// The RETAIN that a subscription makes of a publisher's (v3 MQTT-3.3.1-9; v5 MQTT-3.3.1-12 and
// -13).
std::uint8_t kept_retain(const Wish& wish, bool published) {
  return published && wish.options.retain_as_published() ? 2 : 1;
}

// A queue limit, an end of the session or a size limit excuses the loss of any message; that the
// client was away, or its link congested, only that of QoS 0.
bool excuses(trace::DropReason reason, QoS qos) {
  switch (reason) {
    case trace::DropReason::offline_qos0:
    case trace::DropReason::outbox_full:
      return qos == QoS::at_most_once;
    case trace::DropReason::retained_limit:
    case trace::DropReason::expired:  // the intervals on the wire tell
      return false;
    default:
      return true;
  }
}

}  // namespace

void Delivery::accept(const Acceptance& accepted) {
  later_.accepted(accepted);
  for (const std::uint32_t index : model_.matching(accepted.topic)) {
    Filter& filter = model_.filter(index);
    for (const Subscriber& subscriber : filter.subscribers) permit(accepted, filter, subscriber);
    if (filter.group) accept_shared(accepted, filter);
    if (!filter.former.empty()) note_former(accepted, filter);
  }
}

void Delivery::permit(const Acceptance& accepted, const Filter& filter,
                      const Subscriber& subscriber) {
  Session& session = *model_.session(subscriber.session);
  const bool own = session.client_id == accepted.publisher;
  const bool asked = subscriber.asked.wants(own && !accepted.will);
  const bool granted = subscriber.granted.wants(own && !accepted.will);
  if (!asked && !granted) return;
  Record& record = entitle(session, accepted);
  (filter.group ? record.shared : record.unshared) = true;
  const auto published = static_cast<std::uint8_t>(accepted.qos);
  std::uint8_t least = published;
  if (asked) {
    record.qos_mask |= up_to(std::min(subscriber.asked.qos, published));
    // It may still bring the message as a retained one.
    record.retain_mask |= accepted.retain ? 3 : 1;
    least = std::min(least, subscriber.asked.qos);
  }
  if (!granted) return;
  record.qos_mask |= bit(std::min(subscriber.granted.qos, published));
  record.retain_mask |= kept_retain(subscriber.granted, accepted.retain);
  least = std::min(least, subscriber.granted.qos);
  // A will may go out a moment before its connection's end is seen, so a subscription must have
  // stood for that moment; and whether a client gets its own is left open.
  const bool certain = asked || subscriber.asked.qos == Wish::none;
  const bool owed =
      least > 0 && certain && !subscriber.leaving && !subscriber.perhaps && !filter.group &&
      !(accepted.will && (own || subscriber.since + model_.settings.host_grace > model_.now));
  if (owed) owe(record, accepted, static_cast<QoS>(least));
}

void Delivery::accept_shared(const Acceptance& accepted, Filter& filter) {
  auto least = static_cast<std::uint8_t>(accepted.qos);
  bool certain = !filter.subscribers.empty();
  for (const Subscriber& member : filter.subscribers) {
    certain = certain && member.granted.qos != Wish::none && !member.leaving && !member.perhaps;
    least = std::min({least, member.granted.qos, member.asked.qos});
  }
  Record& record = entitle(*filter.group, accepted);
  record.qos_mask |= bit(static_cast<std::uint8_t>(accepted.qos));
  record.retain_mask |= bit(accepted.retain ? 1 : 0);
  if (certain && least > 0 && !accepted.will) owe(record, accepted, static_cast<QoS>(least));
}

// MQTT-3.10.4-2
void Delivery::note_former(const Acceptance& accepted, const Filter& filter) {
  if (accepted.late) return;
  for (const Filter::Former& former : filter.former) {
    Record& record = model_.record(*model_.session(former.session), accepted.message);
    if (record.permitted == 0) record.left = former.event;
  }
}

// One more copy for one more matching filter.
Record& Delivery::entitle(Memory& memory, const Acceptance& accepted) {
  Record& record = model_.record(memory, accepted.message);
  const bool first = record.permitted == 0;
  if (first) {
    record.accepted_at = model_.now;
    record.accepted = accepted.late ? accepted.arrived : model_.event_index;
    record.topic = accepted.topic;
    record.publisher = accepted.publisher;
    record.published = accepted.qos;
    record.will = accepted.will;
    record.expiry_s = accepted.expiry_s;
    record.bytes = accepted.bytes;
  }
  record.handled_at = model_.now;
  record.expiry_mixed = record.expiry_mixed || record.expiry_s != accepted.expiry_s;
  record.mixed = record.mixed || record.publisher != accepted.publisher;
  const bool same = record.last_accepted == model_.event_index;  // through another filter
  const bool anew = accepted.ahead && !accepted.again;
  // All that is permitted here came after it: when it arrived this session had no part in it.
  const bool before = accepted.late && record.accepted > accepted.arrived;
  if (accepted.late && !anew && !first && !same && !before) return record;
  if (before) record.accepted = accepted.arrived;
  if (accepted.ahead && !accepted.late && record.ahead > 0) {  // permitted when it was sent
    --record.ahead;
    return record;
  }
  if (accepted.ahead && accepted.late) ++record.ahead;
  record.will = record.will && accepted.will;
  record.last_accepted = model_.event_index;
  if (!same) ++record.acceptances;
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
  model_.report.checked(Rule::sub_durable);
  ++record.required;
  record.last_required = model_.event_index;
  record.waived = false;
}

template <typename Change>
void Delivery::for_records(std::uint64_t message, Change change) {
  for (Session* session : model_.sessions())
    if (Record* record = session->records.find(message)) change(*record);
  for (std::uint32_t index = 0; index < model_.filters(); ++index) {
    Group* group = model_.filter(index).group.get();
    Record* record = group ? group->records.find(message) : nullptr;
    if (record) change(*record);
  }
}

void Delivery::unacknowledged(std::uint64_t message, std::uint64_t acceptance) {
  for_records(message, [&](Record& record) {
    if (record.last_required != acceptance || record.waived) return;
    record.waived = true;
    --record.required;
  });
}

void Delivery::acknowledged(std::uint64_t message, std::uint64_t acceptance) {
  for_records(message, [&](Record& record) {
    if (record.last_required != acceptance || !record.waived) return;
    record.waived = false;
    ++record.required;
  });
}

// MQTT-4.4.0-2, MQTT-4.8.2-6: an error code settles the message as well.
void Delivery::answered(Session& session, const Exchange& exchange, const Event& event) {
  Record* record = session.records.find(exchange.message);
  if (!record) return;
  if (event.code >= 0x80) {
    ++record->excused;
    if (record->shared) shares_.excused(session, exchange.topic, exchange.message);
  } else if (event.packet != PacketType::pubrec) {
    ++record->acknowledged;
    record->acknowledged_at = model_.now;
  }
}

void Delivery::dropped(const Event& event) {
  const auto reason = static_cast<trace::DropReason>(event.code);
  if (reason == trace::DropReason::not_authorised) {
    // Acknowledged all the same (MQTT-3.3.5-2), and for nobody.
    for_records(event.message, [](Record& record) { ++record.excused; });
  }
  Identity* identity = model_.find_identity(event.text);
  Session* session = identity ? model_.session(identity->session) : nullptr;
  if (!session || !excuses(reason, trace::qos_of(event))) return;
  const Record* known = session->records.find(event.message);
  const bool new_to_session =
      !known || known->excused >= known->permitted + known->retained_permitted;
  // What a link or a session leaves behind may have been routed long ago, to an older session.
  const bool routed_now =
      reason != trace::DropReason::session_ended && reason != trace::DropReason::offline_qos0;
  if (new_to_session && routed_now) wills_.seen(event.message);
  Record& record = model_.record(*session, event.message);
  ++record.excused;
  if (record.shared) shares_.excused(*session, record.topic, event.message);
  std::erase_if(session->retained_due,
                [&](const RetainedDue& due) { return due.message == event.message; });
}

void Delivery::sent(const Connection& connection, Session& session, const Event& event,
                    bool begins) {
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
  if (connection.v5()) copies_.check_identifiers(session, event);
  bool retained = trace::retain_of(event) && !live_with_retain(session, event);
  const Record* known = session.records.find(event.message);
  const bool waits = known && known->begun < known->permitted;  // then its RETAIN is wrong
  if (retained && !retained_.due(session, event) &&
      (shares_.handed_on(session, event, true) ||
       (!waits && !retained_.in_force(event) && wills_.seen(event.message))))
    retained = !live_with_retain(session, event);
  if (!retained || !retained_.sent(connection, session, event))
    judge_live(connection, session, event);
  retained_.seen(session, event);
}

// Of a copy with RETAIN 1: whether it came, as far as can be told, not by subscribing.
bool Delivery::live_with_retain(Session& session, const Event& event) {
  const Record* record = session.records.find(event.message);
  if (!record || record->begun >= record->permitted) return false;
  const bool may_keep = (record->retain_mask & 2) != 0, must_keep = record->retain_mask == 2;
  const bool fits_live = (record->qos_mask & qos_bit(event)) != 0;
  const bool fits_retained = (record->retained_qos_mask & qos_bit(event)) != 0;
  if (record->retained_begun < record->retained_permitted)
    return fits_retained ? must_keep && fits_live : may_keep;
  return may_keep || !Retained::open(session, event.text);
}

bool Delivery::passed_on_later(Session& session, const Event& event) {
  if (Retained::owes(session, event)) return false;  // it is that
  Acceptance acceptance;
  if (!later_.may_get(session, event.message, acceptance)) return false;
  accept(acceptance);
  return true;
}

void Delivery::judge_live(const Connection& connection, Session& session, const Event& event) {
  Record* record = session.records.find(event.message);
  const auto permitted = [&] { return record && record->begun < record->permitted; };
  const bool is_next = permitted() && wills_.is_next(session, *record, event);
  const bool expected = permitted() && !is_next && (record->qos_mask & qos_bit(event)) != 0 &&
                        (record->retain_mask & retain_bit(event)) != 0;
  // Then its QoS or its RETAIN is wrong, and it is no other will's.
  const bool spoilt = permitted() && !is_next && (record->will || trace::retain_of(event));
  if (!expected && (shares_.handed_on(session, event, true) ||
                    (!spoilt && wills_.seen(event.message)) || intake_->under_way(event.message) ||
                    passed_on_later(session, event) || shares_.handed_on(session, event, false)))
    record = session.records.find(event.message);
  if (!permitted()) {
    if (!trace::retain_of(event) && retained_.sent_unflagged(session, event)) return;
    copies_.not_permitted(connection, session, record, event);
    if (record) ++record->begun;
    return;
  }
  ++record->begun;
  if (!trace::retain_of(event)) later_.sent(event.message);
  honesty_.sent(*record);
  if (record->will) model_.report.checked(Rule::will_once);
  wills_.sent(connection, session, *record, event);
  if (record->shared) shares_.sent(session, *record, event);
  if (!record->expiry_mixed) {
    expiry_.sent(connection, event,
                 {record->accepted, record->accepted_at, record->handled_at, record->expiry_s}, 0);
  }
  copies_.check_qos(session, *record, event);
  copies_.check_retain(session, *record, event);
}

bool Delivery::arrived(Client& client, const Connection& connection, const Event& event) {
  const QoS qos = trace::qos_of(event);
  if (qos == QoS::exactly_once) {
    std::uint64_t& open = client.in[event.packet_id];
    if (open == event.message) return false;  // a repeat of an exchange that PUBREL has not ended
    open = event.message;
  }
  Arrival& arrival = client.arrivals[event.message];
  if (std::count(std::begin(arrival.waiting), std::end(arrival.waiting), 0) == 3)
    arrival.event = model_.event_index;
  ++arrival.waiting[static_cast<std::size_t>(qos)];
  arrival.session = connection.session;
  return true;
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
    const std::uint64_t arrived = arrival->event;
    if (arrival->waiting[0] + arrival->waiting[1] + arrival->waiting[2] == 0)
      client.arrivals.erase(event.message);
    Record* record = session ? session->records.find(event.message) : nullptr;
    if (!record) return;
    // What may be either is taken for what is due.
    const bool live = (record->retain_mask & 2) != 0 || record->retain_reported;
    if (trace::retain_of(event) && !live) return;
    ++record->delivered;
    if (record->shared) shares_.delivered(*session, event);
    if (record->required > 0 && record->delivered <= record->required) {
      const Rule rule = record->will                        ? Rule::will_iff
                        : record->qos == QoS::at_least_once ? Rule::q1_noloss
                                                            : Rule::q2_once;
      model_.report.checked(rule);
    }
    const bool certain = !trace::retain_of(event) || record->retained_permitted == 0;
    if (record->delivered == 1 && certain)
      order_.first_delivery(client, *session, *record, trace::qos_of(event), arrived);
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
  model_.report.broken(rule, End::client, model_.now,
                       "the client on '" + std::string(model_.log->actor_name(actor)) +
                           "' handed its application at " + seconds(model_.now) + " " +
                           copies_.message(event) +
                           (before ? " that it had handed over before and got no second time"
                                   : " that had not arrived at this QoS"),
                       {before ? before->accepted : model_.event_index, model_.event_index});
}

void Delivery::finish(const Deadline& deadline) {
  if (!deadline.known) return;
  losses_.finish(deadline);
  shares_.finish(deadline);
  drains_.finish(deadline);
}

void Delivery::session_over(Session& session) {
  shares_.left(session);
  honesty_.session_over(session);
}

void Delivery::unread(const Connection& connection, const Inbound& inbound) {
  drains_.unread(connection, inbound.message, inbound.event);
}

}  // namespace mqttlab::oracle
