#include "protocol/client/authentication.h"

#include <string>

namespace mqttlab::client {

namespace {

using Id = PropertyId;

Slice data_of(const Properties& properties) {
  return properties.get<Id::authentication_data>().value_or(Slice());
}

void add_data(Properties& properties, std::string_view data) {
  if (!data.empty()) properties.add(Id::authentication_data, data);
}

}  // namespace

void Authentication::open(Properties& connect) {
  if (!authenticator_) return;
  state_ = State::connecting;
  connect.add(Id::authentication_method, authenticator_->method());
  add_data(connect, authenticator_->start());
}

std::optional<Auth> Authentication::again() {
  if (!authenticator_ || state_ != State::idle) return std::nullopt;  // MQTT-4.12.0-7
  state_ = State::again;
  return packet(ReasonCode::re_authenticate, authenticator_->start());  // MQTT-4.12.1-1
}

Authentication::Step Authentication::auth(const Auth& packet) {
  if (!authenticator_) return {protocol_error("U-3.15-1")};  // MQTT-4.12.0-6
  if (state_ == State::idle) return {protocol_error("MQTT-4.12.1-1")};
  if (packet.reason == ReasonCode::success) {
    // Of a connection only CONNACK may say so.
    if (state_ == State::connecting) return {protocol_error("MQTT-4.12.0-2")};
    // The short form names no method.
    if (packet.properties.empty()) return finish(packet.properties);
  }
  if (other_method(packet.properties)) return {protocol_error("U-3.15-1")};  // MQTT-4.12.0-5
  if (packet.reason == ReasonCode::success) return finish(packet.properties);
  const auto data = authenticator_->next(data_of(packet.properties).bytes());
  if (!data) return {.failed = true};
  return {.answer = this->packet(ReasonCode::continue_authentication, *data)};  // MQTT-4.12.0-3
}

Authentication::Step Authentication::accepted(const Connack& packet) {
  if (!authenticator_) {
    const bool named = packet.properties.has(Id::authentication_method);
    return named ? Step{protocol_error("MQTT-4.12.0-6")} : Step{};
  }
  if (const auto violation = other_method(packet.properties)) return {violation};
  return finish(packet.properties);
}

std::optional<Violation> Authentication::other_method(const Properties& properties) const {
  const auto method = properties.get<Id::authentication_method>();
  if (method && method->text() == authenticator_->method()) return std::nullopt;
  return protocol_error("MQTT-4.12.0-5");
}

Authentication::Step Authentication::finish(const Properties& properties) {
  state_ = State::idle;
  const bool content = authenticator_->finish(data_of(properties).bytes());
  return {.failed = !content, .done = content};
}

Auth Authentication::packet(ReasonCode reason, std::string_view data) const {
  Auth auth{.reason = reason};
  auth.properties.add(Id::authentication_method, authenticator_->method());  // MQTT-4.12.0-5
  add_data(auth.properties, data);
  return auth;
}

}  // namespace mqttlab::client
