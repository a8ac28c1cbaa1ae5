#include "protocol/broker/broker_link.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <utility>

#include "protocol/broker/broker_core.h"
#include "protocol/broker/connack.h"
#include "protocol/broker/session.h"

namespace mqttlab {
namespace {

// Whether bytes that are no valid CONNECT begin like one of 5.0: then its sender can be told why.
// Unknown: they do so far.
enum class Claim : std::uint8_t { unknown, v5, other };
Claim claim_of(Bytes stream) {
  constexpr std::string_view name_and_level("\0\4MQTT\5", 7);
  const auto header = read_fixed_header(stream);
  if (!header || !*header || stream[0] >> 4 != static_cast<int>(PacketType::connect))
    return Claim::other;
  const Bytes body = stream.subspan((*header)->size);
  const std::string_view text(reinterpret_cast<const char*>(body.data()), body.size());
  if (text.starts_with(name_and_level)) return Claim::v5;
  const bool cut = name_and_level.starts_with(text) && text.size() < (*header)->remaining_length;
  return cut ? Claim::unknown : Claim::other;
}

// Kept as long as the link: must not hold on to the arrival buffer.
Connect copy_of(const Connect& arrived) {
  const auto own = [](Slice& slice) { slice = Slice::copy_of(slice.bytes()); };
  const auto own_set = [](Properties& set) {
    if (!set.empty()) set = Properties(Slice::copy_of(set.bytes().bytes()));
  };
  Connect connect = arrived;
  own(connect.client_id);
  own_set(connect.properties);
  if (connect.user_name) own(*connect.user_name);
  if (connect.password) own(*connect.password);
  if (connect.will) {
    own(connect.will->topic);
    own(connect.will->payload);
    own_set(connect.will->properties);
  }
  return connect;
}

}  // namespace

BrokerLink::BrokerLink(BrokerCore& core, LinkId id, std::string_view certificate)
    : core_(core),
      identity_{id, {}, {}, Slice::copy_of(certificate), {}},
      framer_(core.config().max_packet_size, &core.blocks()),
      handshake_(core, *this),
      intake_(core, *this) {}

// A client that sends and does not read fills the outbox with our answers. They have room of their
// own behind the messages, so a slow reader's PUBACKs and PINGREQs are still read.
bool BrokerLink::reads() const {
  if (state_ == State::connected)
    return intake_.request() == 0 && output_.outbox.takes_answers(core_.config().outbox_bytes);
  return state_ == State::awaiting_connect ||
         (state_ == State::authenticating && handshake_.wants_auth());
}

LinkReport BrokerLink::report() const {
  LinkReport report = report_;
  report.client_id = identity_.client_id.text();
  return report;
}

void BrokerLink::identify(const Decision& grant) {
  if (!grant.user_name.empty()) identity_.user_name = Slice::copy_of(grant.user_name);
  identity_.rights = grant.rights;
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
  core_.step();
}

std::size_t BrokerLink::pending(std::span<Bytes> pieces) const {
  std::size_t count = output_.outbox.pending(pieces);
  if (gate_.is_open()) return count;
  std::uint64_t free = gate_.limit() - sent_bytes_;
  for (std::size_t i = 0; i < count; ++i) {
    if (free == 0) return i;
    pieces[i] = pieces[i].first(std::min<std::uint64_t>(free, pieces[i].size()));
    free -= pieces[i].size();
  }
  return count;
}

void BrokerLink::sent(std::size_t n, Time now) {
  output_.outbox.sent(n);
  sent_bytes_ += n;
  core_.ledger().gauges.bytes_sent += n;
  while (!unsent_qos0_.empty() && unsent_qos0_.front().end <= sent_bytes_) unsent_qos0_.pop_front();
  if (session_) session_->pump(now);
  if (framer_.buffered() > 0) process(now);
  core_.step();
}

void BrokerLink::closed(CloseCause, Time now) {
  hear_out(now);
  core_.disconnected(*this, now);
  leave();
  discard(now);
  core_.step();
}

// What arrived before the end counts, whatever room there is for answers. Behind an open question
// only the last word does: a client that has said goodbye owes no will.
void BrokerLink::hear_out(Time now) {
  if (state_ != State::connected) return;
  process(now, true);
  while (state_ == State::connected) {
    const auto frame = framer_.next(version_);
    if (!frame || !*frame) return;
    const auto packet = decode(**frame, Sender::client, version_);
    if (!packet) return;
    if (const auto* goodbye = std::get_if<Disconnect>(&*packet)) return on(*goodbye, now);
  }
}

void BrokerLink::process(Time now, bool to_the_end) {
  while (to_the_end ? state_ == State::connected && intake_.request() == 0 : reads()) {
    // A CONNECT names its version itself, if this end speaks it.
    const bool first = state_ == State::awaiting_connect;
    const ProtocolVersion version = first ? ProtocolVersion::v5_0 : version_;
    auto frame = framer_.next(version);
    if (!frame) {
      if (frame.violation().reason != 0x95) return violated(frame.violation(), now);
      // A CONNECT over the limit is answered however it is split: its version is waited for.
      const Claim claim = first ? claim_of(framer_.front()) : Claim::other;
      if (claim == Claim::unknown) return;
      if (claim == Claim::v5) version_ = ProtocolVersion::v5_0;
      return violated({0x95, "U-3.2.2.3.6-3"}, now);  // v5 MQTT-3.2.2-15
    }
    if (!*frame) return;
    const auto packet = decode(**frame, Sender::client, version);
    if (!packet) {
      if (first && claim_of((*frame)->bytes()) == Claim::v5) version_ = ProtocolVersion::v5_0;
      return violated(packet.violation(), now);  // MQTT-3.1.4-1; v5 MQTT-3.1.4-1
    }
    ++core_.ledger().gauges.packets_received;
    last_packet_ = std::max(last_packet_, last_arrival_);
    handle(*packet, now);
  }
}

void BrokerLink::handle(const Packet& packet, Time now) {
  if (state_ == State::connected) return handle_connected(packet, now);
  if (state_ == State::awaiting_connect) {
    if (const auto* connect = std::get_if<Connect>(&packet)) return on(*connect, now);
    return violated(protocol_error("MQTT-3.1.0-1"), now);
  }
  if (const auto* auth = std::get_if<Auth>(&packet)) return handshake_.on(*auth, now);
  if (std::holds_alternative<Disconnect>(packet)) return finish(Pending::discard, now);
  violated(protocol_error("MQTT-3.1.2-30"), now);
}

void BrokerLink::on(const Connect& connect, Time now) {
  connect_ = std::make_unique<Connect>(copy_of(connect));
  version_ = connect.version;
  identity_.client_id = connect_->client_id;
  identity_.user_name = connect_->user_name;
  output_.agree(terms_of(connect), core_.config().send_topic_alias_maximum);
  const BrokerConfig& config = core_.config();
  keep_alive_s_ = connect.keep_alive_s;  // v5 MQTT-3.2.2-22
  asked_expiry_s_ = connect.clean_session ? 0 : endless_expiry_s;
  if (v5()) {
    keep_alive_s_ = config.server_keep_alive_s.value_or(keep_alive_s_);
    asked_expiry_s_ = connect.properties.get<PropertyId::session_expiry_interval>().value_or(0);
  }
  session_expiry_s_ = granted_expiry_s(asked_expiry_s_);
  state_ = State::authenticating;
  core_.connect(*this, now);
}

// 3.1.1 has no way to say that a session will be kept for less than ever.
std::uint32_t BrokerLink::granted_expiry_s(std::uint32_t asked_s) const {
  return v5() ? std::min(asked_s, core_.config().max_session_expiry_s.value_or(endless_expiry_s))
              : asked_s;
}

void BrokerLink::handle_connected(const Packet& packet, Time now) {
  switch (type_of(packet)) {
    case PacketType::publish:
      return intake_.on(std::get<Publish>(packet), now);
    case PacketType::puback:
      return session_->puback(std::get<Puback>(packet).packet_id, now);
    case PacketType::pubrec:
      return session_->pubrec(std::get<Pubrec>(packet), now);
    case PacketType::pubrel:
      return intake_.on(std::get<Pubrel>(packet));
    case PacketType::pubcomp:
      return session_->pubcomp(std::get<Pubcomp>(packet).packet_id, now);
    case PacketType::subscribe:
      return intake_.on(std::get<Subscribe>(packet), now);
    case PacketType::unsubscribe:
      return intake_.on(std::get<Unsubscribe>(packet), now);
    case PacketType::pingreq:
      return send(Pingresp{});  // MQTT-3.12.4-1
    case PacketType::disconnect:
      return on(std::get<Disconnect>(packet), now);
    case PacketType::auth:
      return handshake_.on(std::get<Auth>(packet), now);
    default:  // decode() lets through what a client may send: it is a second CONNECT
      return violated(protocol_error("MQTT-3.1.0-2"), now);  // v5 MQTT-3.2.0-2
  }
}

void BrokerLink::on(const Disconnect& disconnect, Time now) {
  report_.said_goodbye = true;
  using Id = PropertyId;
  if (const auto expiry_s = disconnect.properties.get<Id::session_expiry_interval>()) {
    if (asked_expiry_s_ == 0 && *expiry_s != 0)
      return violated(protocol_error("U-3.14.2.2.2-2"), now);
    session_expiry_s_ = granted_expiry_s(*expiry_s);
  }
  if (disconnect.reason == ReasonCode::normal_disconnection)
    will_.reset();  // MQTT-3.14.4-3; v5 MQTT-3.14.4-3: no other reason does
  core_.disconnected(*this, now);
  finish(Pending::drain, now);
}

void BrokerLink::violated(const Violation& violation, Time now) {
  const auto reason = static_cast<ReasonCode>(violation.reason);
  report_.reason = reason;
  report_.broken = violation.statement;
  // Only CONNECT names a version, and there is one; no DISCONNECT has that reason.
  if (state_ == State::connected && reason == ReasonCode::unsupported_protocol_version)
    return violated(protocol_error("MQTT-3.1.0-2"), now);
  if (state_ == State::connected)  // MQTT-4.8.0-1; v5 MQTT-4.13.1-1
    return end(reason, now, Pending::drain, violation.statement);
  // Of an undecodable CONNECT nobody knows how long an answer may be: it gets the shortest.
  if (v5()) return refuse(reason, now, state_ == State::authenticating ? violation.statement : "");
  if (violation == unsupported_protocol_level) return refuse(reason, now);  // MQTT-3.1.2-2
  finish(Pending::discard, now);
}

Connack BrokerLink::welcome(const Properties& authentication) const {
  if (!v5()) return {};
  const BrokerConfig& config = core_.config();
  Welcome welcome;
  welcome.authentication = authentication;
  welcome.response_information = output_.terms().response_information;
  if (connect_->client_id.empty()) welcome.assigned_client_id = identity_.client_id.text();
  if (session_expiry_s_ != asked_expiry_s_) welcome.session_expiry_s = session_expiry_s_;
  if (keep_alive_s_ != connect_->keep_alive_s) welcome.keep_alive_s = keep_alive_s_;
  Connack connack{.properties = properties_of(welcome, config)};
  if (!fits(connack)) connack.properties.remove(PropertyId::response_information);
  return connack;
}

void BrokerLink::accepted(Session& session, Connack connack, Time now) {
  state_ = State::connected;
  session_ = &session;
  report_.was_accepted = true;
  last_packet_ = now;
  if (connect_->will) will_ = std::make_unique<Will>(*std::move(connect_->will));
  connect_.reset();
  // 3.1 has no session present flag: its byte is reserved.
  if (version_ == ProtocolVersion::v3_1) connack.session_present = false;
  send(connack);  // MQTT-3.1.4-4, MQTT-3.2.0-1; v5 MQTT-3.1.4-5
  session.attach(*this, now);
  session.pump(now);
}

void BrokerLink::refuse(ReasonCode reason, Time now, std::string_view broken) {
  report_.reason = reason;
  if (v5())
    tell(Connack{.reason = reason}, broken);  // v5 MQTT-3.2.2-6
  else if (const auto code = return_code(reason))
    send(Connack{false, *code});  // MQTT-3.2.2-4, MQTT-3.1.3-9
  finish(Pending::drain, now);    // MQTT-3.1.4-5, MQTT-3.2.2-5; v5 MQTT-3.2.2-7
}

void BrokerLink::overdue(Time now) {
  report_.was_silent = true;
  finish(Pending::discard, now);
}

void BrokerLink::end(ReasonCode reason, Time now, Pending pending, std::string_view broken) {
  if (state_ != State::connected)  // v5 MQTT-3.14.0-1
    return refuse(
        reason_for({Verdict::denied, reason}, PacketType::connack, ReasonCode::server_unavailable),
        now, broken);
  report_.reason = reason;
  core_.disconnected(*this, now);
  if (!v5()) return finish(pending, now);
  tell(Disconnect{.reason = reason}, broken);
  finish(Pending::drain, now);  // v5 MQTT-3.14.4-1, -2
}

// What explains a code is left out where it would make the packet too long for the client.
template <typename P>
void BrokerLink::add(P& packet, PropertyId id, std::string_view text) const {
  P longer = packet;
  longer.properties.add(id, text);
  // v5 MQTT-3.2.2-19, MQTT-3.4.2-2, MQTT-3.5.2-2, MQTT-3.7.2-2, MQTT-3.9.2-1, MQTT-3.14.2-3
  if (fits(longer)) packet = std::move(longer);
}

template <typename P>
void BrokerLink::add_reason(P& packet, std::string_view why) const {
  const bool wanted = core_.config().reason_strings && output_.terms().problem_information;
  if (wanted && !why.empty()) add(packet, PropertyId::reason_string, why);  // v5 MQTT-3.1.2-29
}

void BrokerLink::send_with_reason(Packet answer, std::string_view why) {
  std::visit(
      [&](auto& packet) {
        if constexpr (requires { packet.properties; })
          if (v5()) add_reason(packet, why);
      },
      answer);
  send(answer);
}

template <typename P>
void BrokerLink::tell(P packet, std::string_view broken) {
  const BrokerConfig& config = core_.config();
  if (packet.reason == ReasonCode::use_another_server || packet.reason == ReasonCode::server_moved)
    if (!config.server_reference.empty())
      add(packet, PropertyId::server_reference, config.server_reference);
  if (!broken.empty()) add_reason(packet, "breaks " + std::string(broken));
  if (fits(packet)) send(packet);
}

void BrokerLink::finish(Pending pending, Time now) {
  assert(!session_);
  const Time silent_at = keep_alive_due(now);
  leave();
  if (pending == Pending::discard) {
    discard(now);
  } else if (!output_.outbox.empty()) {
    core_.linger(*this, silent_at, now);
  }
  core_.touch(*this);
}

void BrokerLink::leave() {
  // Nothing that the client sends counts any more (v5 MQTT-3.1.4-6).
  if (std::exchange(state_, State::finished) == State::finished) return;
  if (report_.was_silent || (!report_.was_accepted && report_.reason != ReasonCode::success))
    ++core_.ledger().gauges.connects_refused;
  handshake_.abandon();
  core_.gone(*this);
}

Session* BrokerLink::take_session() {
  if (!session_) return nullptr;
  intake_.abandon();
  session_->detach();
  return std::exchange(session_, nullptr);
}

Time BrokerLink::keep_alive_due(Time now) const {
  if (state_ != State::connected || keep_alive_s_ == 0) return never;
  // While this end does not read, what waits in the framer has been sent in time; and while a
  // verdict is due, silence is this end's own.
  const bool unread = framer_.buffered() > 0 && !reads();
  const Time heard = intake_.request() != 0 ? now : unread ? last_arrival_ : last_packet_;
  const double allowed_s = keep_alive_s_ * core_.config().keep_alive_factor;
  return heard + std::llround(allowed_s * static_cast<double>(second));
}

void BrokerLink::decided(RequestId request, const Decision& decision, Time now) {
  if (handshake_.request() == request) {
    handshake_.decided(decision, now);
  } else {
    assert(intake_.request() == request);
    last_packet_ = now;
    intake_.decided(decision, now);
  }
  process(now);
  core_.touch(*this);  // its host may read again
}

void BrokerLink::send(const Packet& packet) {
  encode(packet, version_, output_.outbox);
  wrote(promises(type_of(packet)) ? Says::promise : Says::nothing);
}

void BrokerLink::wrote(Says what) {
  ++core_.ledger().gauges.packets_sent;
  if (core_.recorder().gates()) {
    if (what == Says::promise && promised_from_ == Gate::nowhere) {
      promised_from_ = written_bytes_;
      core_.promised(*this);
    }
    written_bytes_ = sent_bytes_ + output_.outbox.size();
  }
  core_.touch(*this);
}

bool BrokerLink::wait_for(JournalPosition position) {
  const std::uint64_t from = std::exchange(promised_from_, Gate::nowhere);
  if (from != Gate::nowhere) gate_.close(from, position);
  return from != Gate::nowhere;
}

void BrokerLink::wrote_publish(Says what) {
  ++core_.ledger().gauges.messages_sent;
  wrote(what);
}

void BrokerLink::write_qos0(const OutMessage& message, Time now) {
  output_.publish(message, 0, false, now);
  if (core_.ledger().tracing())
    unsent_qos0_.push_back({sent_bytes_ + output_.outbox.size(), message.token});
  wrote_publish(Says::nothing);
}

void BrokerLink::discard(Time now) {
  for (const UnsentQos0& unsent : unsent_qos0_)
    core_.ledger().dropped(trace::DropReason::offline_qos0, identity_.client_id.text(),
                           unsent.identity, QoS::at_most_once, now);
  unsent_qos0_.clear();
  output_.outbox.clear();
  gate_.clear();
  promised_from_ = Gate::nowhere;
  written_bytes_ = sent_bytes_;
}

}  // namespace mqttlab
