#include "protocol/broker/intake.h"

#include <algorithm>
#include <string>
#include <utility>

#include "protocol/broker/broker_core.h"
#include "protocol/broker/broker_link.h"
#include "protocol/wire/topic.h"

namespace mqttlab {
namespace {

// What CONNACK has told this client not to publish. Before 5.0 nobody can be told so.
std::optional<Violation> unsupported(const Publish& publish, const BrokerConfig& config) {
  if (publish.qos > config.maximum_qos) return Violation{0x9B, "U-3.2.2.3.4-3"};  // MQTT-3.2.2-11
  if (publish.retain && !config.retain_available)
    return Violation{0x9A, "U-3.2.2.3.5-3"};  // MQTT-3.2.2-14
  return std::nullopt;
}

// The same of subscribing, where 3.1.1 has a return code for each filter instead.
std::optional<Violation> unsupported(const Subscribe& subscribe, const BrokerConfig& config) {
  if (!config.identifiers_available &&
      subscribe.properties.has(PropertyId::subscription_identifier))
    return Violation{0xA1, "U-3.2.2.3.12-3"};
  for (const Subscription& subscription : subscribe.subscriptions) {
    const std::string_view filter = subscription.filter.text();
    if (!config.shared_available && shared_filter(filter)) return Violation{0x9E, "U-3.2.2.3.13-3"};
    if (!config.wildcard_available && filter.find_first_of("+#") != std::string_view::npos)
      return Violation{0xA2, "U-3.2.2.3.11-3"};
  }
  return std::nullopt;
}

// What an error code leaves open, for a Reason String.
std::string_view words_on_message(const Decision& decision) {
  return decision.verdict == Verdict::granted ? "no more retained messages are kept"
                                              : "access control does not allow this topic";
}
std::string words_on_filter(std::size_t position, std::size_t filters, bool allowed) {
  std::string words =
      allowed ? "over a limit of the broker's" : "access control does not allow this filter";
  if (filters > 1) words += " (number " + std::to_string(position + 1) + ")";
  return words;
}

ReasonCode verdict_on_filter(const Decision& decision) {
  if (decision.verdict == Verdict::granted) return ReasonCode::success;
  return reason_for(decision, PacketType::suback, ReasonCode::not_authorized);
}

}  // namespace

Intake::Intake(BrokerCore& core, BrokerLink& link)
    : core_(core), link_(link), aliases_(core.config().topic_alias_maximum) {}

void Intake::on(const Publish& arrived, Time now) {
  ++core_.ledger().gauges.messages_received;
  if (const auto broken = unsupported(arrived, core_.config())) return link_.violated(*broken, now);
  if (arrived.properties.empty()) return take(arrived, now);
  const auto topic = aliases_.resolve(arrived);  // MQTT-3.3.2-12
  if (!topic) return link_.violated(topic.violation(), now);
  Publish publish = arrived;
  publish.topic = *topic;
  publish.properties.remove(PropertyId::topic_alias);  // it is this link's
  take(publish, now);
}

void Intake::take(const Publish& publish, Time now) {
  if (publish.qos != QoS::at_most_once) {
    switch (link_.session()->inbound().publish(publish.packet_id, publish.qos)) {
      case InboundFlow::Verdict::fresh:
        break;
      case InboundFlow::Verdict::repeat:  // answered again, not passed on again (MQTT-4.3.3-2; v5
                                          // MQTT-4.3.3-10)
        return link_.send(Pubrec{publish.packet_id});
      case InboundFlow::Verdict::over_limit:
        return link_.violated({0x93, "U-3.3.4-4"}, now);  // MQTT-3.3.4-7
    }
  }
  AccessRequest request = link_.identity().request(AccessRequest::Kind::publish);
  request.topic = publish.topic.text();
  request.qos = publish.qos;
  request.retain = publish.retain;
  const Decision decision = core_.ask(request, now);
  if (decision.verdict != Verdict::later) return finish(publish, decision, now);
  request_ = request.request;
  waiting_ = std::make_unique<Waiting>(publish);
}

// One that may not be published is acknowledged and dropped; 5.0 is told so.
void Intake::finish(const Publish& publish, const Decision& decision, Time now) {
  // Its interval counts from its arrival, however long the verdict took.
  Publication publication(publish, link_.session()->client_id(), link_.last_arrival());
  publication.answered = link_.v5() && publish.qos != QoS::at_most_once;
  const ReasonCode reason = core_.publish(publication, decision, now);
  const auto why = is_error(reason) ? words_on_message(decision) : std::string_view();
  InboundFlow& inbound = link_.session()->inbound();
  if (publish.qos == QoS::at_least_once) {
    inbound.answered(publish.packet_id);
    // MQTT-3.3.4-1, MQTT-4.3.2-2, MQTT-3.3.5-2; v5 MQTT-4.3.2-4
    link_.send_with_reason(Puback{publish.packet_id, reason}, why);
  } else if (publish.qos == QoS::exactly_once) {
    // The id is free again (MQTT-4.3.3-9); 3.1.1 goes on to PUBREL.
    if (link_.v5() && is_error(reason))
      inbound.answered(publish.packet_id);
    else
      record_taken(publish.packet_id, true);
    // MQTT-3.3.4-1, MQTT-4.3.3-2; v5 MQTT-4.3.3-8
    link_.send_with_reason(Pubrec{publish.packet_id, reason}, why);
  }
}

// Recorded with what has become of the message: until then it may still be refused.
void Intake::record_taken(std::uint16_t packet_id, bool taken) {
  const Recorded& session = link_.session()->recorded;
  if (!session.state) return;
  if (taken)
    core_.recorder()(journal::PacketIdTaken{session.number, packet_id});
  else
    core_.recorder()(journal::PacketIdReleased{session.number, packet_id});
}

// Answered even if the id is not known: the client may be repeating itself after a PUBCOMP that was
// lost.
void Intake::on(const Pubrel& pubrel) {
  const bool known = link_.session()->inbound().pubrel(pubrel.packet_id);
  if (known) record_taken(pubrel.packet_id, false);
  // MQTT-4.3.3-2; v5 MQTT-4.3.3-11, and MQTT-4.3.3-13 (5.0): whatever was the message's interval
  if (known) return link_.send(Pubcomp{pubrel.packet_id});
  link_.send_with_reason(Pubcomp{pubrel.packet_id, ReasonCode::packet_identifier_not_found},
                         "no message waits under this packet identifier");
}

void Intake::on(const Subscribe& subscribe, Time now) {
  if (link_.v5()) {
    if (const auto broken = unsupported(subscribe, core_.config()))
      return link_.violated(*broken, now);
    const Suback longest{subscribe.packet_id,
                         std::vector<std::uint8_t>(subscribe.subscriptions.size())};
    if (!link_.fits(longest)) return link_.end(ReasonCode::packet_too_large, now);
  }
  verdicts_.clear();
  authorise(subscribe, now);
}

void Intake::authorise(const Subscribe& subscribe, Time now) {
  while (verdicts_.size() < subscribe.subscriptions.size()) {
    const Subscription& subscription = subscribe.subscriptions[verdicts_.size()];
    AccessRequest request = link_.identity().request(AccessRequest::Kind::subscribe);
    request.topic = subscription.filter.text();
    request.qos = subscription.qos;
    const Decision decision = core_.ask(request, now);
    if (decision.verdict == Verdict::later) {
      request_ = request.request;
      waiting_ = std::make_unique<Waiting>(subscribe);
      return;
    }
    verdicts_.push_back(verdict_on_filter(decision));
  }
  finish(subscribe, now);
}

// SUBACK goes first, so that a client knows of its subscriptions before their retained messages
// come.
void Intake::finish(const Subscribe& subscribe, Time now) {
  Session& session = *link_.session();
  Router& router = core_.router();
  const auto identifier =
      subscribe.properties.get<PropertyId::subscription_identifier>().value_or(0);
  Suback suback{subscribe.packet_id, {}};  // MQTT-3.8.4-2
  std::vector<Router::Subscribed> subscribed;
  std::string why;  // of the first that is refused
  for (std::size_t i = 0; i < verdicts_.size(); ++i) {
    subscribed.push_back(is_error(verdicts_[i])
                             ? Router::Subscribed{verdicts_[i]}
                             : router.subscribe(session, subscribe.subscriptions[i], identifier));
    const ReasonCode code = subscribed.back().code;
    if (is_error(code) && why.empty())
      why = words_on_filter(i, verdicts_.size(), !is_error(verdicts_[i]));
    // MQTT-3.8.4-5, MQTT-3.9.3-1; v5 MQTT-3.8.4-6 and -7, MQTT-3.9.3-1
    suback.codes.push_back(is_error(code) && !link_.v5() ? suback_failure
                                                         : static_cast<std::uint8_t>(code));
  }
  link_.send_with_reason(suback, why);  // MQTT-3.8.4-1
  // Several filters are several subscriptions in a row (MQTT-3.8.4-4; v5 MQTT-3.8.4-5).
  for (std::size_t i = 0; i < subscribed.size(); ++i)
    router.send_retained(session, subscribe.subscriptions[i], subscribed[i], now);
}

void Intake::on(const Unsubscribe& unsubscribe, Time now) {
  Unsuback unsuback{unsubscribe.packet_id,  // MQTT-3.10.4-4
                    std::vector<ReasonCode>(unsubscribe.filters.size())};
  if (!link_.fits(unsuback)) return link_.end(ReasonCode::packet_too_large, now);
  for (std::size_t i = 0; i < unsuback.codes.size(); ++i)  // v5 MQTT-3.11.3-1
    if (!core_.router().unsubscribe(*link_.session(), unsubscribe.filters[i].text()))
      unsuback.codes[i] = ReasonCode::no_subscription_existed;
  link_.send(unsuback);  // MQTT-3.10.4-4 to -6
}

void Intake::decided(const Decision& decision, Time now) {
  request_ = 0;
  const auto waited = std::move(waiting_);
  if (const auto* publish = std::get_if<Publish>(waited.get()))
    return finish(*publish, decision, now);
  verdicts_.push_back(verdict_on_filter(decision));
  authorise(std::get<Subscribe>(*waited), now);
}

// A QoS 2 message that has not been taken must be new when it comes again.
void Intake::abandon() {
  if (request_ == 0) return;
  core_.forget(std::exchange(request_, 0));
  const auto* publish = std::get_if<Publish>(waiting_.get());
  if (publish && publish->qos == QoS::exactly_once)
    link_.session()->inbound().answered(publish->packet_id);
}

}  // namespace mqttlab
