#include "protocol/broker/handshake.h"

#include <utility>

#include "protocol/broker/broker_core.h"
#include "protocol/broker/broker_link.h"

namespace mqttlab {

void Handshake::begin(Time now) {
  const Properties& properties = link_.connect().properties;
  method_ = properties.get<PropertyId::authentication_method>();
  if (method_ && !core_.supports(method_->text()))  // MQTT-4.12.0-1
    return link_.refuse(ReasonCode::bad_authentication_method, now);
  ask(properties, now);
}

void Handshake::on(const Auth& auth, Time now) {
  if (!method_) return link_.violated(protocol_error("MQTT-4.12.0-7"), now);
  if (auth.properties.get<PropertyId::authentication_method>() != method_)
    return link_.violated(protocol_error("U-3.15-1"), now);  // MQTT-4.12.0-5
  if (auth.reason == ReasonCode::re_authenticate) {
    // Only a client that has been accepted, and once at a time.
    if (link_.state() != BrokerLink::State::connected || phase_ != Phase::idle)
      return link_.violated(protocol_error("MQTT-4.12.1-1"), now);
    step_ = 0;
  } else if (phase_ != Phase::client) {
    return link_.violated(protocol_error("MQTT-4.12.0-3"), now);  // an answer to nothing
  }
  ask(auth.properties, now);
}

void Handshake::ask(const Properties& from, Time now) {
  AccessRequest request = link_.identity().request(AccessRequest::Kind::authenticate);
  request.again = link_.state() == BrokerLink::State::connected;
  if (!request.again && link_.connect().password) {
    request.has_password = true;
    request.password = link_.connect().password->bytes();
  }
  if (method_) request.method = method_->text();
  const auto data = from.get<PropertyId::authentication_data>();
  if (data) request.data = data->bytes();
  request.step = step_;
  const Decision decision = core_.ask(request, now);
  if (decision.verdict != Verdict::later) return decided(decision, now);
  phase_ = Phase::broker;
  request_ = request.request;
}

void Handshake::decided(const Decision& decision, Time now) {
  request_ = 0;
  if (decision.verdict == Verdict::more && method_) return ask_for_more(decision, now);
  phase_ = Phase::idle;
  deadline_ = never;
  if (decision.verdict != Verdict::granted || decision.valid_until <= now)
    return denied(decision, now);
  link_.identify(decision);
  valid_until_ = decision.valid_until;
  if (valid_until_ != never) core_.valid_until(link_, valid_until_);
  if (link_.state() != BrokerLink::State::connected)
    return core_.admit(link_, method_ ? properties(decision.data) : Properties(), now);
  send(ReasonCode::success, decision.data, now);
}

// However many steps it takes, the whole exchange has one deadline.
void Handshake::ask_for_more(const Decision& decision, Time now) {
  phase_ = Phase::client;
  if (step_++ == 0) deadline_ = core_.handshake_begins(link_, now);
  send(ReasonCode::continue_authentication, decision.data, now);  // MQTT-4.12.0-2
}

void Handshake::denied(const Decision& decision, Time now) {
  if (link_.state() == BrokerLink::State::connected)  // MQTT-4.12.1-2
    return link_.end(reason_for(decision, PacketType::disconnect, ReasonCode::not_authorized), now);
  const bool password = link_.identity().user_name && !method_;
  const ReasonCode fitting =
      password ? ReasonCode::bad_user_name_or_password : ReasonCode::not_authorized;
  // v5 MQTT-3.1.3-8; v5 MQTT-3.1.4-2; MQTT-4.12.0-4
  link_.refuse(reason_for(decision, PacketType::connack, fitting), now);
}

void Handshake::overdue(Time now) {
  if (phase_ == Phase::idle || now < deadline_) return;
  abandon();
  denied({}, now);
}

void Handshake::abandon() {
  if (request_ != 0) core_.forget(std::exchange(request_, 0));
  phase_ = Phase::idle;
}

void Handshake::send(ReasonCode reason, std::string_view data, Time now) {
  const Auth auth{reason, properties(data)};
  if (!link_.fits(auth)) return link_.end(ReasonCode::packet_too_large, now);
  link_.send(auth);
}

Properties Handshake::properties(std::string_view data) const {
  Properties set;
  set.add(PropertyId::authentication_method, method_->text());  // MQTT-4.12.0-5
  if (!data.empty()) set.add(PropertyId::authentication_data, data);
  return set;
}

}  // namespace mqttlab
