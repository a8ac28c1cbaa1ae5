#include "protocol/journal/image.h"

#include <algorithm>
#include <utility>

namespace mqttlab::journal {
namespace {

[[noreturn]] void refuse(const char* of, const char* what, const std::string& which,
                         const char* why) {
  throw JournalError(std::string(of) + " names " + what + " " + which + ", which " + why);
}

[[noreturn]] void unknown(const char* of, const char* what, Number number) {
  refuse(of, what, std::to_string(number), "is not there");
}

void records_of(const Image::Session& session, const std::function<void(const Record&)>& each) {
  each(session.kept);
  for (const auto& [filter, subscribed] : session.subscriptions) each(subscribed);
  std::uint16_t last = session.kept.packet_id;
  for (const auto& [delivery, held] : session.deliveries) {
    each(held);
    if (held.packet_id != 0) last = held.packet_id;
  }
  if (last != session.kept.packet_id) each(session.kept);
  for (const std::uint16_t id : session.taken) each(PacketIdTaken{session.kept.session, id});
  if (session.will) each(*session.will);
}

}  // namespace

void Image::apply(const Record& record) {
  std::visit([this](const auto& change) { on(change); }, record);
}

Image::Session& Image::session(Number number, const char* of) {
  const auto at = sessions_.find(number);
  if (at == sessions_.end()) unknown(of, "session", number);
  return at->second;
}

DeliveryHeld& Image::delivery(Number number, const char* of) {
  const auto at = session_of_.find(number);
  if (at == session_of_.end()) unknown(of, "delivery", number);
  return sessions_.at(at->second).deliveries.at(number);
}

void Image::let_go(Number message) {
  const auto at = messages_.find(message);
  if (at != messages_.end() && --at->second.deliveries == 0) messages_.erase(at);
}

void Image::on(const SessionKept& record) {
  const auto [known, fresh] =
      by_client_id_.emplace(std::string(record.client_id.text()), record.session);
  if (!fresh && known->second != record.session)
    refuse("SessionKept", "client id", known->first, "has another session");
  sessions_[record.session].kept = record;
  last_ = std::max(last_, record.session);
}

void Image::on(const SessionEnded& record) {
  Session& ended = session(record.session, "SessionEnded");
  for (const auto& [number, held] : ended.deliveries) {
    let_go(held.message);
    session_of_.erase(number);
  }
  by_client_id_.erase(by_client_id_.find(ended.kept.client_id.text()));
  sessions_.erase(record.session);
}

void Image::on(const Subscribed& record) {
  session(record.session, "Subscribed").subscriptions[std::string(record.filter.text())] = record;
}

void Image::on(const Unsubscribed& record) {
  auto& subscriptions = session(record.session, "Unsubscribed").subscriptions;
  const auto at = subscriptions.find(record.filter.text());
  if (at == subscriptions.end())
    refuse("Unsubscribed", "filter", std::string(record.filter.text()), "is not there");
  subscriptions.erase(at);
}

void Image::on(const MessageStored& record) {
  if (!messages_.emplace(record.message, Stored{record}).second)
    refuse("MessageStored", "message", std::to_string(record.message), "is there already");
  last_ = std::max(last_, record.message);
}

void Image::on(const DeliveryHeld& record) {
  Session& holder = session(record.session, "DeliveryHeld");
  const auto message = messages_.find(record.message);
  if (record.message != 0 && message == messages_.end())
    unknown("DeliveryHeld", "message", record.message);
  if (!session_of_.emplace(record.delivery, record.session).second)
    refuse("DeliveryHeld", "delivery", std::to_string(record.delivery), "is there already");
  if (record.message != 0) ++message->second.deliveries;
  holder.deliveries.emplace(record.delivery, record);
  if (record.packet_id != 0) holder.kept.packet_id = record.packet_id;
  last_ = std::max(last_, record.delivery);
}

void Image::on(const DeliverySent& record) {
  delivery(record.delivery, "DeliverySent").packet_id = record.packet_id;
  sessions_.at(session_of_.at(record.delivery)).kept.packet_id = record.packet_id;
}

void Image::on(const DeliveryReceived& record) {
  DeliveryHeld& held = delivery(record.delivery, "DeliveryReceived");
  let_go(std::exchange(held.message, 0));
}

void Image::on(const DeliveryFinished& record) {
  let_go(delivery(record.delivery, "DeliveryFinished").message);
  sessions_.at(session_of_.at(record.delivery)).deliveries.erase(record.delivery);
  session_of_.erase(record.delivery);
}

void Image::on(const PacketIdTaken& record) {
  session(record.session, "PacketIdTaken").taken.insert(record.packet_id);
}

void Image::on(const PacketIdReleased& record) {
  session(record.session, "PacketIdReleased").taken.erase(record.packet_id);
}

void Image::on(const RetainedSet& record) {
  retained_[std::string(record.content.topic.text())] = record;
}

void Image::on(const RetainedCleared& record) {
  const auto at = retained_.find(record.topic.text());
  if (at != retained_.end()) retained_.erase(at);
}

void Image::on(const WillOwed& record) { session(record.session, "WillOwed").will = record; }

void Image::on(const WillWithdrawn& record) {
  session(record.session, "WillWithdrawn").will.reset();
}

void Image::for_each_record(const std::function<void(const Record&)>& each) const {
  for (const auto& [number, stored] : messages_)
    if (stored.deliveries > 0) each(stored.stored);
  for (const auto& [number, session] : sessions_) records_of(session, each);
  for (const auto& [topic, retained] : retained_) each(retained);
}

bool Image::take(const std::function<void(const Record&)>& each) {
  if (const auto message = messages_.begin(); message != messages_.end()) {
    if (message->second.deliveries > 0) each(message->second.stored);
    messages_.erase(message);
  } else if (const auto session = sessions_.begin(); session != sessions_.end()) {
    records_of(session->second, each);
    on(SessionEnded{session->first});
  } else if (const auto retained = retained_.begin(); retained != retained_.end()) {
    each(retained->second);
    retained_.erase(retained);
  } else {
    return false;
  }
  return true;
}

}  // namespace mqttlab::journal
