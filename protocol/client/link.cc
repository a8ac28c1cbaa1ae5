#include "protocol/client/link.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "protocol/client/config.h"
#include "protocol/wire/codec.h"

namespace mqttlab::client {

namespace {

std::string within(const char* what, Time limit) {
  char text[96];
  std::snprintf(text, sizeof text, "%s within %g s", what,
                static_cast<double>(limit) / static_cast<double>(second));
  return text;
}

// CONNACK of 3.1.1, return code 0x01: what a server says that has never heard of 5.0. It has no
// properties, so in 5.0 it is malformed.
bool knows_no_v5(Bytes frame) {
  constexpr std::uint8_t refusal[] = {0x20, 2, 0, 1};
  return std::equal(frame.begin(), frame.end(), std::begin(refusal), std::end(refusal));
}

std::string words(CloseCause cause) {
  switch (cause) {
    case CloseCause::fin:
      return "the server closed the connection";
    case CloseCause::reset:
      return "connection reset";
    case CloseCause::timeout:
      return "the transport gave up";
    case CloseCause::local:
      break;
  }
  return "closed by this end";
}

// PUBACK, PUBREC, PUBREL and PUBCOMP with a reason code. A server that takes no such packet cannot
// be served.
constexpr std::uint32_t longest_answer_bytes = 5;

// Writes what a server takes of it: it may be too much at all (v5 MQTT-3.2.2-15).
void write_fitting(Disconnect packet, ProtocolVersion version, LinkOutput& output) {
  if (!takes(output.terms(), packet))  // MQTT-3.14.2-3, MQTT-3.14.2-4
    packet.properties.remove(PropertyId::reason_string).remove(PropertyId::user_property);
  if (takes(output.terms(), packet)) encode(packet, version, output.outbox);
}

// A Reason String or User Property in a packet that may lack them on request.
bool tells_problem(const Packet& packet) {
  return std::visit(
      [](const auto& value) {
        using P = std::decay_t<decltype(value)>;
        constexpr bool may = std::is_same_v<P, Publish> || std::is_same_v<P, Connack> ||
                             std::is_same_v<P, Disconnect>;
        if constexpr (!may && requires { value.properties; }) {
          return value.properties.has(PropertyId::reason_string) ||
                 value.properties.has(PropertyId::user_property);
        }
        return false;
      },
      packet);
}

std::string words(const Violation& violation) {
  if (violation.statement.empty()) return "the server sent a packet over max_packet_size";
  return "the server broke " + std::string(violation.statement);
}

}  // namespace

Link::Link(LinkOwner& owner, const ClientConfig& config, std::uint64_t number, Connect connect,
           Time connect_by, Time now)
    : owner_(owner),
      config_(config),
      number_(number),
      framer_(config.max_packet_size),
      aliases_(config.topic_alias_maximum),
      authentication_(config.authenticator),
      keep_alive_s_(config.keep_alive_s),
      keep_alive_(config.ping_timeout, now),
      give_up_at_(connect_by) {
  authentication_.open(connect.properties);
  encode(std::move(connect), config.version, output_.outbox);  // MQTT-3.1.0-1
}

Link::Link(LinkOwner& owner, const ClientConfig& config, std::uint64_t number)
    : owner_(owner),
      config_(config),
      number_(number),
      phase_(Phase::draining),
      told_(true),
      framer_(config.max_packet_size),
      authentication_({}),
      keep_alive_s_(0),
      keep_alive_(config.ping_timeout, 0) {}

bool Link::reading() const {
  if (phase_ != Phase::connected) return true;
  return owner_.may_read() && output_.outbox.takes_answers(config_.outbox_bytes);
}

std::span<std::uint8_t> Link::space() {
  // A finished link reads on and throws away: closing a socket with unread bytes would reset it,
  // and the reset could overtake DISCONNECT.
  if (!finished() && !reading()) return {};
  return framer_.space();
}

void Link::received(std::size_t n, Time now) {
  if (phase_ >= Phase::draining) return;
  keep_alive_.heard(now);
  framer_.received(n);
  process(false, now);
}

void Link::process(bool to_the_end, Time now) {
  while (phase_ < Phase::draining && (to_the_end || reading())) {
    auto frame = framer_.next(config_.version);
    if (!frame) return violated(frame.violation(), now);
    if (!*frame) break;
    auto packet = decode(**frame, Sender::server, config_.version);
    if (!packet && v5(config_) && phase_ == Phase::connecting && knows_no_v5((*frame)->bytes()))
      return give_up(Refused{ConnectReturn::unacceptable_protocol_version,
                             ReasonCode::unsupported_protocol_version},
                     now);
    if (!packet) return violated(packet.violation(), now);
    handle(std::move(*packet), now);
  }
  keep_alive_.within_packet(framer_.buffered() > 0);
}

// What only the link can judge of a packet. An alias gives way to its topic.
std::optional<Violation> Link::admit(Packet& packet) {
  // CONNACK comes first, and once.
  const bool is_connack = std::holds_alternative<Connack>(packet);
  const bool is_auth = std::holds_alternative<Auth>(packet);
  if (phase_ == Phase::connecting && !is_connack && !is_auth) {
    const bool goodbye = std::holds_alternative<Disconnect>(packet);
    return protocol_error(goodbye ? "MQTT-3.14.0-1" : "MQTT-3.2.0-1");
  }
  if (phase_ == Phase::connected && is_connack) {
    return protocol_error(v5(config_) ? "MQTT-3.2.0-2" : "MQTT-3.2.0-1");
  }
  if (!config_.request_problem_information && tells_problem(packet)) {
    return protocol_error("U-3.1.2.11.7-3");  // v5 MQTT-3.1.2-29
  }
  auto* publish = std::get_if<Publish>(&packet);
  if (publish && !publish->properties.empty()) {
    auto topic = aliases_.resolve(*publish);  // MQTT-3.3.2-10
    if (!topic) return topic.violation();
    publish->topic = std::move(*topic);
    publish->properties.remove(PropertyId::topic_alias);
  }
  return std::nullopt;
}

void Link::handle(Packet packet, Time now) {
  if (phase_ == Phase::leaving) {
    // What they end is not sent again on the next link (MQTT-4.4.0-1).
    if (std::holds_alternative<Puback>(packet) || std::holds_alternative<Pubcomp>(packet))
      owner_.packet(std::move(packet), now);
    return;
  }
  if (const auto violation = admit(packet)) return violated(*violation, now);
  if (const auto* connack = std::get_if<Connack>(&packet)) {
    output_.agree(terms_of(*connack, config_.version), config_.send_topic_alias_maximum);
    owner_.connack(*connack, now);
  } else if (const auto* auth = std::get_if<Auth>(&packet)) {
    go_on(authentication_.auth(*auth), now);
  } else if (std::holds_alternative<Pingresp>(packet)) {
    keep_alive_.answered();
  } else {
    owner_.packet(std::move(packet), now);
  }
}

bool Link::go_on(const Authentication::Step& step, Time now) {
  if (step.violation) {
    violated(*step.violation, now);
  } else if (step.failed) {
    // MQTT-4.12.1-2
    part(ReasonCode::unspecified_error, {{}, "the server failed to authenticate"}, now);
  } else if (step.answer && !takes(output_.terms(), *step.answer)) {  // v5 MQTT-3.2.2-15
    part(ReasonCode::implementation_specific_error,
         {{}, "an AUTH that is too large for the server"}, now);
  } else if (step.answer) {
    encode(*step.answer, config_.version, output_.outbox);
  } else if (step.done && phase_ == Phase::connected) {
    give_up_at_ = never;
    owner_.reauthenticated();
  }
  return !finished();
}

bool Link::reauthenticate(Time now) {
  auto auth = authentication_.again();
  if (!auth) return false;
  give_up_at_ = now + config_.connect_timeout;
  return go_on({.answer = std::move(auth)}, now);
}

bool Link::accept(const Connack& packet, Time now) {
  if (!go_on(authentication_.accepted(packet), now)) return false;
  phase_ = Phase::connected;
  give_up_at_ = never;
  // The server's word on keep alive overrides ours (v5 MQTT-3.1.2-21, MQTT-3.2.2-21).
  keep_alive_s_ = output_.terms().keep_alive_s.value_or(config_.keep_alive_s);
  keep_alive_.accepted(keep_alive_s_, now);
  if (const auto most = output_.terms().max_packet_size; most < longest_answer_bytes) {
    // Not even a goodbye may be sent (v5 MQTT-3.2.2-15).
    give_up(Disconnected{{},
                         "the server takes packets of at most " + std::to_string(most) +
                             " bytes, too short for an acknowledgement"},
            now);
  }
  return !finished();
}

std::size_t Link::pending(std::span<Bytes> pieces) const { return output_.outbox.pending(pieces); }

void Link::sent(std::size_t n, Time now) {
  output_.outbox.sent(n);
  sent_bytes_ += n;
  keep_alive_.wrote(now);
  std::vector<Token> gone;
  while (!unsent_.empty() && unsent_.front().ends_at <= sent_bytes_) {
    gone.push_back(unsent_.front().token);
    unsent_.pop_front();
  }
  owner_.written(gone, now);
  if (!finished()) read_on(now);
}

void Link::track(Token token) { unsent_.push_back({sent_bytes_ + output_.outbox.size(), token}); }

void Link::read_on(Time now) {
  if (finished() || !reading()) return;
  keep_alive_.read_again(now);
  process(false, now);
}

void Link::disconnect(const Disconnect& packet, Time now) {
  const bool listens = connected();
  drain(packet, now);
  if (!listens) return;
  phase_ = Phase::leaving;
  process(true, now);  // what has arrived and waits to be read
}

void Link::drain(const Disconnect& packet, Time now) {
  if (finished()) return;
  write_fitting(packet, config_.version, output_);
  // Nothing follows but the close: MQTT-3.14.4-1 and -2, v5 MQTT-3.14.4-1 and -2.
  phase_ = Phase::draining;
  give_up_at_ = std::min(now + config_.ping_timeout, keep_alive_.dead_at());
}

void Link::give_up(ClientEvent how, Time now) {
  if (finished()) return;
  phase_ = Phase::draining;
  output_.outbox.clear();
  end(std::move(how), now);
}

void Link::violated(Violation violation, Time now) {
  if (finished()) {
    phase_ = Phase::draining;
    return;
  }
  // The server was told the limit: it is more than this end's own.
  const bool over_limit = v5(config_) && violation.statement.empty();
  if (over_limit) violation.statement = "U-3.1.2.11.4-3";  // v5 MQTT-3.1.2-24
  // The connection ends here (MQTT-4.8.0-1; MQTT-4.13.2-1).
  part(static_cast<ReasonCode>(violation.reason), {violation, words(violation)}, now);
}

void Link::part(ReasonCode reason, Disconnected how, Time now) {
  if (!v5(config_)) return give_up(std::move(how), now);
  drain({reason}, now);
  end(std::move(how), now);
}

void Link::closed(CloseCause cause, Time now) {
  if (is_closed()) return;
  const bool stopped = finished();
  process(true, now);  // what arrived before the end still counts, whatever the inbox's limit
  phase_ = Phase::closed;
  output_.outbox.clear();
  end(Disconnected{std::nullopt, stopped ? "stopped" : words(cause)}, now);
}

void Link::end(ClientEvent how, Time now) {
  if (std::exchange(told_, true)) return;
  std::vector<Token> lost;
  for (const Unsent& unsent : unsent_) lost.push_back(unsent.token);
  unsent_.clear();
  owner_.ended(std::move(how), lost, now);
}

void Link::advance(Time now) {
  if (phase_ == Phase::connecting && now >= give_up_at_) {
    give_up(Disconnected{std::nullopt, within("no CONNACK", config_.connect_timeout)}, now);
  } else if (phase_ == Phase::connected) {
    if (now < give_up_at_) return keep_alive(now);
    process(true, now);  // the answer may wait to be read
    if (now >= give_up_at_)
      part(ReasonCode::unspecified_error,
           {{}, within("re-authentication has not ended", config_.connect_timeout)}, now);
  } else if (finished() && now >= give_up_at_) {
    output_.outbox.clear();  // even DISCONNECT cannot be written: the host need not wait
  }
}

void Link::keep_alive(Time now) {
  // A full outbox stops reading as well, but excuses nobody: a server that takes nothing for so
  // long is as dead as one that says nothing.
  if (!owner_.may_read()) keep_alive_.stop_reading();
  if (now >= keep_alive_.dead_at()) {
    const bool silent = now >= keep_alive_.silent_at();
    process(true, now);  // acknowledgements that wait to be read count
    return give_up(
        Disconnected{std::nullopt,
                     silent ? within("no sign of life after PINGREQ", config_.ping_timeout)
                            : within("no PINGRESP", keep_alive_s_ * second + config_.ping_timeout)},
        now);
  }
  if (now < keep_alive_.ping_at()) return;
  // Bytes that wait to be written do as well as a second PINGREQ behind them. MQTT-3.1.2-23,
  // v5 MQTT-3.1.2-20
  if (output_.outbox.empty() || !keep_alive_.waiting())
    encode(Pingreq{}, config_.version, output_.outbox);
  keep_alive_.pinged(now);
}

Time Link::deadline() const {
  switch (phase_) {
    case Phase::connecting:
      return give_up_at_;
    case Phase::connected:
      return std::min({give_up_at_, keep_alive_.ping_at(), keep_alive_.dead_at()});
    case Phase::leaving:
    case Phase::draining:
      return output_.outbox.empty() ? never : give_up_at_;
    case Phase::closed:
      break;
  }
  return never;
}

}  // namespace mqttlab::client
