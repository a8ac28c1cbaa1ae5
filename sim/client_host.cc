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
      seed_(seed),
      client_(make_client(std::move(config))),
      ready_(std::move(ready)),
      alarm_([this] {
        if (is_still()) return;
        client_->advance(virtual_now());
        settle();
      }),
      woken_([this] { settle(); }),
      burial_([this] { bury(); }),
      hungry_([this] { settle(); }) {}

ClientHost::~ClientHost() {
  if (dialing_.socket) dialing_.socket->vanish();
}

void ClientHost::wake() {
  save();
  if (!dead_) woken_.set(virtual_now());
}

std::optional<Misuse> ClientHost::stop(const Disconnect& disconnect) {
  if (dead_) return std::nullopt;
  if (const auto misuse = client_->stop(virtual_now(), disconnect)) return misuse;
  dial_until_ = virtual_now();
  wake();
  return std::nullopt;
}

trace::TappedPeer ClientHost::carried(Stream& stream, const Introduction&) {
  dial_until_ = never;
  auto tap = trace::Tap::on(log_, trace::End::client, actor_, stream.connection(), virtual_now());
  return {client_->dialed(virtual_now()), std::move(tap)};
}

void ClientHost::active(Stream&) { settle(); }

void ClientHost::save() {
  if (disk_ && !is_still()) disk_->save(*client_, virtual_now());
}

bool ClientHost::has_acted(Stream&) {
  if (!watched_) give_events();
  return !client_->has_events();
}

void ClientHost::settle() {
  if (is_still()) return;
  pump();
  // Taking a message acknowledges it and makes room for more to read, which may be the next one.
  while (!is_still() && client_->has_events() && !watched_ && may_take()) {
    give_events();
    if (!is_still()) pump();
  }
  if (is_still()) return;  // a handler may end its own device
  if (client_->has_events()) {
    may_take() ? ready_() : hungry_.set(takes_at_);
  }
  if (virtual_now() >= dial_until_) drop_dial();
  if (client_->wants_link()) dial();
  save();
  alarm_.set(std::min({client_->deadline(), stream_ ? stream_->deadline() : never,
                       disk_ ? disk_->deadline() : never}));
}

void ClientHost::pump() {
  if (!stream_) return;
  stream_->pump();
  if (!stream_->is_left() || is_still()) return;
  if (!stream_->is_established()) client_->dial_failed(stream_->end_cause(), virtual_now());
  let_go();
}

void ClientHost::let_go() { lingering_.take(std::move(stream_)); }

Overhead ClientHost::overhead() const {
  Overhead all = lingering_.overhead();
  if (stream_) all += stream_->overhead();
  return all;
}

void ClientHost::give_events() {
  while (!is_still() && may_take()) {
    const auto event = client_->poll(virtual_now());
    if (!event) return;
    took(*event);
    if (handler_) handler_(*event);
  }
}

void ClientHost::dial() {
  drop_dial();                 // given up by the client
  if (stream_) drop_stream();  // what it still has to say goodbye for is not waited for
  client_->dialing(virtual_now());
  const Time patience = client_->config().connect_timeout;
  dial_until_ = patience < never - virtual_now() ? virtual_now() + patience : never;
  dialing_ = network_.dial(device_, port_of(transport_));
  if (!dialing_.wire) {  // every local port is still in use
    client_->dial_failed(CloseCause::local, virtual_now());
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
  if (paused_) missed_connect_ = true;
  if (is_still()) return;
  open({});
}

void ClientHost::open(std::optional<CloseCause> ended) {
  const Dial dial = std::exchange(dialing_, {});
  FilterPlan plan = security_.client(transport_, dial.connection());
  if (own_tls_) plan.tls = own_tls_;
  stream_ =
      std::make_unique<Stream>(dial.socket, dial.wire, trace::End::client, std::move(plan), *this);
  if (ended) stream_->go_on(ended);
  settle();
}

void ClientHost::not_connected(ns3::Ptr<ns3::Socket>) {
  if (dead_) return;
  const bool unanswered = dialing_.socket->syn_given_up();
  const CloseCause cause = missed_connect_ ? dialing_.socket->end_cause()
                           : unanswered    ? CloseCause::timeout
                                           : CloseCause::reset;
  if (paused_) {
    missed_end_ = cause;
  } else {
    dial_ended(cause);
  }
}

void ClientHost::dial_ended(CloseCause cause) {
  std::exchange(dialing_, {}).socket->forget();
  dial_until_ = never;
  client_->dial_failed(cause, virtual_now());
  settle();
}

void ClientHost::die(trace::Death how) {
  down_ = false;
  if (dead_) return;
  dead_ = true;
  death_ = how;
  if (stream_) stream_->freeze();
  alarm_.cancel();
  woken_.cancel();
  burial_.set(virtual_now());
}

void ClientHost::crash(trace::StoreFate fate, trace::Death how) {
  if (dead_) return;
  die(how);
  down_ = true;
  if (!disk_) return;
  Random random(seed_, "crash/" + std::to_string(starts_));
  disk_->crash(fate, random);
  left_ = disk_->load();
}

std::vector<Token> ClientHost::survivors() const {
  std::vector<Token> tokens;
  if (!left_) return tokens;
  for (const client::Image::Message& message : left_->messages) tokens.push_back(message.token);
  return tokens;
}

void ClientHost::bury() {
  if (stream_) {
    stream_->die(death_);
    let_go();
  }
  lingering_.die(death_);
  drop_dial();
  missed_connect_ = paused_ = false;
  missed_end_.reset();
  if (!down_) return;
  const Token last = client_->last_token();
  client_ = make_client(client_->config());
  client_->number_after(last);
}

// Each process has a seed of its own, so that it does not repeat what the one before has made up.
std::unique_ptr<Client> ClientHost::make_client(ClientConfig config) {
  const std::uint32_t start = starts_++;
  const std::uint64_t seed =
      start == 0 ? seed_ : Random(seed_, "start/" + std::to_string(start)).next();
  return std::make_unique<Client>(std::move(config), seed, log_.sink(), actor_);
}

void ClientHost::restart() {
  if (!down_) return;
  dead_ = down_ = false;
  if (const auto left = std::exchange(left_, {})) client_->restore(*left, virtual_now());
  if (wanted_) client_->start(virtual_now());
  settle();
}

void ClientHost::pause() {
  if (is_still()) return;
  paused_ = true;
  if (stream_) stream_->hold();
}

// What has arrived is read before timers look at the clock (peer.h asks every host for that).
void ClientHost::go_on() {
  if (!paused_ || dead_) return;
  paused_ = false;
  const auto ended = std::exchange(missed_end_, {});
  if (std::exchange(missed_connect_, false)) {
    open(ended);
  } else if (ended) {
    dial_ended(*ended);
  } else if (stream_) {
    stream_->go_on();
  }
  if (!is_still()) client_->advance(virtual_now());
  settle();
}

void ClientHost::took(const ClientEvent& event) {
  save();
  if (take_interval_ > 0 && std::holds_alternative<Received>(event))
    takes_at_ = virtual_now() + take_interval_;
}

void ClientHost::take_slowly(Time interval) {
  take_interval_ = interval == never ? 0 : interval;
  takes_at_ = interval == never ? never : virtual_now();
  hungry_.cancel();
  wake();
}

}  // namespace mqttlab::sim
