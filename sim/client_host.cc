#include "sim/client_host.h"

#include <utility>

namespace mqttlab::sim {

ClientHost::ClientHost(Network& network, DeviceIndex device, ClientConfig config,
                       std::uint64_t seed, trace::Log& log, trace::Actor actor, Ready ready)
    : network_(network),
      device_(device),
      log_(log),
      actor_(actor),
      client_(std::move(config), seed, &log, actor),
      ready_(std::move(ready)),
      alarm_([this] {
        client_.advance(virtual_now());
        settle();
      }),
      woken_([this] { settle(); }),
      burial_([this] { bury(); }) {}

ClientHost::~ClientHost() { drop_dial(); }

void ClientHost::wake() {
  if (!dead_) woken_.set(virtual_now());
}

std::optional<Misuse> ClientHost::stop(const Disconnect& disconnect) {
  if (dead_) return std::nullopt;
  if (const auto misuse = client_.stop(virtual_now(), disconnect)) return misuse;
  dial_until_ = virtual_now();
  wake();
  return std::nullopt;
}

void ClientHost::active(Stream&) { settle(); }

void ClientHost::settle() {
  if (dead_) return;
  if (stream_) stream_->pump();
  // Taking a message acknowledges it and makes room for more to read, which may be the next one.
  while (client_.has_events() && !watched_) {
    give_events();
    if (dead_) return;  // a handler may end its own device
    if (stream_) stream_->pump();
  }
  if (client_.has_events()) ready_();
  if (stream_ && stream_->is_over()) stream_.reset();
  if (virtual_now() >= dial_until_) drop_dial();
  if (client_.wants_link() && !stream_) dial();
  alarm_.set(client_.deadline());
}

void ClientHost::give_events() {
  while (!dead_) {
    const auto event = client_.poll(virtual_now());
    if (!event) return;
    if (handler_) handler_(*event);
  }
}

void ClientHost::dial() {
  drop_dial();  // given up by the client
  client_.dialing(virtual_now());
  const Time patience = client_.config().connect_timeout;
  dial_until_ = patience < never - virtual_now() ? virtual_now() + patience : never;
  dialing_ = network_.dial(device_);
  if (dialing_.connection == 0) {  // every local port is still in use
    client_.dial_failed(CloseCause::local, virtual_now());
    return;
  }
  const auto failed = ns3::MakeCallback(&ClientHost::not_connected, this);
  dialing_.socket->SetConnectCallback(ns3::MakeCallback(&ClientHost::connected, this), failed);
  dialing_.socket->SetCloseCallbacks(failed, failed);
}

void ClientHost::drop_dial() {
  if (dialing_.socket) dialing_.socket->vanish();
  dialing_ = {};
  dial_until_ = never;
}

void ClientHost::connected(ns3::Ptr<ns3::Socket>) {
  if (dead_) return;
  const Dial dial = std::exchange(dialing_, {});
  dial_until_ = never;
  trace::Tap tap(log_, trace::End::client, actor_, dial.connection, virtual_now());
  Peer& peer = client_.dialed(virtual_now());
  stream_ = std::make_unique<Stream>(dial.socket, peer, std::move(tap), dial.connection, *this);
  settle();
}

void ClientHost::not_connected(ns3::Ptr<ns3::Socket>) {
  if (dead_) return;
  const Dial dial = std::exchange(dialing_, {});
  dial_until_ = never;
  const bool unanswered = dial.socket->syn_given_up();
  dial.socket->forget();
  client_.dial_failed(unanswered ? CloseCause::timeout : CloseCause::reset, virtual_now());
  settle();
}

void ClientHost::die(trace::Death how) {
  if (dead_) return;
  dead_ = true;
  death_ = how;
  if (stream_) stream_->freeze();
  alarm_.cancel();
  woken_.cancel();
  burial_.set(virtual_now());
}

void ClientHost::bury() {
  drop_dial();
  if (stream_) stream_->die(death_);
  stream_.reset();
}

}  // namespace mqttlab::sim
