#include "protocol/client/link.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "protocol/wire/codec.h"

namespace mqttlab::client {

namespace {

Connect connect_packet(const ClientConfig& config) {
  const auto slice = [](const std::optional<std::string>& text) {
    return text ? std::optional(Slice::copy_of(*text)) : std::nullopt;
  };
  return {.version = config.version,
          .client_id = Slice::copy_of(config.client_id),
          .clean_session = config.clean_session,
          .keep_alive_s = config.keep_alive_s,
          .will = config.will,
          .user_name = slice(config.user_name),
          .password = slice(config.password)};
}

std::string within(const char* what, Time limit) {
  char text[96];
  std::snprintf(text, sizeof text, "%s within %g s", what,
                static_cast<double>(limit) / static_cast<double>(second));
  return text;
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

}  // namespace

Link::Link(LinkOwner& owner, const ClientConfig& config, std::uint64_t number, Time connect_by,
           Time now)
    : owner_(owner),
      config_(config),
      number_(number),
      framer_(config.max_packet_size),
      keep_alive_(config.keep_alive_s, config.ping_timeout, now),
      give_up_at_(connect_by) {
  encode(connect_packet(config), config.version, output_.outbox);
}

Link::Link(LinkOwner& owner, const ClientConfig& config, std::uint64_t number)
    : owner_(owner),
      config_(config),
      number_(number),
      phase_(Phase::draining),
      told_(true),
      framer_(config.max_packet_size),
      keep_alive_(0, config.ping_timeout, 0) {}

bool Link::reading() const {
  if (phase_ == Phase::connecting) return true;
  return owner_.may_read() && output_.outbox.takes_answers(config_.outbox_bytes);
}

std::span<std::uint8_t> Link::space() {
  // A finished link reads on and throws away: closing a socket with unread bytes would reset it,
  // and the reset could overtake DISCONNECT.
  if (!finished() && !reading()) return {};
  return framer_.space();
}

void Link::received(std::size_t n, Time now) {
  if (finished()) return;
  keep_alive_.heard(now);
  framer_.received(n);
  process(false, now);
}

void Link::process(bool to_the_end, Time now) {
  while (!finished() && (to_the_end || reading())) {
    auto frame = framer_.next();
    if (!frame) return violated(frame.violation(), now);
    if (!*frame) break;
    auto packet = decode(**frame, Sender::server, config_.version);
    if (!packet) return violated(packet.violation(), now);
    handle(std::move(*packet), now);
  }
  keep_alive_.within_packet(framer_.buffered() > 0);
}

void Link::handle(Packet packet, Time now) {
  const auto* connack = std::get_if<Connack>(&packet);
  if ((phase_ == Phase::connecting) != (connack != nullptr)) {
    return violated({0x82, "MQTT-3.2.0-1"}, now);  // CONNACK comes first, and once
  }
  if (connack) {
    owner_.connack(*connack, now);
  } else if (std::holds_alternative<Pingresp>(packet)) {
    keep_alive_.answered();
  } else {
    owner_.packet(std::move(packet), now);
  }
}

void Link::accepted(Time now) {
  phase_ = Phase::connected;
  give_up_at_ = never;
  keep_alive_ = KeepAlive(config_.keep_alive_s, config_.ping_timeout, now);
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

void Link::disconnect(Time now) {
  if (finished()) return;
  encode(Disconnect{}, config_.version, output_.outbox);  // and nothing after it (MQTT-3.14.4-2)
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
  // MQTT-4.8.0-1: the connection ends here.
  const bool numbered = !violation.statement.empty();
  give_up(Disconnected{violation, numbered ? "the server broke " + std::string(violation.statement)
                                           : "the server sent a packet over max_packet_size"},
          now);
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
    keep_alive(now);
  } else if (phase_ == Phase::draining && now >= give_up_at_) {
    output_.outbox.clear();  // even DISCONNECT cannot be written: the host need not wait
  }
}

void Link::keep_alive(Time now) {
  // A full outbox stops reading as well, but excuses nobody: a server that takes nothing for so
  // long is as dead as one that says nothing.
  if (!owner_.may_read()) keep_alive_.stop_reading();
  if (now >= keep_alive_.dead_at()) {
    const bool silent = now >= keep_alive_.silent_at();
    return give_up(
        Disconnected{
            std::nullopt,
            silent ? within("no sign of life after PINGREQ", config_.ping_timeout)
                   : within("no PINGRESP", config_.keep_alive_s * second + config_.ping_timeout)},
        now);
  }
  if (now < keep_alive_.ping_at()) return;
  // Bytes that wait to be written do as well as a second PINGREQ behind them.
  if (output_.outbox.empty() || !keep_alive_.waiting())
    encode(Pingreq{}, config_.version, output_.outbox);
  keep_alive_.pinged(now);
}

Time Link::deadline() const {
  switch (phase_) {
    case Phase::connecting:
      return give_up_at_;
    case Phase::connected:
      return std::min(keep_alive_.ping_at(), keep_alive_.dead_at());
    case Phase::draining:
      return output_.outbox.empty() ? never : give_up_at_;
    case Phase::closed:
      break;
  }
  return never;
}

}  // namespace mqttlab::client
