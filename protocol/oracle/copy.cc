#include "protocol/oracle/copy.h"

#include <algorithm>

#include "protocol/oracle/discard.h"
#include "protocol/oracle/resume.h"
#include "protocol/oracle/will.h"

namespace mqttlab::oracle {

std::string Copies::message(const Event& event) const {
  return "a QoS " + std::to_string(static_cast<int>(trace::qos_of(event))) + " message on topic " +
         model_.quoted(event.text);
}

std::string Copies::sent_to(const Session& session, const Event& event) const {
  return "the broker sent client " + model_.quoted(session.client_id) + " at " +
         seconds(model_.now) + " " + message(event);
}

// More copies than acceptances. At QoS 1 that is waste, not a fault, unless nothing was accepted,
// or the session should have been done with it.
void Copies::not_permitted(const Connection& connection, Session& session, const Record* record,
                           const Event& event) {
  const std::string what =
      sent_to(session, event) + " (packet id " + std::to_string(event.packet_id) + ")";
  const Wills::Past past = wills_.past(event.message);
  const bool known = record && record->permitted > 0;
  if (known && record->will) {
    model_.report.broken(Rule::will_once, model_.now, what + ", a will, more often than it was due",
                         {record->accepted, model_.event_index});
  } else if (past.cancelled && !known) {
    model_.report.broken(
        Rule::will_iff, model_.now,
        what + (past.by_resume ? ", the will of a connection whose session went on in time"
                               : ", the will of a connection that had ended with DISCONNECT"),
        {past.event, model_.event_index});
  } else if (!known && record && record->left != 0) {  // MQTT-3.10.4-2
    model_.report.broken(Rule::sub_durable, model_.now,
                         what + " that it accepted only after it had answered UNSUBSCRIBE",
                         {record->left, model_.event_index});
  } else if (!known) {
    if (discards_.published(session, event)) return;
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
  } else {
    resumes_.sent_again(connection, session, *record, what);
  }
}

// v3 MQTT-3.8.4-6, v3 MQTT-3.3.5-1, v5 MQTT-3.8.4-8
void Copies::check_qos(const Session& session, const Record& record, const Event& event) {
  if ((record.qos_mask & qos_bit(event)) != 0) return;
  // With RETAIN 1 it may be due to subscribing, and one that was taken for that the live one.
  if (trace::retain_of(event) && (record.retained_qos_mask & qos_bit(event)) != 0 &&
      (record.retained_begun_mask & record.qos_mask) != 0)
    return;
  model_.report.broken(Rule::no_fabrication, model_.now,
                       sent_to(session, event) + ", published at QoS " +
                           std::to_string(static_cast<int>(record.published)) +
                           ", which is not the lower of published and granted QoS",
                       {record.accepted, model_.event_index});
}

void Copies::check_retain(const Session& session, Record& record, const Event& event) {
  model_.report.checked(Rule::ret_flag);
  if ((record.retain_mask & retain_bit(event)) != 0) return;
  record.retain_reported = true;  // it is this copy all the same, and its delivery counts
  const bool retain = trace::retain_of(event);
  model_.report.broken(
      Rule::ret_flag, model_.now,
      sent_to(session, event) + (retain ? " with RETAIN 1 although it is not sent for a new "
                                          "subscription and none keeps RETAIN as published"
                                        : " with RETAIN 0 although its subscription keeps RETAIN "
                                          "as published, and it was 1"),
      {record.accepted, model_.event_index});
}

// U-3.3.4-1, MQTT-3.3.4-3, MQTT-3.3.4-4, MQTT-3.3.4-5: one copy for all matching subscriptions has
// the identifiers of all, a copy for each has its own.
void Copies::check_identifiers(Session& session, const Event& event) {
  static const std::vector<std::uint32_t> none;
  const auto& sent =
      event.detail == 0 ? none : model_.log->detail<trace::PublishDetail>(event.detail).identifiers;
  if (sent.empty() && session.identifiers.empty()) return;
  const auto caused = [&](std::uint32_t identifier) {
    return std::any_of(
        session.identifiers.begin(), session.identifiers.end(), [&](const auto& one) {
          return one.second == identifier && model_.matches(model_.filter(one.first), event.text);
        });
  };
  const bool foreign = !std::all_of(sent.begin(), sent.end(), caused);
  const Record* record = session.records.find(event.message);
  std::size_t with = 0;  // of its own subscriptions; a share's copy is one by itself
  bool one_is_enough = false, none_is_enough = false;
  bool certain = record && record->permitted > 0 && record->accepted == record->last_accepted &&
                 session.subscriptions_changed < record->accepted;
  for (const std::uint32_t filter : session.filters) {
    if (!certain || !model_.matches(model_.filter(filter), event.text)) continue;
    const Subscriber& subscriber = *model_.subscriber(filter, session.id);
    const Wish& granted = subscriber.granted;
    certain = subscriber.asked.qos == Wish::none && !subscriber.leaving;
    if (!granted.wants(record->publisher == session.client_id)) continue;
    const bool has_one = granted.identifier != 0;
    (has_one ? one_is_enough : none_is_enough) = true;
    if (has_one && !model_.filter(filter).group) ++with;
  }
  const bool whole = sent.size() == with || (sent.size() == 1 && one_is_enough) ||
                     (sent.empty() && none_is_enough);
  if (!foreign && (whole || !certain)) return;
  model_.report.broken(Rule::no_fabrication, model_.now,
                       sent_to(session, event) +
                           (foreign ? " with the identifier of a subscription that does not match"
                                    : " without the identifiers of the subscriptions that match"),
                       {model_.event_index});
}

}  // namespace mqttlab::oracle
