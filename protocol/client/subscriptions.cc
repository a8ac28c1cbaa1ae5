#include "protocol/client/subscriptions.h"

#include <algorithm>
#include <utility>

#include "protocol/wire/codec.h"

namespace mqttlab::client {

namespace {
// One SUBSCRIBE of a resubscription stays far below any server's packet limit.
constexpr std::size_t resubscribe_filters = 64;
constexpr std::size_t resubscribe_bytes = 16 << 10;
}  // namespace

std::uint16_t& Subscriptions::id_of(Request& request) {
  return std::visit([](auto& packet) -> std::uint16_t& { return packet.packet_id; },
                    request.packet);
}

void Subscriptions::subscribe(Token token, std::vector<Subscription> subscriptions) {
  for (const Subscription& subscription : subscriptions) {
    wanted_.insert_or_assign(std::string(subscription.filter.text()), subscription.qos);
  }
  requests_.push_back({Subscribe{0, std::move(subscriptions)}, token});
}

void Subscriptions::unsubscribe(Token token, std::vector<Slice> filters) {
  for (const Slice& filter : filters) {
    const auto wanted = wanted_.find(filter.text());
    if (wanted != wanted_.end()) wanted_.erase(wanted);
  }
  requests_.push_back({Unsubscribe{0, std::move(filters)}, token});
}

void Subscriptions::write(Outbox& out) {
  for (Request& request : requests_) {
    if (request.written) continue;
    std::uint16_t& id = id_of(request);
    if (id == 0) id = ids_.take();  // MQTT-2.3.1-2, MQTT-2.2.1-3
    if (id == 0) return;
    std::visit([&](const auto& packet) { encode(packet, version_, out); }, request.packet);
    request.written = true;
  }
}

template <typename Kind>
Subscriptions::Requests::iterator Subscriptions::find(std::uint16_t id) {
  return std::find_if(requests_.begin(), requests_.end(), [id](Request& request) {
    return request.written && std::holds_alternative<Kind>(request.packet) && id_of(request) == id;
  });
}

Result<std::optional<Completed>> Subscriptions::suback(const Suback& packet) {
  const auto request = find<Subscribe>(packet.packet_id);
  if (request == requests_.end()) return std::optional<Completed>();
  if (packet.codes.size() != std::get<Subscribe>(request->packet).subscriptions.size()) {
    return Violation{0x82, "MQTT-3.8.4-5"};
  }
  const Subscribe subscribe = std::get<Subscribe>(std::move(request->packet));
  const Token token = request->token;
  requests_.erase(request);
  ids_.release(packet.packet_id);
  if (token == 0) return std::optional<Completed>();
  const auto asked = asked_for();
  for (std::size_t i = 0; i < packet.codes.size(); ++i) {
    const std::string_view filter = subscribe.subscriptions[i].filter.text();
    if (packet.codes[i] != suback_failure || asked.contains(filter)) continue;
    const auto wanted = wanted_.find(filter);
    if (wanted != wanted_.end()) wanted_.erase(wanted);
  }
  return std::optional<Completed>(Completed{token, Outcome::done, packet.codes});
}

std::optional<Completed> Subscriptions::unsuback(const Unsuback& packet) {
  const auto request = find<Unsubscribe>(packet.packet_id);
  if (request == requests_.end()) return std::nullopt;
  const Token token = request->token;
  requests_.erase(request);
  ids_.release(packet.packet_id);
  return Completed{token, Outcome::done, {}};
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
  Requests anew;
  std::vector<Subscription> batch;
  std::size_t bytes = 0;
  const auto flush = [&] {
    if (!batch.empty()) anew.push_back({Subscribe{0, std::exchange(batch, {})}});
    bytes = 0;
  };
  for (const auto& [filter, qos] : wanted_) {
    if (asked.contains(filter)) continue;
    if (batch.size() == resubscribe_filters || bytes + filter.size() > resubscribe_bytes) flush();
    batch.push_back({Slice::copy_of(filter), qos});
    bytes += filter.size();
  }
  flush();
  requests_.insert(requests_.begin(), std::make_move_iterator(anew.begin()),
                   std::make_move_iterator(anew.end()));
}

}  // namespace mqttlab::client
