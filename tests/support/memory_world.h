// MemoryWorld: one broker and its clients in virtual time, joined by wires that can be cut at a
// byte. Every end is tapped, and the oracle listens.
#pragma once

#include <algorithm>
#include <array>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "protocol/broker/broker.h"
#include "protocol/client/client.h"
#include "protocol/oracle/oracle.h"
#include "protocol/session/timers.h"
#include "protocol/trace/tap.h"
#include "tests/support/wire.h"

namespace mqttlab::testing {

class MemoryWorld {
 public:
  using Index = std::size_t;  // of a client
  /// The wire of a client's n-th connection, n from 1.
  using Wires = std::function<Wire(int connection)>;

  explicit MemoryWorld(BrokerConfig broker = {}, std::uint64_t seed = 1,
                       oracle::Settings settings = {}, Access* access = nullptr);
  Index add(ClientConfig config, Wires wires = {});

  // The application's side; what it causes is on its way when the call returns.
  void start(Index client);
  void stop(Index client);
  Token publish(Index client, std::string_view topic, std::string_view payload, QoS qos,
                bool retain = false, Properties properties = {});  ///< 0 if it was refused
  Token subscribe(Index client, std::string_view filter, QoS qos) {
    return subscribe(client, {Slice::copy_of(filter), qos});
  }
  Token subscribe(Index client, Subscription subscription, Properties properties = {});
  Token unsubscribe(Index client, std::string_view filter);
  /// Events are taken as they come, unless held.
  void hold(Index client, bool held);
  [[nodiscard]] const std::vector<ClientEvent>& events(Index client) const;
  /// Payloads of the messages that the client has taken, in order.
  [[nodiscard]] std::vector<std::string> received(Index client) const;
  [[nodiscard]] std::vector<Completed> completions(Index client) const;

  void run(Time duration);
  void cut(Index client);  ///< both ends are reset now
  /// From now on the client's connection swallows what is written in these directions.
  void stall(Index client, bool up, bool down);
  /// The client's process ends for good: its connection is closed, reset, or just falls silent.
  void die(Index client, trace::Death how);
  void phase(const std::string& name);
  [[nodiscard]] Time now() const { return now_; }
  [[nodiscard]] Client& client(Index client) { return *devices_[client].client; }
  [[nodiscard]] Broker& broker() { return *broker_; }
  [[nodiscard]] trace::Log& log() { return log_; }
  /// Bytes that have arrived on the client's n-th connection, n from 1: {at the broker, at the
  /// client}.
  [[nodiscard]] std::pair<std::uint64_t, std::uint64_t> arrived(Index client, int connection) const;
  /// Ends the run: the oracle's findings, one line each; empty if there are none.
  std::string findings();
  /// The same, after findings().
  [[nodiscard]] const std::vector<oracle::Violation>& violations() const {
    return oracle_.violations();
  }

 private:
  struct Direction {
    std::uint64_t cut_at = Wire::nowhere, stall_at = Wire::nowhere;
    std::deque<std::uint8_t> arrived;  // not read yet
    std::size_t flying = 0;            // bytes on their way
    std::uint64_t written = 0, arrived_bytes = 0;
  };
  struct Connection {
    Index client = 0;
    Wire wire;
    Peer* ends[2] = {};  // client's, broker's; null once closed
    std::unique_ptr<trace::Tap> taps[2];
    Direction to[2];  // to the client, to the broker
  };
  struct Device {
    std::unique_ptr<Client> client;
    trace::Actor actor = 0;
    Wires wires;
    int dials = 0;
    std::vector<LinkId> connections;
    bool held = false;
    bool dead = false;
    std::vector<ClientEvent> events;
  };
  enum End : std::size_t { at_client, at_broker };

  using Buffer = std::vector<std::uint8_t>;

  void settle();
  void settle_client(Index client);
  void dial(Index client);
  void flush(LinkId link, End from);
  void fly(LinkId link, End to, Buffer bytes);
  void arrive(LinkId link, End at, const Buffer& bytes);
  void deliver(LinkId link, End at);
  void reset(LinkId link);
  void close(LinkId link, End at, CloseCause cause);
  [[nodiscard]] Time deadline() const;

