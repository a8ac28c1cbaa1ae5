#include "tests/journal/random_records.h"

#include <iterator>

namespace mqttlab::testing {

using namespace journal;

Slice RandomRecords::text(std::size_t at_least) {
  std::string text(at_least + random_.below(20), 'x');
  for (char& letter : text) letter = static_cast<char>('a' + random_.below(26));
  return Slice::copy_of(std::string_view(text));
}

Slice RandomRecords::filter() {
  static constexpr std::string_view filters[] = {"#", "a/+", "$share/g/a/#", "a/b", "+/+/c"};
  return Slice::copy_of(filters[random_.below(std::size(filters))]);
}

Properties RandomRecords::properties() {
  Properties set;
  if (flag()) set.add(PropertyId::content_type, text().text());
  if (flag()) set.add_user(text().text(), text().text());
  return set;
}

Message RandomRecords::message() {
  std::string payload(random_.below(8) == 0 ? random_.below(2'000) : random_.below(20), '.');
  return {text(1), Slice::copy_of(std::string_view(payload)), properties(),
          flag() ? never : static_cast<UnixTime>(random_.next() >> 1)};
}

Record RandomRecords::of(std::size_t kind) {
  switch (kind) {
    case 0:
      return SessionKept{number(),
                         text(),
                         static_cast<std::uint32_t>(random_.next()),
                         flag(),
                         static_cast<UnixTime>(random_.next()),
                         packet_id()};
    case 1:
      return SessionEnded{number()};
    case 2:
      return Subscribed{number(), filter(), qos(),
                        flag(),   flag(),   static_cast<std::uint32_t>(random_.below(1'000))};
    case 3:
      return Unsubscribed{number(), filter()};
    case 4:
      return MessageStored{number(), message(), qos(), flag()};
    case 5:
      return DeliveryHeld{number(),    number(), flag() ? 0 : number(), qos(), flag(), flag(),
                          packet_id(), text(),   properties()};
    case 6:
      return DeliverySent{number(), packet_id()};
    case 7:
      return DeliveryReceived{number()};
    case 8:
      return DeliveryFinished{number()};
    case 9:
      return PacketIdTaken{number(), packet_id()};
    case 10:
      return PacketIdReleased{number(), packet_id()};
    case 11:
      return RetainedSet{message(), qos(), text()};
    case 12:
      return RetainedCleared{text(1)};
    case 13: {
      Will will{text(1), text(), qos(), flag(), {}};
      if (flag()) will.properties.add(PropertyId::will_delay_interval, 7u);
      return WillOwed{number(), flag() ? std::optional(text()) : std::nullopt, text(), will,
                      static_cast<UnixTime>(random_.next())};
    }
    default:
      return WillWithdrawn{number()};
  }
}

Record RandomRecords::next(const Image& image) {
  const std::size_t kind = random_.below(std::variant_size_v<Record>);
  Record record = of(kind);
  const auto& sessions = image.sessions();
  if (kind == 0) {
    auto& kept = std::get<SessionKept>(record);
    kept.session = next_++;
    kept.client_id = Slice::copy_of("c" + std::to_string(kept.session));
    return record;
  }
  if (kind == 4) {
    std::get<MessageStored>(record).message = next_++;
    return record;
  }
  if (kind == 11 || kind == 12) return record;
  if (sessions.empty()) return next(image);
  const auto& [number, session] =
      *std::next(sessions.begin(), static_cast<std::ptrdiff_t>(random_.below(sessions.size())));
  if (kind == 3 && session.subscriptions.empty()) return next(image);
  if (kind >= 6 && kind <= 8 && session.deliveries.empty()) return next(image);
  const Number delivery = session.deliveries.empty() ? 0 : session.deliveries.begin()->first;
  std::visit(
      [&](auto& r) {
        if constexpr (requires { r.session; }) r.session = number;
        if constexpr (requires { r.delivery; }) r.delivery = delivery;
      },
      record);
  if (auto* unsubscribed = std::get_if<Unsubscribed>(&record))
    unsubscribed->filter = session.subscriptions.begin()->second.filter;
  if (auto* held = std::get_if<DeliveryHeld>(&record)) {
    held->delivery = next_++;
    held->message = session.deliveries.empty() ? 0 : session.deliveries.rbegin()->second.message;
  }
  return record;
}

}  // namespace mqttlab::testing
