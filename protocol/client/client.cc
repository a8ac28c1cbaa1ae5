#include "protocol/client/client.h"

#include <algorithm>
#include <cassert>
#include <string_view>
#include <utility>

#include "protocol/client/config.h"
#include "protocol/client/state.h"
#include "protocol/wire/topic.h"

namespace mqttlab {

namespace {

constexpr std::size_t longest_string = 65'535;

std::optional<Misuse> check_publish(const Slice& topic, const Slice& payload, QoS qos) {
  if (qos > QoS::exactly_once) return Misuse::bad_argument;
  if (topic.size() > longest_string) return Misuse::too_large;
  if (!valid_topic_name(topic.text())) return Misuse::bad_topic;  // MQTT-3.3.2-1, MQTT-3.3.2-2
  const std::size_t rest = 2 + topic.size() + (qos == QoS::at_most_once ? 0 : 2);
  if (payload.size() > max_remaining_length - rest) return Misuse::too_large;
  return std::nullopt;
}

/// `extra`: bytes that each filter takes beside its length and text.
template <typename Items, typename FilterOf>
std::optional<Misuse> check_filters(const Items& items, std::size_t extra, FilterOf filter_of) {
  if (items.empty()) return Misuse::bad_argument;  // MQTT-3.8.3-3, MQTT-3.10.3-2
  std::size_t bytes = 2;
  for (const auto& item : items) {
    const Slice& filter = filter_of(item);
    if (filter.size() > longest_string) return Misuse::too_large;
    if (!valid_topic_filter(filter.text())) return Misuse::bad_topic;
    bytes += 2 + filter.size() + extra;
  }
  if (bytes > max_remaining_length) return Misuse::too_large;
  return std::nullopt;
}

}  // namespace

Client::Client(ClientConfig config, std::uint64_t seed, trace::Log* log, trace::Actor actor) {
  client::check(config);
  state_ = std::make_unique<State>(std::move(config), seed, log, actor);
}

Client::~Client() = default;

void Client::start(Time) { state_->redial.start(); }

void Client::stop(Time now) {
  state_->redial.stop();
  if (state_->link) state_->link->disconnect(now);
}

std::variant<Token, Misuse> Client::publish(Slice topic, Slice payload, QoS qos, bool retain,
                                            Time now) {
  Publish message{.topic = std::move(topic), .payload = std::move(payload), .qos = qos};
  message.retain = retain;
  auto misuse = check_publish(message.topic, message.payload, qos);
  if (!misuse && qos != QoS::at_most_once && !state_->has_room(message)) {
    misuse = Misuse::queue_full;
  }
  if (!misuse) return state_->publish(message, now);
  state_->trace_publish(trace::Kind::publish_refused, message, static_cast<std::uint8_t>(*misuse),
                        0, now);
  return *misuse;
}

std::variant<Token, Misuse> Client::subscribe(std::vector<Subscription> subscriptions, Time now) {
  const auto misuse = check_filters(subscriptions, 1,
                                    [](const Subscription& s) -> const Slice& { return s.filter; });
  if (misuse) return *misuse;
  for (const Subscription& subscription : subscriptions) {
    if (subscription.qos > QoS::exactly_once) return Misuse::bad_argument;  // MQTT-3.8.3-4
  }
  if (!state_->has_room_for_request()) return Misuse::queue_full;
  const Token token = state_->next_token++;
  state_->session.subscriptions().subscribe(token, std::move(subscriptions));
  state_->write(now);
  return token;
}

std::variant<Token, Misuse> Client::unsubscribe(std::vector<Slice> filters, Time now) {
  const auto misuse =
      check_filters(filters, 0, [](const Slice& filter) -> const Slice& { return filter; });
  if (misuse) return *misuse;
  if (!state_->has_room_for_request()) return Misuse::queue_full;
  const Token token = state_->next_token++;
  state_->session.subscriptions().unsubscribe(token, std::move(filters));
  state_->write(now);
  return token;
}

std::optional<ClientEvent> Client::poll(Time now) { return state_->poll(now); }

bool Client::wants_link() const {
  // One socket at a time: the host closes the old link before it dials again.
  return state_->redial.wants_dial() && (!state_->link || state_->link->is_closed());
}

void Client::dialing(Time now) {
  if (wants_link()) state_->redial.dialing(now);
}

Peer& Client::dialed(Time now) { return state_->dialed(now); }

void Client::dial_failed(CloseCause cause, Time now) {
  if (state_->redial.is_dialing()) state_->attempt_failed(cause, now);
}

Peer* Client::link() {
  return state_->link && !state_->link->is_closed() ? state_->link.get() : nullptr;
}

void Client::advance(Time now) { state_->advance(now); }

Time Client::deadline() const {
  const Time redial = state_->redial.deadline();
  return state_->link ? std::min(redial, state_->link->deadline()) : redial;
}

bool Client::has_events() const { return state_->inbox.has_events(); }
bool Client::connected() const { return state_->connected(); }
std::size_t Client::queued() const { return state_->session.queued(); }
std::size_t Client::in_flight() const { return state_->session.outbound().open(); }
const ClientConfig& Client::config() const { return state_->config; }

}  // namespace mqttlab
