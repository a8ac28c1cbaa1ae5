#include "protocol/client/client.h"

#include <algorithm>
#include <cassert>
#include <string_view>
#include <utility>

#include "protocol/client/config.h"
#include "protocol/client/image.h"
#include "protocol/client/state.h"
#include "protocol/wire/topic.h"

namespace mqttlab {

namespace {

constexpr std::size_t longest_string = 65'535;
// Packet id, the length of the properties, and those that the client adds to them.
constexpr std::size_t most_extra_bytes = 2 + 4 + 3;

std::optional<Misuse> check_properties(const Properties& properties, PacketType type,
                                       ProtocolVersion version) {
  if (properties.empty()) return std::nullopt;
  if (version != ProtocolVersion::v5_0) return Misuse::bad_argument;
  const auto fault = Properties::fault(properties.bytes().bytes(), place_of(type), Sender::client);
  return fault ? std::optional(Misuse::bad_argument) : std::nullopt;
}

std::optional<Misuse> check_publish(const Publish& message, ProtocolVersion version) {
  if (message.qos > QoS::exactly_once) return Misuse::bad_argument;
  if (message.topic.size() > longest_string) return Misuse::too_large;
  if (!valid_topic_name(message.topic.text())) {
    return Misuse::bad_topic;  // MQTT-3.3.2-1, MQTT-3.3.2-2
  }
  const std::size_t rest =
      2 + message.topic.size() + message.properties.bytes().size() + most_extra_bytes;
  if (message.payload.size() > max_remaining_length - rest) return Misuse::too_large;
  if (message.properties.has(PropertyId::topic_alias)) return Misuse::bad_argument;
  // MQTT-3.3.4-6, MQTT-3.3.2-13, MQTT-3.3.2-14, MQTT-3.3.2-19
  return check_properties(message.properties, PacketType::publish, version);
}

// The message as it is sent: what is left of the Message Expiry Interval is told when it is.
OutMessage outgoing(const Publish& message, Time now) {
  OutMessage out;
  out.qos = message.qos;
  out.retain = message.retain;
  Properties properties = message.properties;
  if (const auto expiry_s = properties.get<PropertyId::message_expiry_interval>()) {
    out.expires_at = now + *expiry_s * second;
    properties.remove(PropertyId::message_expiry_interval);
  }
  out.encoded = EncodedPublish(message.topic, message.payload, properties);
  return out;
}

/// `extra`: bytes that each filter takes beside its length and text.
template <typename Items, typename FilterOf>
std::optional<Misuse> check_filters(const Items& items, ProtocolVersion version, std::size_t extra,
                                    FilterOf filter_of) {
  // MQTT-3.10.3-2; v3 MQTT-3.8.3-3, v5 MQTT-3.8.3-2
  if (items.empty()) return Misuse::bad_argument;
  std::size_t bytes = 0;
  for (const auto& item : items) {
    const Slice& filter = filter_of(item);
    if (filter.size() > longest_string) return Misuse::too_large;
    // MQTT-3.8.3-1, MQTT-3.10.3-1
    if (!valid_topic_filter(filter.text())) return Misuse::bad_topic;
    if (version == ProtocolVersion::v5_0 && !shared_filter_fault(filter.text()).empty()) {
      return Misuse::bad_topic;  // MQTT-4.8.2-1, MQTT-4.8.2-2
    }
    bytes += 2 + filter.size() + extra;
  }
  if (bytes > max_remaining_length - most_extra_bytes) return Misuse::too_large;
  return std::nullopt;
}

std::optional<Misuse> check_options(const std::vector<Subscription>& subscriptions,
                                    ProtocolVersion version) {
  for (const Subscription& subscription : subscriptions) {
    if (subscription.qos > QoS::exactly_once) return Misuse::bad_argument;  // MQTT-3.8.3-4
    if (subscription.retain_handling > RetainHandling::do_not_send) {
      return Misuse::bad_argument;  // U-3.8.3.1-2
    }
    if (version != ProtocolVersion::v5_0 &&
        subscription != Subscription{subscription.filter, subscription.qos}) {
      return Misuse::bad_argument;  // 3.1.1 has no such options
    }
    if (subscription.no_local && shared_filter(subscription.filter.text())) {
      return Misuse::bad_argument;  // v5 MQTT-3.8.3-4
    }
  }
  return std::nullopt;
}

}  // namespace

Client::Client(ClientConfig config, std::uint64_t seed, trace::Log* log, trace::Actor actor) {
  client::check(config);
  state_ = std::make_unique<State>(std::move(config), seed, log, actor);
}

void Client::number_after(Token last) { state_->next_token = last + 1; }
Token Client::last_token() const { return state_->next_token - 1; }

client::Image Client::image() const { return state_->image(); }
void Client::restore(const client::Image& image, Time now) { state_->restore(image, now); }

Client::~Client() = default;

void Client::start(Time) { state_->start(); }

std::optional<Misuse> Client::stop(Time now, const Disconnect& how) {
  return state_->stop(how, now);
}

std::variant<Token, Misuse> Client::publish(Slice topic, Slice payload, QoS qos, bool retain,
                                            Time now, Properties properties) {
  Publish message{.topic = std::move(topic), .payload = std::move(payload), .qos = qos};
  message.retain = retain;
  message.properties = std::move(properties);
  auto misuse = check_publish(message, config().version);
  if (!misuse) {
    OutMessage out = outgoing(message, now);
    misuse = state_->objection(out, now);
    if (!misuse) return state_->publish(message, std::move(out), now);
  }
  state_->trace_publish(trace::Kind::publish_refused, message, static_cast<std::uint8_t>(*misuse),
                        0, now);
  return *misuse;
}

std::variant<Token, Misuse> Client::subscribe(std::vector<Subscription> subscriptions, Time now,
                                              Properties properties) {
  Subscribe packet{0, std::move(subscriptions), std::move(properties)};
  auto misuse = check_filters(packet.subscriptions, config().version, 1,
                              [](const Subscription& s) -> const Slice& { return s.filter; });
  if (!misuse) misuse = check_options(packet.subscriptions, config().version);
  if (!misuse)
    misuse = check_properties(packet.properties, PacketType::subscribe, config().version);
  if (!misuse) misuse = state_->objection(packet);
  if (misuse) return *misuse;
  const Token token = state_->next_token++;
  state_->session.subscriptions().subscribe(token, std::move(packet));
  state_->write(now);
  return token;
}

std::variant<Token, Misuse> Client::unsubscribe(std::vector<Slice> filters, Time now,
                                                Properties properties) {
  Unsubscribe packet{0, std::move(filters), std::move(properties)};
  auto misuse = check_filters(packet.filters, config().version, 0,
                              [](const Slice& filter) -> const Slice& { return filter; });
  if (!misuse) {
    misuse = check_properties(packet.properties, PacketType::unsubscribe, config().version);
  }
  if (!misuse) misuse = state_->objection(packet);
  if (misuse) return *misuse;
  const Token token = state_->next_token++;
  state_->session.subscriptions().unsubscribe(token, std::move(packet));
  state_->write(now);
  return token;
}

std::optional<Misuse> Client::reauthenticate(Time now) { return state_->reauthenticate(now); }

std::optional<ClientEvent> Client::poll(Time now) { return state_->poll(now); }

bool Client::wants_link() const { return state_->wants_link(); }

std::string_view Client::server_reference() const { return state_->referral.servers(); }

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
  const Time own = std::min(state_->redial.deadline(), state_->session.expires_at());
  return state_->link ? std::min(own, state_->link->deadline()) : own;
}

bool Client::has_events() const { return state_->inbox.has_events(); }
bool Client::connected() const { return state_->connected(); }
std::size_t Client::queued() const { return state_->session.queued(); }
std::size_t Client::in_flight() const { return state_->session.outbound().open(); }
const ClientConfig& Client::config() const { return state_->config; }

}  // namespace mqttlab
