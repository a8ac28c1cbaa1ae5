#include "protocol/oracle/retained.h"

#include <algorithm>

namespace mqttlab::oracle {
namespace {

constexpr std::size_t remembered = 32;  // values of one topic that may be in force

}  // namespace

bool Retained::Value::may_be_in_force(std::uint64_t message) const {
  return std::find(may_be.begin(), may_be.end(), message) != may_be.end();
}

void Retained::store(Text topic, std::uint64_t message, bool empty, QoS qos, bool sure) {
  if (model_.system_topic(topic)) return;
  const std::size_t before = values_.size();
  Value& value = values_[std::uint64_t{topic} + 1];
  if (values_.size() != before) topics_.push_back(topic);
  if (sure) value.may_be.clear();
  const std::uint64_t now = empty ? 0 : message;
  std::erase(value.may_be, now);
  value.may_be.push_back(now);  // the likeliest is the last
  if (value.may_be.size() > remembered) value.may_be.erase(value.may_be.begin());
  value.last = message;
  value.event = model_.event_index;
  value.qos = qos;
  value.sure = sure;
}

void Retained::confirm(Text topic, std::uint64_t event) {
  Value* value = values_.find(std::uint64_t{topic} + 1);
  if (!value || value->event != event || value->last == 0) return;
  value->may_be = {value->may_be.back()};
  value->sure = true;
}

void Retained::doubt(std::uint64_t message) {
  for (const Text topic : topics_) {
    Value& value = *values_.find(std::uint64_t{topic} + 1);
    if (value.last != message) continue;
    value.last = 0;  // an acknowledgement says nothing
    value.sure = false;
  }
}

void Retained::dropped(const Event& event) {
  const auto reason = static_cast<trace::DropReason>(event.code);
  if (reason == trace::DropReason::retained_limit || reason == trace::DropReason::not_authorised)
    doubt(event.message);
}

void Retained::subscribed(Session& session, std::uint32_t filter, std::uint8_t asked) {
  const Text text = model_.filter(filter).text;
  if (model_.log->text(text).find_first_of("+#") == std::string_view::npos) {
    if (const Value* value = values_.find(std::uint64_t{text} + 1))
      owe(session, filter, asked, text, *value);
    return;
  }
  for (const Text topic : topics_)
    if (model_.matches(text, topic))
      owe(session, filter, asked, topic, *values_.find(std::uint64_t{topic} + 1));
}

void Retained::owe(Session& session, std::uint32_t filter, std::uint8_t asked, Text topic,
                   const Value& value) {
  for (const std::uint64_t message : value.may_be) {
    if (message == 0) continue;
    Record& record = model_.record(session, message);
    ++record.retained_permitted;
    record.topic = topic;
  }
  // A QoS 0 message may be retained or not, as the broker likes (MQTT-3.3.1-7).
  const std::uint64_t message = value.may_be.back();
  if (message != 0 && value.sure && std::min(asked, static_cast<std::uint8_t>(value.qos)) > 0)
    session.retained_due.push_back({topic, message, model_.event_index, model_.now, filter});
}

void Retained::not_owed(Session& session, std::uint32_t filter) {
  std::erase_if(session.retained_due, [&](const RetainedDue& due) { return due.filter == filter; });
}

bool Retained::sent(Session& session, const Event& event) {
  const Value* value = values_.find(std::uint64_t{event.text} + 1);
  Record* record = session.records.find(event.message);
  const auto due = [&](const RetainedDue& owed) { return owed.topic == event.text; };
  const bool owed = std::any_of(session.retained_due.begin(), session.retained_due.end(), due);
  // Read at SUBSCRIBE or when its turn to be sent comes: both are right.
  const bool right = (record && record->retained_begun < record->retained_permitted) ||
                     (value && (owed || !value->sure) && value->may_be_in_force(event.message));
  if (right) {
    model_.report.checked(Rule::ret_converge);
    ++model_.record(session, event.message).retained_begun;
    std::erase_if(session.retained_due, due);
    return true;
  }
  if (!value || (record && record->begun < record->permitted)) return false;
  const bool same = value->may_be_in_force(event.message);
  const bool cleared = value->sure && value->may_be_in_force(0);
  model_.report.broken(Rule::ret_converge, model_.now,
                       "the broker sent client " + model_.quoted(session.client_id) + " at " +
                           seconds(model_.now) + " a retained message of topic " +
                           model_.quoted(event.text) +
                           (same      ? " that no new subscription asked for"
                            : cleared ? " although the topic's retained message had been cleared"
                                      : " that is not the last one accepted on it"),
                       {value->event, model_.event_index});
  std::erase_if(session.retained_due, due);
  return true;
}

void Retained::finish(const Deadline& deadline) {
  if (!deadline.known) return;
  for (Session* session : model_.sessions()) {
    const Connection* connection = model_.find_connection(session->connection);
    if (!connection || !connection->client.connack || connection->client.closed) continue;
    for (const RetainedDue& due : session->retained_due) {
      const Value* value = values_.find(std::uint64_t{due.topic} + 1);
      const Subscriber* subscriber = model_.subscriber(due.filter, session->id);
      if (!value->sure || !value->may_be_in_force(due.message)) continue;
      if (!subscriber || subscriber->granted == Subscriber::none || due.at > deadline.before)
        continue;
      model_.report.broken(
          Rule::ret_converge, model_.now,
          "client " + model_.quoted(session->client_id) + " subscribed to " +
              model_.quoted(model_.filter(due.filter).text) + " at " + seconds(due.at) +
              " and was never sent the retained message of topic " + model_.quoted(due.topic),
          {value->event, due.event});
    }
  }
}

}  // namespace mqttlab::oracle
