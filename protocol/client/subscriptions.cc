#include "protocol/client/subscriptions.h"

#include <algorithm>
#include <utility>

#include "protocol/client/image.h"
#include "protocol/wire/codec.h"
#include "protocol/wire/topic.h"

namespace mqttlab::client {

namespace {
// One SUBSCRIBE of a resubscription stays far below any server's packet limit.
constexpr std::size_t resubscribe_filters = 64;
constexpr std::size_t resubscribe_bytes = 16 << 10;

template <typename Request>
bool too_large(Request packet, const Terms& terms) {
  packet.packet_id = 1;          // it may have none yet, and all are as long
  return !takes(terms, packet);  // v5 MQTT-3.2.2-15
}

std::optional<ReasonCode> refusal_of(std::string_view filter, const Terms& terms) {
  if (!terms.shared_available && shared_filter(filter)) {
    return ReasonCode::shared_subscriptions_not_supported;  // U-3.2.2.3.13-3
  }
  if (!terms.wildcards_available && filter.find_first_of("+#") != std::string_view::npos) {
    return ReasonCode::wildcard_subscriptions_not_supported;  // U-3.2.2.3.11-3
  }
  return std::nullopt;
}

}  // namespace

std::uint16_t& Subscriptions::id_of(Request& request) {
  return std::visit([](auto& packet) -> std::uint16_t& { return packet.packet_id; },
                    request.packet);
}

void Subscriptions::subscribe(Token token, Subscribe packet) {
  const auto id = packet.properties.get<PropertyId::subscription_identifier>().value_or(0);
  for (const Subscription& subscription : packet.subscriptions) {
    // Kept for long: must not hold on to the caller's buffer.
    Subscription kept = subscription;
    kept.filter = Slice::copy_of(subscription.filter.text());
    wanted_.insert_or_assign(std::string(kept.filter.text()), Wanted{kept, id});
  }
  requests_.push_back({std::move(packet), token});
}

void Subscriptions::unsubscribe(Token token, Unsubscribe packet) {
  for (const Slice& filter : packet.filters) unwant(filter.text());
  requests_.push_back({std::move(packet), token});
}

void Subscriptions::save(Image& image) const {
  const auto asked = asked_for();
  for (const auto& [filter, wanted] : wanted_)
    image.filters.push_back({wanted.subscription, wanted.identifier, asked.contains(filter)});
}

void Subscriptions::restore(const Image& image) {
  for (const Image::Filter& kept : image.filters) {
    Subscribe packet{0, {kept.subscription}};
    if (kept.identifier != 0)
      packet.properties.add(PropertyId::subscription_identifier, kept.identifier);
    subscribe(0, std::move(packet));
    if (!kept.asked) requests_.pop_back();
  }
}

void Subscriptions::unwant(std::string_view filter) {
  const auto wanted = wanted_.find(filter);
  if (wanted != wanted_.end()) wanted_.erase(wanted);
}

std::optional<ReasonCode> Subscriptions::refusal(const Subscribe& packet, const Terms& terms) {
  if (!terms.identifiers_available && packet.properties.has(PropertyId::subscription_identifier)) {
    return ReasonCode::subscription_identifiers_not_supported;  // U-3.2.2.3.12-3
  }
  for (const Subscription& subscription : packet.subscriptions) {
    if (const auto reason = refusal_of(subscription.filter.text(), terms)) return reason;
  }
  return too_large(packet, terms) ? std::optional(ReasonCode::packet_too_large) : std::nullopt;
}

std::optional<ReasonCode> Subscriptions::refusal(const Unsubscribe& packet, const Terms& terms) {
  return too_large(packet, terms) ? std::optional(ReasonCode::packet_too_large) : std::nullopt;
}

Subscriptions::Events Subscriptions::write(LinkOutput& out) {
  Events events;
  for (std::size_t i = 0; i < requests_.size();) {
    if (requests_[i].written) {
      ++i;
      continue;
    }
    const auto reason = std::visit([&](const auto& packet) { return refusal(packet, out.terms()); },
                                   requests_[i].packet);
    if (reason) {
      const auto request = requests_.begin() + static_cast<std::ptrdiff_t>(i);
      if (!halve(request)) refuse(request, *reason, events);
      continue;
    }
    Request& request = requests_[i++];
    std::uint16_t& id = id_of(request);
    if (id == 0) id = ids_.take();  // MQTT-2.3.1-2, MQTT-2.2.1-3
    if (id == 0) break;
    std::visit([&](const auto& packet) { encode(packet, version_, out.outbox); }, request.packet);
    request.written = true;
  }
  return events;
}

// A resubscription may be taken apart, so that what the server does take is asked for.
bool Subscriptions::halve(Requests::iterator request) {
  auto* packet = std::get_if<Subscribe>(&request->packet);
  if (request->token != 0 || !packet || packet->subscriptions.size() < 2) return false;
  auto& all = packet->subscriptions;
  const auto middle = all.begin() + static_cast<std::ptrdiff_t>(all.size() / 2);
  Subscribe second{0, {middle, all.end()}, packet->properties};
  all.erase(middle, all.end());
  requests_.insert(request + 1, {std::move(second)});
  return true;
}

void Subscriptions::refuse(Requests::iterator at, ReasonCode reason, Events& events) {
  Request request = std::move(*at);
  requests_.erase(at);
  ids_.release(id_of(request));
  if (const auto* subscribe = std::get_if<Subscribe>(&request.packet)) {
    const std::vector<std::uint8_t> codes(subscribe->subscriptions.size(),
                                          static_cast<std::uint8_t>(reason));
    not_granted(*subscribe, request.token, codes, events);
  }
  if (request.token != 0) {
    events.push_back(
        Completed{.token = request.token, .outcome = Outcome::refused, .reason = reason});
  }
}

// The application sees its own call's codes; what was granted long ago it must be told.
void Subscriptions::not_granted(const Subscribe& packet, Token token,
                                const std::vector<std::uint8_t>& codes, Events& events) {
  const auto asked = asked_for();
  for (std::size_t i = 0; i < codes.size(); ++i) {
    const Slice& filter = packet.subscriptions[i].filter;
    if (codes[i] < suback_failure || asked.contains(filter.text())) continue;
    unwant(filter.text());
    if (token == 0) events.push_back(SubscriptionLost{filter, codes[i]});
  }
}

template <typename Kind>
Subscriptions::Requests::iterator Subscriptions::find(std::uint16_t id) {
  return std::find_if(requests_.begin(), requests_.end(), [id](Request& request) {
    return request.written && std::holds_alternative<Kind>(request.packet) && id_of(request) == id;
  });
}

Result<Subscriptions::Events> Subscriptions::suback(const Suback& packet) {
  const auto request = find<Subscribe>(packet.packet_id);
  if (request == requests_.end()) return Events();
  if (packet.codes.size() != std::get<Subscribe>(request->packet).subscriptions.size()) {
    const bool v5 = version_ == ProtocolVersion::v5_0;
    return protocol_error(v5 ? "MQTT-3.8.4-6" : "MQTT-3.8.4-5");
  }
  const Subscribe subscribe = std::get<Subscribe>(std::move(request->packet));
  const Token token = request->token;
  requests_.erase(request);
  ids_.release(packet.packet_id);
  Events events;
  not_granted(subscribe, token, packet.codes, events);
  if (token != 0) {
    events.push_back(
        Completed{.token = token, .codes = packet.codes, .properties = packet.properties});
  }
  return events;
}

Result<Subscriptions::Events> Subscriptions::unsuback(const Unsuback& packet) {
  const auto request = find<Unsubscribe>(packet.packet_id);
  if (request == requests_.end()) return Events();
  if (version_ == ProtocolVersion::v5_0 &&
      packet.codes.size() != std::get<Unsubscribe>(request->packet).filters.size()) {
    return protocol_error("MQTT-3.11.3-1");
  }
  Completed completed{.token = request->token, .properties = packet.properties};
  for (const ReasonCode code : packet.codes) {
    completed.codes.push_back(static_cast<std::uint8_t>(code));
  }
  requests_.erase(request);
  ids_.release(packet.packet_id);
  return Events{std::move(completed)};
}

void Subscriptions::new_link() {
  for (Request& request : requests_) request.written = false;
}

void Subscriptions::session_lost() {
  for (Request& request : requests_) {
    ids_.release(std::exchange(id_of(request), std::uint16_t{0}));
    request.written = false;
  }
  resubscribe();
}

std::set<std::string_view> Subscriptions::asked_for() const {
  std::set<std::string_view> filters;
  for (const Request& request : requests_) {
    const auto* subscribe = std::get_if<Subscribe>(&request.packet);
    if (!subscribe) continue;
    for (const Subscription& subscription : subscribe->subscriptions) {
      filters.insert(subscription.filter.text());
    }
  }
  return filters;
}

void Subscriptions::resubscribe() {
  const auto asked = asked_for();
  std::map<std::uint32_t, std::vector<Subscription>> by_identifier;
  for (const auto& [filter, wanted] : wanted_) {
    if (!asked.contains(filter)) by_identifier[wanted.identifier].push_back(wanted.subscription);
  }
  Requests anew;
  Subscribe batch;
  std::size_t bytes = 0;
  const auto flush = [&] {
    if (!batch.subscriptions.empty()) anew.push_back({batch});
    batch.subscriptions.clear();
    bytes = 0;
  };
  for (const auto& [identifier, subscriptions] : by_identifier) {
    if (identifier != 0) {
      batch.properties = Properties().add(PropertyId::subscription_identifier, identifier);
    }
    for (const Subscription& subscription : subscriptions) {
      const std::size_t size = subscription.filter.size();
      const bool full = batch.subscriptions.size() == resubscribe_filters;
      if (full || bytes + size > resubscribe_bytes) flush();
      batch.subscriptions.push_back(subscription);
      bytes += size;
    }
    flush();
  }
  requests_.insert(requests_.begin(), std::make_move_iterator(anew.begin()),
                   std::make_move_iterator(anew.end()));
}

}  // namespace mqttlab::client
