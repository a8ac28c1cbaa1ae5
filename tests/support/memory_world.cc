#include "tests/support/memory_world.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <string_view>

#include "tests/support/world_store.h"

namespace mqttlab::testing {
namespace {

constexpr Time crash_time = 200 * millisecond;

bool judges_by_arrivals(std::string_view invariant) {
  constexpr std::string_view rules[] = {"ACK-CAUSAL", "RET-SET", "WILL-IFF"};
  return std::find(std::begin(rules), std::end(rules), invariant) != std::end(rules);
}

}  // namespace

MemoryWorld::MemoryWorld(BrokerConfig broker, std::uint64_t seed, oracle::Settings settings,
                         Access* access, WorldStore* store)
    : seed_(seed),
      oracle_(settings),
      broker_actor_(log_.add_actor("broker")),
      broker_config_(std::move(broker)),
      access_(access),
      store_(store) {
  log_.listen(&oracle_);
  begin_broker();
}

// The world's clock and Unix time begin together: a journal's times are the world's.
void MemoryWorld::begin_broker() {
  committed_ = 0;
  broker_ = std::make_unique<Broker>(broker_config_, seed_, access_, &log_, broker_actor_, store_);
  if (store_) broker_->restore(store_->load(), now_);
}

void MemoryWorld::commit() {
  if (!store_ || !broker_) return;
  const JournalPosition safe = store_->commit(now_);
  if (store_->wants_crash()) return crash(crash_time);
  if (safe > committed_) broker_->committed(committed_ = safe);
}

void MemoryWorld::crash(Time down) {
  for (auto& [link, connection] : connections_) {
    if (!std::exchange(connection.ends[at_broker], nullptr)) continue;
    connection.taps[at_broker]->closed(CloseCause::reset, now_);
    timers_.set(now_ + connection.wire.latency, [this, id = link] {
      close(id, at_client, CloseCause::reset);
      settle();
    });
  }
  broker_.reset();
  store_->crashed();
  timers_.set(now_ + down, [this] {
    begin_broker();
    settle();
  });
}

MemoryWorld::Index MemoryWorld::add(ClientConfig config, Wires wires) {
  Device& device = devices_.emplace_back();
  device.actor = log_.add_actor(config.client_id);
  oracle_.know(device.actor, {.connect_timeout = config.connect_timeout,
                              .backoff_initial = config.backoff.initial,
                              .backoff_maximum = config.backoff.maximum,
                              .backoff_stable = config.backoff.stable,
                              .backoff_factor = config.backoff.factor,
                              .backoff_jitter = config.backoff.jitter,
                              .resubscribes = true});
  device.client = std::make_unique<Client>(std::move(config), seed_, &log_, device.actor);
  device.wires = wires ? std::move(wires) : [](int) { return Wire{}; };
  return devices_.size() - 1;
}

void MemoryWorld::start(Index client) {
  oracle_.started(devices_[client].actor);
  devices_[client].client->start(now_);
  settle();
}

void MemoryWorld::stop(Index client, const Disconnect& how) {
  call(client, [&](Client& c, Time now) { return c.stop(now, how); });
}

Token MemoryWorld::publish(Index client, std::string_view topic, std::string_view payload, QoS qos,
                           bool retain, Properties properties) {
  return call(client, [&](Client& c, Time now) {
    return c.publish(Slice::copy_of(topic), Slice::copy_of(payload), qos, retain, now,
                     std::move(properties));
  });
}

Token MemoryWorld::subscribe(Index client, std::string_view filter, QoS qos) {
  return subscribe(client, Subscription{Slice::copy_of(filter), qos});
}

Token MemoryWorld::subscribe(Index client, Subscription subscription, Properties properties) {
  return call(client, [&](Client& c, Time now) {
    return c.subscribe({std::move(subscription)}, now, std::move(properties));
  });
}

Token MemoryWorld::unsubscribe(Index client, std::string_view filter) {
  return call(client,
              [&](Client& c, Time now) { return c.unsubscribe({Slice::copy_of(filter)}, now); });
}

void MemoryWorld::hold(Index client, bool held) {
  devices_[client].held = held;
  settle();
}

const std::vector<ClientEvent>& MemoryWorld::events(Index client) const {
  return devices_[client].events;
}

std::vector<std::string> MemoryWorld::received(Index client) const {
  std::vector<std::string> payloads;
  for (const ClientEvent& event : devices_[client].events) {
    if (const auto* m = std::get_if<Received>(&event)) payloads.emplace_back(m->payload.text());
  }
  return payloads;
}

std::vector<Completed> MemoryWorld::completions(Index client) const {
  std::vector<Completed> all;
  for (const ClientEvent& event : devices_[client].events) {
    if (const auto* completed = std::get_if<Completed>(&event)) all.push_back(*completed);
  }
  return all;
}

std::pair<std::uint64_t, std::uint64_t> MemoryWorld::arrived(Index client, int connection) const {
  const auto& all = devices_[client].connections;
  const auto index = static_cast<std::size_t>(connection - 1);
  if (index >= all.size()) return {0, 0};
  const Connection& found = connections_.at(all[index]);
  return {found.to[at_broker].arrived_bytes, found.to[at_client].arrived_bytes};
}

Time MemoryWorld::deadline() const {
  Time next = timers_.deadline();
  if (broker_) next = std::min(next, broker_->deadline());
  if (broker_ && store_) next = std::min(next, store_->deadline());
  for (const Device& device : devices_)
    if (!device.dead) next = std::min(next, device.client->deadline());
  return next;
}

void MemoryWorld::run(Time duration) {
  const Time until = now_ + duration;
  while (deadline() <= until) {
    now_ = std::max(now_, deadline());
    // What has arrived is read before timers look at the clock, as peer.h asks of every host.
    while (auto due = timers_.pop(now_)) (*due)();
    if (broker_) broker_->advance(now_);
    for (Device& device : devices_)
      if (!device.dead) device.client->advance(now_);
    settle();
  }
  now_ = until;
}

void MemoryWorld::cut(Index client) {
  if (!devices_[client].connections.empty()) reset(devices_[client].connections.back());
  settle();
}

void MemoryWorld::stall(Index client, bool up, bool down) {
  if (devices_[client].connections.empty()) return;
  Connection& connection = connections_.at(devices_[client].connections.back());
  for (const End to : {at_client, at_broker}) {
    Direction& direction = connection.to[to];
    if (to == at_broker ? up : down)
      direction.stall_at = std::min(direction.stall_at, direction.written);
  }
}

void MemoryWorld::die(Index client, trace::Death how) {
  Device& device = devices_[client];
  if (std::exchange(device.dead, true)) return;
  trace::Event event;
  event.at = now_;
  event.kind = trace::Kind::died;
  event.code = static_cast<std::uint8_t>(how);
  event.actor = device.actor;
  log_.append(event);
  if (device.connections.empty()) return;
  const LinkId link = device.connections.back();
  if (how == trace::Death::silent) stall(client, true, true);
  close(link, at_client, CloseCause::local);
  if (how == trace::Death::reset) close(link, at_broker, CloseCause::reset);
  settle();
}

void MemoryWorld::phase(const std::string& name) {
  trace::Event event;
  event.at = now_;
  event.kind = trace::Kind::phase;
  event.text = log_.intern(name);
  log_.append(event);
}

std::string MemoryWorld::findings(bool broker_forgot) {
  oracle_.finish(now_, log_);
  std::string lines;
  for (const oracle::Violation& v : oracle_.violations()) {
    if (broker_forgot && judges_by_arrivals(v.invariant)) continue;
    lines += v.invariant + " at " + std::to_string(v.at) + " ns: " + v.what + "\n";
  }
  return lines;
}

void MemoryWorld::settle() {
  for (Index client = 0; client < devices_.size(); ++client) settle_client(client);
  for (commit(); broker_; commit()) {
    const auto touched = broker_->touched();
    if (touched.empty()) return;
    const std::vector<LinkId> links(touched.begin(), touched.end());
    for (const LinkId link : links) {
      deliver(link, at_broker);  // the broker may read on
      flush(link, at_broker);
    }
  }
}

void MemoryWorld::settle_client(Index client) {
  Device& device = devices_[client];
  if (device.dead) return;
  const auto take_events = [&] {
    while (!device.held && device.client->has_events()) {
      device.events.push_back(*device.client->poll(now_));
    }
  };
  take_events();
  if (!device.connections.empty()) {
    const LinkId link = device.connections.back();
    deliver(link, at_client);
    take_events();
    flush(link, at_client);
    take_events();
  }
  if (device.client->wants_link()) dial(client);
}

void MemoryWorld::dial(Index client) {
  devices_[client].client->dialing(now_);
  const int number = static_cast<int>(devices_[client].connections.size()) + 1;
  const Wire wire = devices_[client].wires(number);
  const int dial = ++devices_[client].dials;
  timers_.set(now_ + wire.latency, [this, client, wire, dial] {
    Device& device = devices_[client];
    if (device.dead || device.dials != dial) return;  // a dial that has been given up
    if (!broker_) return device.client->dial_failed(CloseCause::reset, now_);
    const LinkId link = next_link_++;
    device.connections.push_back(link);
    Connection& connection = connections_[link];
    connection.client = client;
    connection.wire = wire;
    connection.to[at_broker].cut_at = wire.cut_up;
    connection.to[at_broker].stall_at = wire.stall_up;
    connection.to[at_client].cut_at = wire.cut_down;
    connection.to[at_client].stall_at = wire.stall_down;
    connection.taps[at_broker] =
        std::make_unique<trace::Tap>(log_, trace::End::broker, broker_actor_, link, now_);
    connection.taps[at_client] =
        std::make_unique<trace::Tap>(log_, trace::End::client, device.actor, link, now_);
    connection.ends[at_broker] = &broker_->accept(link, now_);
    connection.ends[at_client] = &device.client->dialed(now_);
    flush(link, at_client);
  });
}

void MemoryWorld::flush(LinkId link, End from) {
  Connection& connection = connections_.at(link);
  const End to = from == at_client ? at_broker : at_client;
  while (Peer* peer = connection.ends[from]) {
    std::array<Bytes, 8> pieces;
    const std::size_t n = peer->pending(pieces);
    if (n == 0) {
      if (peer->finished()) close(link, from, CloseCause::local);
      return;
    }
    const Direction& direction = connection.to[to];
    std::size_t room = connection.wire.buffer - direction.flying - direction.arrived.size();
    if (room == 0) return;
    Buffer taken;
    for (std::size_t i = 0; i < n && room > 0; ++i) {
      const Bytes part = pieces[i].first(std::min(room, pieces[i].size()));
      taken.insert(taken.end(), part.begin(), part.end());
      room -= part.size();
    }
    const std::size_t own = taken.size();
    if (from == at_client && direction.written == 0) {
      const std::string& more = connection.wire.behind_connect;
      taken.insert(taken.end(), more.begin(), more.end());
    }
    connection.taps[from]->written(taken, now_);
    peer->sent(own, now_);
    if (from == at_broker) commit();
    fly(link, to, std::move(taken));
    deliver(link, from);  // a peer whose outbox was full reads on
  }
}

void MemoryWorld::fly(LinkId link, End to, Buffer bytes) {
  Connection& connection = connections_.at(link);
  Direction& direction = connection.to[to];
  const std::uint64_t left = direction.stall_at - std::min(direction.stall_at, direction.written);
  direction.written += bytes.size();
  direction.flying += bytes.size();  // what a stall swallows stays in the buffer for ever
  if (bytes.size() > left) bytes.resize(left);
  for (std::size_t at = 0; at < bytes.size(); at += connection.wire.segment) {
    const std::size_t size = std::min(connection.wire.segment, bytes.size() - at);
    const auto first = bytes.begin() + static_cast<std::ptrdiff_t>(at);
    timers_.set(
        now_ + connection.wire.latency,
        [this, link, to, segment = Buffer(first, first + static_cast<std::ptrdiff_t>(size))] {
          arrive(link, to, segment);
        });
  }
}

void MemoryWorld::arrive(LinkId link, End at, const Buffer& bytes) {
  Connection& connection = connections_.at(link);
  if (!connection.ends[at]) return;
  Direction& direction = connection.to[at];
  const std::uint64_t before_cut = direction.cut_at - direction.arrived_bytes;
  const auto n = static_cast<std::ptrdiff_t>(std::min<std::uint64_t>(bytes.size(), before_cut));
  direction.flying -= bytes.size();
  direction.arrived.insert(direction.arrived.end(), bytes.begin(), bytes.begin() + n);
  direction.arrived_bytes += static_cast<std::uint64_t>(n);
  deliver(link, at);
  if (direction.arrived_bytes == direction.cut_at) reset(link);
  settle();
}

void MemoryWorld::deliver(LinkId link, End at) {
  Connection& connection = connections_.at(link);
  auto& arrived = connection.to[at].arrived;
  if (arrived.empty()) return;
  while (connection.ends[at] && !arrived.empty()) {
    const auto room = connection.ends[at]->space();
    if (room.empty()) break;
    const std::size_t n = std::min(room.size(), arrived.size());
    const auto end = arrived.begin() + static_cast<std::ptrdiff_t>(n);
    std::copy(arrived.begin(), end, room.begin());
    arrived.erase(arrived.begin(), end);
    connection.taps[at]->arrived(room.first(n), now_);
    connection.ends[at]->received(n, now_);
    if (at == at_broker) commit();
  }
  flush(link, at == at_client ? at_broker : at_client);  // the wire has room again
}

void MemoryWorld::reset(LinkId link) {
  close(link, at_client, CloseCause::reset);
  close(link, at_broker, CloseCause::reset);
}

void MemoryWorld::close(LinkId link, End at, CloseCause cause) {
  Connection& connection = connections_.at(link);
  Peer* peer = std::exchange(connection.ends[at], nullptr);
  if (!peer) return;
  connection.taps[at]->closed(cause, now_);
  if (at == at_broker || !devices_[connection.client].dead) peer->closed(cause, now_);
  if (at == at_broker) broker_->release(link);
  if (cause != CloseCause::local) return;
  const End other = at == at_client ? at_broker : at_client;
  const Direction& direction = connection.to[other];
  if (direction.written >= direction.stall_at) return;  // the stall swallows the FIN too
  timers_.set(now_ + connection.wire.latency, [this, link, other] {
    deliver(link, other);
    close(link, other, CloseCause::fin);
    settle();
  });
}

}  // namespace mqttlab::testing
