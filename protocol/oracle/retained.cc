#include "protocol/oracle/retained.h"

#include <algorithm>

#include "protocol/oracle/crash.h"

namespace mqttlab::oracle {
namespace {

constexpr std::size_t remembered = 32;  // values of one topic

// What a subscription makes of messages published at any of these (v3 MQTT-3.8.4-6, v5
// MQTT-3.8.4-8).
std::uint8_t granted(std::uint8_t published, std::uint8_t wanted) {
  const int lower = published & (bit(wanted) - 1), higher = published >> wanted;
  return static_cast<std::uint8_t>(lower | (higher != 0 ? bit(wanted) : 0));
}

}  // namespace

bool Retained::Value::may_be_in_force(std::uint64_t message) const {
  return std::find(may_be.begin(), may_be.end(), message) != may_be.end();
}

std::uint8_t Retained::Value::qos_mask_of(std::uint64_t message) const {
  const auto of = std::find_if(accepted.begin(), accepted.end(),
                               [&](const Accepted& one) { return one.message == message; });
  return (message == last && sure) || of == accepted.end() ? bit(static_cast<std::uint8_t>(qos))
                                                           : of->qos_mask;
}

void Retained::Value::remember(const RetainedMessage& stored, std::uint64_t index) {
  mixed = mixed || stored.will || (!accepted.empty() && publisher != stored.publisher);
  publisher = stored.publisher;
  const auto published = bit(static_cast<std::uint8_t>(stored.qos));
  const auto known = std::find_if(accepted.begin(), accepted.end(), [&](const Accepted& one) {
    return one.message == stored.message;
  });
  if (known != accepted.end()) {
    known->last = index;
    known->qos_mask |= published;
    return;
  }
  accepted.push_back({stored.message, index, index, stored.qos, published});
  if (accepted.size() > remembered) accepted.erase(accepted.begin());
}

// v3 MQTT-3.3.1-5 and -10, v5 MQTT-3.3.1-5, -6 and -7
void Retained::store(const RetainedMessage& stored, bool sure) {
  if (model_.system_topic(stored.topic)) return;
  const std::size_t before = values_.size();
  Value& value = values_[std::uint64_t{stored.topic} + 1];
  if (values_.size() != before) topics_.push_back(stored.topic);
  if (sure) value.may_be.clear();
  const std::uint64_t now = stored.empty ? 0 : stored.message;
  std::erase(value.may_be, now);
  value.may_be.push_back(now);  // the likeliest is the last
  if (value.may_be.size() > remembered) value.may_be.erase(value.may_be.begin());
  if (value.last != stored.message) value.stored_at = model_.now;
  value.last = stored.message;
  value.event = model_.event_index;
  value.handled_at = model_.now;
  value.expiry_s = stored.expiry_s;
  value.bytes = stored.bytes;
  value.qos = stored.qos;
  value.sure = sure;
  value.will = stored.will;
  if (!stored.will) {
    value.born_of = stored.publisher;
    value.birth = model_.event_index;
  }
  value.remember(stored, model_.event_index);
}

void Retained::confirm(Text topic, std::uint64_t event) {
  Value* value = values_.find(std::uint64_t{topic} + 1);
  if (!value || value->event != event || value->last == 0) return;
  value->may_be = {value->may_be.back()};
  value->sure = true;
}

// What was there before stands, if it is known.
void Retained::refused(Text topic, std::uint64_t message, std::uint64_t event) {
  Value* value = values_.find(std::uint64_t{topic} + 1);
  if (!value || value->event != event || value->may_be.size() < 2) return;
  if (value->may_be.back() == message || value->may_be.back() == 0) value->may_be.pop_back();
  value->last = 0;
}

void Retained::doubt(std::uint64_t message) {
  for (const Text topic : topics_) {
    Value& value = *values_.find(std::uint64_t{topic} + 1);
    if (value.last != message) continue;
    value.last = 0;  // an acknowledgement says nothing
    value.sure = false;
  }
}

void Retained::forget() {
  values_.clear();
  topics_.clear();
}

void Retained::doubt_all() {
  for (const Text topic : topics_) {
    Value& value = *values_.find(std::uint64_t{topic} + 1);
    value.may_be = {0};
    for (const Accepted& one : value.accepted) value.may_be.push_back(one.message);
    value.last = 0;
    value.sure = false;
    value.mixed = true;
  }
}

bool Retained::has_birth(Text topic, Text client_id, std::uint64_t since) {
  const Value* value = values_.find(std::uint64_t{topic} + 1);
  return value && value->born_of == client_id && value->birth > since;
}

std::uint64_t Retained::will_over_birth(Text topic, Text client_id, std::uint64_t since) {
  const Value* value = values_.find(std::uint64_t{topic} + 1);
  return value && value->will && value->sure && has_birth(topic, client_id, since) ? value->event
                                                                                   : 0;
}

void Retained::dropped(const Event& event) {
  const auto reason = static_cast<trace::DropReason>(event.code);
  if (reason == trace::DropReason::retained_limit || reason == trace::DropReason::not_authorised)
    doubt(event.message);
}

// v5 MQTT-3.3.1-9, MQTT-3.3.1-10, MQTT-3.3.1-11. Members of a shared subscription are sent none.
void Retained::subscribed(Session& session, std::uint32_t index, const trace::FilterDetail& wanted,
                          const Subscriber* before) {
  const Filter& filter = model_.filter(index);
  const RetainHandling handling = wanted.retain_handling();
  if (filter.group || handling == RetainHandling::do_not_send) return;
  const bool only_new = before && handling == RetainHandling::send_if_new;
  if (only_new && before->granted.qos != Wish::none && !before->leaving) return;
  if (model_.log->text(filter.text).find_first_of("+#") == std::string_view::npos) {
    if (const Value* value = values_.find(std::uint64_t{filter.text} + 1))
      owe(session, index, filter.text, *value, wanted, !only_new);
    return;
  }
  for (const Text topic : topics_)
    if (model_.matches(filter, topic))
      owe(session, index, topic, *values_.find(std::uint64_t{topic} + 1), wanted, !only_new);
}

void Retained::owe(Session& session, std::uint32_t filter, Text topic, const Value& value,
                   const trace::FilterDetail& wanted, bool certain) {
  const bool own = wanted.no_local() && value.publisher == session.client_id;
  if (own && value.sure && !value.mixed) return;  // MQTT-3.8.3-3
  const auto qos_mask = [&](std::uint64_t message) {
    return granted(value.qos_mask_of(message), wanted.qos());
  };
  bool any = false;
  for (const std::uint64_t message : value.may_be) {
    if (message == 0) continue;
    any = true;
    Record& record = model_.record(session, message);
    if (record.retained_begun == record.retained_permitted) record.subscribed_at = model_.now;
    ++record.retained_permitted;
    record.retained_qos_mask |= qos_mask(message);
    record.topic = topic;
  }
  if (any) ++session.retained_open[std::uint64_t{topic} + 1];
  // A QoS 0 message may be retained or not, as the broker likes (v3 MQTT-3.3.1-7).
  const std::uint64_t message = value.may_be.back();
  if (message != 0 && value.sure && certain && !own && qos_mask(message) != 1)
    session.retained_due.push_back({topic, message, model_.event_index, model_.now, filter});
}

void Retained::not_owed(Session& session, std::uint32_t filter) {
  std::erase_if(session.retained_due, [&](const RetainedDue& due) { return due.filter == filter; });
}

bool Retained::open(Session& session, Text topic) {
  const std::uint32_t* open = session.retained_open.find(std::uint64_t{topic} + 1);
  return open && *open > 0;
}

void Retained::taken(Session& session, Text topic, Record& record) {
  ++record.retained_begun;
  std::uint32_t* open = session.retained_open.find(std::uint64_t{topic} + 1);
  if (open && --*open == 0) session.retained_open.erase(std::uint64_t{topic} + 1);
  std::uint64_t subscribe = 0;
  std::erase_if(session.retained_due, [&](const RetainedDue& due) {
    if (due.topic == topic) subscribe = due.event;
    return due.topic == topic;
  });
  if (subscribe == 0) return;
  for (RetainedDue& due : session.retained_due) due.partly = due.partly || due.event == subscribe;
}

// Read at SUBSCRIBE or when its turn to be sent comes: both are right.
bool Retained::due(Session& session, const Event& event) {
  const Record* record = session.records.find(event.message);
  if (record && record->retained_begun < record->retained_permitted) return true;
  if (!in_force(event)) return false;
  return !values_.find(std::uint64_t{event.text} + 1)->sure ||
         std::any_of(session.retained_due.begin(), session.retained_due.end(),
                     [&](const RetainedDue& owed) { return owed.topic == event.text; });
}

bool Retained::in_force(const Event& event) {
  const Value* value = values_.find(std::uint64_t{event.text} + 1);
  return value && value->may_be_in_force(event.message);
}

bool Retained::sent(const Connection& connection, Session& session, const Event& event) {
  Value* value = values_.find(std::uint64_t{event.text} + 1);
  if (due(session, event)) {
    model_.report.checked(Rule::ret_converge);
    model_.report.checked(Rule::ret_set);
    model_.report.checked(Rule::ret_flag);
    Record& copy = model_.record(session, event.message);
    if (value->last == event.message) {
      const Expiry::Source source{value->event, value->stored_at, value->handled_at,
                                  value->expiry_s};
      expiry_.sent(connection, event, source, copy.subscribed_at);
    }
    taken(session, event.text, copy);
    copy.retained_begun_mask |= qos_bit(event);
    value->sent = model_.event_index;
    return true;
  }
  const Record* record = session.records.find(event.message);
  if (!value || (record && record->begun < record->permitted)) return false;
  wrong(session, *value, event);
  std::erase_if(session.retained_due,
                [&](const RetainedDue& owed) { return owed.topic == event.text; });
  return true;
}

bool Retained::owes(const Session& session, const Event& event) {
  return std::any_of(session.retained_due.begin(), session.retained_due.end(),
                     [&](const RetainedDue& due) {
                       return due.topic == event.text && due.message == event.message;
                     });
}

void Retained::wrong(const Session& session, const Value& value, const Event& event) {
  const bool same = value.may_be_in_force(event.message);
  const bool cleared = value.sure && value.may_be_in_force(0);
  model_.report.broken(same ? Rule::ret_set : Rule::ret_converge, model_.now,
                       "the broker sent client " + model_.quoted(session.client_id) + " at " +
                           seconds(model_.now) + " a retained message of topic " +
                           model_.quoted(event.text) +
                           (same      ? " that no new subscription asked for"
                            : cleared ? " although the topic's retained message had been cleared"
                                      : " that is not the last one accepted on it"),
                       {value.event, model_.event_index});
}

bool Retained::sent_unflagged(Session& session, const Event& event) {
  Record* record = session.records.find(event.message);
  if (!record || record->retained_begun >= record->retained_permitted) return false;
  model_.report.broken(Rule::ret_flag, model_.now,
                       "the broker sent client " + model_.quoted(session.client_id) + " at " +
                           seconds(model_.now) + " the retained message of topic " +
                           model_.quoted(event.text) + " for its new subscription with RETAIN 0",
                       {model_.event_index});
  taken(session, event.text, *record);
  return true;
}

// Equal values, and those that were accepted again, may be seen again. Order is owed among messages
// of one QoS, published and sent, and not to the members of a shared subscription.
void Retained::seen(Session& session, const Event& event) {
  const Value* value = values_.find(std::uint64_t{event.text} + 1);
  if (!value || value->mixed) return;
  const auto of = std::find_if(value->accepted.begin(), value->accepted.end(),
                               [&](const Accepted& one) { return one.message == event.message; });
  const Record* record = session.records.find(event.message);
  if (of == value->accepted.end() || (record && record->shared)) return;
  std::uint64_t& newest = session.retained_seen[(std::uint64_t{event.text} + 1) << 4 |
                                                static_cast<std::uint64_t>(of->qos) << 2 |
                                                static_cast<std::uint64_t>(trace::qos_of(event))];
  if (newest != 0) model_.report.checked(Rule::ret_mono);
  if (newest > of->last + 1) {
    model_.report.broken(Rule::ret_mono, model_.now,
                         "the broker sent client " + model_.quoted(session.client_id) + " at " +
                             seconds(model_.now) + " a value of topic " +
                             model_.quoted(event.text) + " that is older than one sent before",
                         {of->last, newest - 1, model_.event_index});
  }
  newest = std::max(newest, of->first + 1);
}

void Retained::finish(const Deadline& deadline) {
  if (!deadline.known) return;
  for (Session* session : model_.sessions()) {
    const Connection* connection = model_.find_connection(session->connection);
    if (!connection || !connection->client.connack || connection->client.closed) continue;
    for (const RetainedDue& due : session->retained_due) {
      const Value& value = *values_.find(std::uint64_t{due.topic} + 1);
      const Subscriber* subscriber = model_.subscriber(due.filter, session->id);
      if (!value.sure || !value.may_be_in_force(due.message)) continue;
      if (!subscriber || subscriber->granted.qos == Wish::none || due.at > deadline.before)
        continue;
      if (value.expired(model_.now) || too_large(value.bytes, *connection)) continue;
      // Where RETAIN is kept as published a copy of either kind may have been it.
      const Record* record = session->records.find(due.message);
      if (record && record->begun > 0 && (record->retain_mask & 2) != 0) continue;
      missing(*session, due, value);
    }
  }
}

// Sent to somebody else, or others sent and it not: the store is right, and the set is not whole.
void Retained::missing(const Session& session, const RetainedDue& due, const Value& value) {
  const bool stored = due.partly || value.sent > value.event;
  model_.report.broken(stored ? Rule::ret_set : Rule::ret_converge, model_.now,
                       "client " + model_.quoted(session.client_id) + " subscribed to " +
                           model_.quoted(model_.filter(due.filter).text) + " at " +
                           seconds(due.at) + " and was never sent the retained message of topic " +
                           model_.quoted(due.topic),
                       {value.event, due.event});
  model_.crashes->missing(value.handled_at, value.event,
                          "the retained message of topic " + model_.quoted(due.topic));
}

}  // namespace mqttlab::oracle
