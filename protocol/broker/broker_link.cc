#include "protocol/broker/broker_link.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <utility>

#include "protocol/broker/broker_core.h"
#include "protocol/broker/session.h"

namespace mqttlab {

BrokerLink::BrokerLink(BrokerCore& core, LinkId id, std::string certificate)
    : core_(core),
      id_(id),
      certificate_(std::move(certificate)),
      framer_(core.config().max_packet_size) {}

// A client that sends and does not read fills the outbox with our answers. They have room of their
// own behind the messages, so a slow reader's PUBACKs and PINGREQs are still read.
bool BrokerLink::reads() const {
  return state_ == State::awaiting_connect ||
         (state_ == State::connected && output_.outbox.takes_answers(core_.config().outbox_bytes));
}

bool BrokerLink::congested() const { return output_.outbox.size() >= core_.config().outbox_bytes; }

std::span<std::uint8_t> BrokerLink::space() {
  return reads() ? framer_.space() : std::span<std::uint8_t>();
}

void BrokerLink::received(std::size_t n, Time now) {
  if (state_ == State::finished) return;
  core_.ledger().gauges.bytes_received += n;
  framer_.received(n);
  last_arrival_ = now;
  process(now);
}

std::size_t BrokerLink::pending(std::span<Bytes> pieces) const {
  return output_.outbox.pending(pieces);
}

void BrokerLink::sent(std::size_t n, Time now) {
  output_.outbox.sent(n);
  sent_bytes_ += n;
  core_.ledger().gauges.bytes_sent += n;
  while (!unsent_qos0_.empty() && unsent_qos0_.front().end <= sent_bytes_) unsent_qos0_.pop_front();
  if (session_) session_->pump(now);
  process(now);
}

void BrokerLink::closed(CloseCause, Time now) {
  if (request_ != 0) core_.forget(std::exchange(request_, 0));
  core_.disconnected(*this, now);
  state_ = State::finished;
  discard(now);
}

void BrokerLink::process(Time now) {
  while (reads()) {
    auto frame = framer_.next();
    if (!frame) return violated(frame.violation(), now);
    if (!*frame) return;
    const auto packet = decode(**frame, Sender::client, connect_.version);
    if (!packet) return violated(packet.violation(), now);
    ++core_.ledger().gauges.packets_received;
    last_packet_ = std::max(last_packet_, last_arrival_);
    handle(*packet, now);
  }
}

void BrokerLink::handle(const Packet& packet, Time now) {
  if (state_ == State::connected) return handle_connected(packet, now);
  const Connect* connect = std::get_if<Connect>(&packet);
  if (!connect) return violated(protocol_error("MQTT-3.1.0-1"), now);
  connect_ = *connect;
  // Kept as long as the link: must not hold on to the arrival buffer.
  const auto own = [](Slice& slice) { slice = Slice::copy_of(slice.bytes()); };
  own(connect_.client_id);
  if (connect_.user_name) own(*connect_.user_name);
  if (connect_.password) own(*connect_.password);
  if (connect_.will) {
    own(connect_.will->topic);
    own(connect_.will->payload);
  }
  core_.connect(*this, now);
}

void BrokerLink::handle_connected(const Packet& packet, Time now) {
  switch (type_of(packet)) {
    case PacketType::publish:
      return on(std::get<Publish>(packet), now);
    case PacketType::puback:
      return session_->puback(std::get<Puback>(packet).packet_id, now);
    case PacketType::pubrec:
      return session_->pubrec(std::get<Pubrec>(packet), now);
    case PacketType::pubrel: {
      // Answered even if the id is not known: the client may be repeating itself after a PUBCOMP
      // that was lost (MQTT-4.3.3-2).
      const std::uint16_t id = std::get<Pubrel>(packet).packet_id;
      session_->inbound().pubrel(id);
      return send(Pubcomp{id});
    }
    case PacketType::pubcomp:
      return session_->pubcomp(std::get<Pubcomp>(packet).packet_id, now);
    case PacketType::subscribe:
      return on(std::get<Subscribe>(packet), now);
    case PacketType::unsubscribe:
      return on(std::get<Unsubscribe>(packet));
    case PacketType::pingreq:
      return send(Pingresp{});  // MQTT-3.12.4-1
    case PacketType::disconnect:
      connect_.will.reset();  // MQTT-3.14.4-3
      core_.disconnected(*this, now);
      return finish(Pending::drain, now);
    default:  // decode() lets through what a client may send: it is a second CONNECT
      return violated(protocol_error("MQTT-3.1.0-2"), now);
  }
}

void BrokerLink::on(const Publish& publish, Time now) {
  ++core_.ledger().gauges.messages_received;
  InboundFlow& inbound = session_->inbound();
  if (publish.qos != QoS::at_most_once) {
    switch (inbound.publish(publish.packet_id, publish.qos)) {
      case InboundFlow::Verdict::fresh:
        break;
      case InboundFlow::Verdict::repeat:  // answered again, not passed on again (MQTT-4.3.3-2)
        return send(Pubrec{publish.packet_id});
      case InboundFlow::Verdict::over_limit:
        return violated({0x93, ""}, now);
    }
  }
  Publication publication(publish.topic, publish.payload, publish.qos, false);
  core_.publish(*this, publication, publish.retain, now);
  if (publish.qos == QoS::at_least_once) {
    inbound.answered(publish.packet_id);
    send(Puback{publish.packet_id});
  }
  if (publish.qos == QoS::exactly_once) send(Pubrec{publish.packet_id});
}

// Several filters are several subscriptions in a row (MQTT-3.8.4-4). SUBACK goes first, so that a
// client knows of its subscriptions before their retained messages come.
void BrokerLink::on(const Subscribe& subscribe, Time now) {
  Suback suback{subscribe.packet_id, {}};
  for (const Subscription& subscription : subscribe.subscriptions) {
    const bool allowed =
        core_.allowed(*this, AccessRequest::Kind::subscribe, subscription.filter.text(), now);
    suback.codes.push_back(allowed ? core_.router().subscribe(*session_, subscription)
                                   : suback_failure);
  }
  send(suback);
  for (std::size_t i = 0; i < suback.codes.size(); ++i) {
    if (suback.codes[i] == suback_failure) continue;
    core_.router().send_retained(*session_, subscribe.subscriptions[i], now);
  }
}

void BrokerLink::on(const Unsubscribe& unsubscribe) {
  for (const Slice& filter : unsubscribe.filters)
    core_.router().unsubscribe(*session_, filter.text());
  send(Unsuback{unsubscribe.packet_id});
}

// MQTT 3.1.1 has no packet that names the error: the link is closed (MQTT-4.8.0-1), and only an
// unsupported level is answered first (MQTT-3.1.2-2).
void BrokerLink::violated(const Violation& violation, Time now) {
  if (violation == unsupported_protocol_level && state_ == State::awaiting_connect)
    return refused(ConnectReturn::unacceptable_protocol_version, now);
  core_.disconnected(*this, now);
  finish(Pending::drain, now);
}

void BrokerLink::authenticating(RequestId request) {
  request_ = request;
  state_ = State::authenticating;
}

void BrokerLink::undecided(Time now) {
  if (state_ != State::authenticating) return;
  core_.forget(request_);
  refused(ConnectReturn::server_unavailable, now);
}

void BrokerLink::accepted(Session& session, bool session_present, Time now) {
  request_ = 0;
  state_ = State::connected;
  session_ = &session;
  last_packet_ = now;
  connect_.password.reset();
  // 3.1 has no session present flag: its byte is reserved.
  const bool tells = connect_.version != ProtocolVersion::v3_1;
  send(Connack{tells && session_present, ConnectReturn::accepted});
  session.attach(*this, connect_.clean_session);
  session.pump(now);
}

void BrokerLink::refused(ConnectReturn code, Time now) {
  request_ = 0;
  send(Connack{false, code});   // MQTT-3.2.2-4
  finish(Pending::drain, now);  // MQTT-3.2.2-5
}

void BrokerLink::finish(Pending pending, Time now) {
  assert(!session_);
  state_ = State::finished;
  if (pending == Pending::discard) {
    discard(now);
  } else if (!output_.outbox.empty()) {
    core_.linger(*this, now);
  }
  core_.touch(*this);
}

Session* BrokerLink::take_session() {
  if (session_) session_->detach();
  return std::exchange(session_, nullptr);
}

std::optional<Will> BrokerLink::take_will() { return std::exchange(connect_.will, std::nullopt); }

Time BrokerLink::keep_alive_due() const {
  if (state_ != State::connected || connect_.keep_alive_s == 0) return never;
  // While this end does not read, what waits in the framer has been sent in time.
  const Time heard = framer_.buffered() > 0 && !reads() ? last_arrival_ : last_packet_;
  const double allowed_s = connect_.keep_alive_s * core_.config().keep_alive_factor;
  return heard + std::llround(allowed_s * static_cast<double>(second));
}

AccessRequest BrokerLink::access_request(AccessRequest::Kind kind, std::string_view topic) const {
  AccessRequest request;
  request.kind = kind;
  request.link = id_;
  request.client_id = connect_.client_id.text();
  request.has_user_name = connect_.user_name.has_value();
  if (connect_.user_name) request.user_name = connect_.user_name->text();
  request.has_password = connect_.password.has_value();
  if (connect_.password) request.password = connect_.password->bytes();
  request.certificate = certificate_;
  request.topic = topic;
  return request;
}

void BrokerLink::send(const Packet& packet) {
  encode(packet, connect_.version, output_.outbox);
  wrote();
}

void BrokerLink::wrote() {
  ++core_.ledger().gauges.packets_sent;
  core_.touch(*this);
}

void BrokerLink::wrote_publish() {
  ++core_.ledger().gauges.messages_sent;
  wrote();
}

void BrokerLink::write_qos0(const OutMessage& message, Time now) {
  output_.publish(message, 0, false, now);
  if (core_.ledger().tracing())
    unsent_qos0_.push_back({sent_bytes_ + output_.outbox.size(), message.token});
  wrote_publish();
}

void BrokerLink::discard(Time now) {
  for (const UnsentQos0& unsent : unsent_qos0_)
    core_.ledger().dropped(trace::DropReason::offline_qos0, connect_.client_id.text(),
                           unsent.identity, QoS::at_most_once, now);
  unsent_qos0_.clear();
  output_.outbox.clear();
}

}  // namespace mqttlab