  Time now_ = 0;
  std::uint64_t seed_;
  trace::Log log_;
  oracle::Oracle oracle_;
  trace::Actor broker_actor_;
  std::unique_ptr<Broker> broker_;
  std::vector<Device> devices_;
  std::map<LinkId, Connection> connections_;
  LinkId next_link_ = 1;
  Timers<std::function<void()>> timers_;
};

inline MemoryWorld::MemoryWorld(BrokerConfig broker, std::uint64_t seed, oracle::Settings settings,
                                Access* access)
    : seed_(seed), oracle_(settings), broker_actor_(log_.add_actor("broker")) {
  log_.listen(&oracle_);
  broker_ = std::make_unique<Broker>(broker, seed, access, &log_, broker_actor_);
}

inline MemoryWorld::Index MemoryWorld::add(ClientConfig config, Wires wires) {
  Device& device = devices_.emplace_back();
  device.actor = log_.add_actor(config.client_id);
  device.client = std::make_unique<Client>(std::move(config), seed_, &log_, device.actor);
  device.wires = wires ? std::move(wires) : [](int) { return Wire{}; };
  return devices_.size() - 1;
}

inline void MemoryWorld::start(Index client) {
  devices_[client].client->start(now_);
  settle();
}

inline void MemoryWorld::stop(Index client) {
  devices_[client].client->stop(now_);
  settle();
}

inline Token MemoryWorld::publish(Index client, std::string_view topic, std::string_view payload,
                                  QoS qos, bool retain, Properties properties) {
  const auto answer = devices_[client].client->publish(
      Slice::copy_of(topic), Slice::copy_of(payload), qos, retain, now_, std::move(properties));
  settle();
  return std::holds_alternative<Token>(answer) ? std::get<Token>(answer) : 0;
}

inline Token MemoryWorld::subscribe(Index client, Subscription subscription,
                                    Properties properties) {
  const auto answer =
      devices_[client].client->subscribe({std::move(subscription)}, now_, std::move(properties));
  settle();
  return std::holds_alternative<Token>(answer) ? std::get<Token>(answer) : 0;
}

inline Token MemoryWorld::unsubscribe(Index client, std::string_view filter) {
  const auto answer = devices_[client].client->unsubscribe({Slice::copy_of(filter)}, now_);
  settle();
  return std::holds_alternative<Token>(answer) ? std::get<Token>(answer) : 0;
}

inline void MemoryWorld::hold(Index client, bool held) {
  devices_[client].held = held;
  settle();
}

inline const std::vector<ClientEvent>& MemoryWorld::events(Index client) const {
  return devices_[client].events;
}

inline std::vector<std::string> MemoryWorld::received(Index client) const {
  std::vector<std::string> payloads;
  for (const ClientEvent& event : devices_[client].events) {
    if (const auto* m = std::get_if<Received>(&event)) payloads.emplace_back(m->payload.text());
  }
  return payloads;
}

inline std::vector<Completed> MemoryWorld::completions(Index client) const {
  std::vector<Completed> all;
  for (const ClientEvent& event : devices_[client].events) {
    if (const auto* completed = std::get_if<Completed>(&event)) all.push_back(*completed);
  }
  return all;
}

inline std::pair<std::uint64_t, std::uint64_t> MemoryWorld::arrived(Index client,
                                                                    int connection) const {
  const auto& all = devices_[client].connections;
  const auto index = static_cast<std::size_t>(connection - 1);
  if (index >= all.size()) return {0, 0};
  const Connection& found = connections_.at(all[index]);
  return {found.to[at_broker].arrived_bytes, found.to[at_client].arrived_bytes};
}

inline Time MemoryWorld::deadline() const {
  Time next = std::min(timers_.deadline(), broker_->deadline());
  for (const Device& device : devices_)
    if (!device.dead) next = std::min(next, device.client->deadline());
  return next;
}

inline void MemoryWorld::run(Time duration) {
  const Time until = now_ + duration;
  while (deadline() <= until) {
    now_ = std::max(now_, deadline());
    // What has arrived is read before timers look at the clock, as peer.h asks of every host.
    while (auto due = timers_.pop(now_)) (*due)();
    broker_->advance(now_);
    for (Device& device : devices_)
      if (!device.dead) device.client->advance(now_);
    settle();
  }
  now_ = until;
}

inline void MemoryWorld::cut(Index client) {
  if (!devices_[client].connections.empty()) reset(devices_[client].connections.back());
  settle();
}

inline void MemoryWorld::stall(Index client, bool up, bool down) {
  if (devices_[client].connections.empty()) return;
  Connection& connection = connections_.at(devices_[client].connections.back());
  for (const End to : {at_client, at_broker}) {
    Direction& direction = connection.to[to];
    if (to == at_broker ? up : down)
      direction.stall_at = std::min(direction.stall_at, direction.written);
  }
}

inline void MemoryWorld::die(Index client, trace::Death how) {
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

inline void MemoryWorld::phase(const std::string& name) {
  trace::Event event;
  event.at = now_;
  event.kind = trace::Kind::phase;
  event.text = log_.intern(name);
  log_.append(event);
}

inline std::string MemoryWorld::findings() {
  oracle_.finish(now_, log_);
  std::string lines;
  for (const oracle::Violation& v : oracle_.violations()) {
    lines += v.invariant + " at " + std::to_string(v.at) + " ns: " + v.what + "\n";
  }
  return lines;
}

inline void MemoryWorld::settle() {
  for (Index client = 0; client < devices_.size(); ++client) settle_client(client);
  for (auto touched = broker_->touched(); !touched.empty(); touched = broker_->touched()) {
    const std::vector<LinkId> links(touched.begin(), touched.end());
    for (const LinkId link : links) {
      deliver(link, at_broker);  // the broker may read on
      flush(link, at_broker);
    }
  }
}

inline void MemoryWorld::settle_client(Index client) {
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

inline void MemoryWorld::dial(Index client) {
  devices_[client].client->dialing(now_);
  const int number = static_cast<int>(devices_[client].connections.size()) + 1;
  const Wire wire = devices_[client].wires(number);
  const int dial = ++devices_[client].dials;
  timers_.set(now_ + wire.latency, [this, client, wire, dial] {
    Device& device = devices_[client];
    if (device.dead || device.dials != dial) return;  // a dial that has been given up
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

inline void MemoryWorld::flush(LinkId link, End from) {
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
    connection.taps[from]->written(taken, now_);
    peer->sent(taken.size(), now_);
    fly(link, to, std::move(taken));
    deliver(link, from);  // a peer whose outbox was full reads on
  }
}

inline void MemoryWorld::fly(LinkId link, End to, Buffer bytes) {
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

inline void MemoryWorld::arrive(LinkId link, End at, const Buffer& bytes) {
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

inline void MemoryWorld::deliver(LinkId link, End at) {
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
  }
  flush(link, at == at_client ? at_broker : at_client);  // the wire has room again
}

inline void MemoryWorld::reset(LinkId link) {
  close(link, at_client, CloseCause::reset);
  close(link, at_broker, CloseCause::reset);
}

inline void MemoryWorld::close(LinkId link, End at, CloseCause cause) {
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
