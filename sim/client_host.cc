#include "sim/client_host.h"

#include <algorithm>
#include <utility>

namespace mqttlab::sim {

ClientHost::ClientHost(Network& network, Security& security, DeviceIndex device,
                       Transport transport, ClientConfig config, std::uint64_t seed,
                       trace::Log& log, trace::Actor actor, Ready ready)
    : network_(network),
      security_(security),
      device_(device),
      transport_(transport),
      own_tls_(security.own_tls(transport, config.client_id)),
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

ClientHost::~ClientHost() {
  if (dialing_.socket) dialing_.socket->vanish();
}

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

trace::TappedPeer ClientHost::carried(Stream& stream, const Introduction&) {
  dial_until_ = never;
  trace::Tap tap(log_, trace::End::client, actor_, stream.connection(), virtual_now());
  return {client_.dialed(virtual_now()), std::move(tap)};
}

void ClientHost::active(Stream&) { settle(); }

void ClientHost::settle() {
  if (dead_) return;
  pump();
  // Taking a message acknowledges it and makes room for more to read, which may be the next one.
  while (client_.has_events() && !watched_) {
    give_events();
    if (dead_) return;  // a handler may end its own device
    pump();
  }
  if (client_.has_events()) ready_();
  if (virtual_now() >= dial_until_) drop_dial();
  if (client_.wants_link()) dial();
  alarm_.set(std::min(client_.deadline(), stream_ ? stream_->deadline() : never));
}

void ClientHost::pump() {
  if (!stream_) return;
  stream_->pump();
  if (!stream_->is_over()) return;
  if (!stream_->is_established()) client_.dial_failed(stream_->end_cause(), virtual_now());
  let_go();
}

void ClientHost::let_go() {
  overhead_ += stream_->overhead();
  stream_.reset();
}

Overhead ClientHost::overhead() const {
  Overhead all = overhead_;
  if (stream_) all += stream_->overhead();
  return all;
}

void ClientHost::give_events() {
  while (!dead_) {
    const auto event = client_.poll(virtual_now());
    if (!event) return;
    if (handler_) handler_(*event);
  }
}

void ClientHost::dial() {
  drop_dial();                 // given up by the client
  if (stream_) drop_stream();  // what it still has to say goodbye for is not waited for
  client_.dialing(virtual_now());
  const Time patience = client_.config().connect_timeout;
  dial_until_ = patience < never - virtual_now() ? virtual_now() + patience : never;
  dialing_ = network_.dial(device_, port_of(transport_));
  if (!dialing_.wire) {  // every local port is still in use
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
  if (stream_ && !stream_->is_established()) drop_stream();
}

void ClientHost::drop_stream() {
  stream_->drop();
  let_go();
}

void ClientHost::connected(ns3::Ptr<ns3::Socket>) {
  if (dead_) return;
  const Dial dial = std::exchange(dialing_, {});
  FilterPlan plan = security_.client(transport_, dial.connection());
  if (own_tls_) plan.tls = own_tls_;
  stream_ =
      std::make_unique<Stream>(dial.socket, dial.wire, trace::End::client, std::move(plan), *this);
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
  if (stream_) {
    stream_->die(death_);
    let_go();
  }
  drop_dial();
}

}  // namespace mqttlab::sim
