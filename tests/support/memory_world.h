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

class WorldStore;

class MemoryWorld {
 public:
  using Index = std::size_t;  // of a client
  /// The wire of a client's n-th connection, n from 1.
  using Wires = std::function<Wire(int connection)>;

  explicit MemoryWorld(BrokerConfig broker = {}, std::uint64_t seed = 1,
                       oracle::Settings settings = {}, Access* access = nullptr,
                       WorldStore* store = nullptr);
  Index add(ClientConfig config, Wires wires = {});

  // The application's side; what it causes is on its way when the call returns.
  void start(Index client);
  void stop(Index client, const Disconnect& how = {});
  Token publish(Index client, std::string_view topic, std::string_view payload, QoS qos,
                bool retain = false, Properties properties = {});  ///< 0 if it was refused
  Token subscribe(Index client, std::string_view filter, QoS qos);
  Token subscribe(Index client, Subscription subscription, Properties properties = {});
  Token unsubscribe(Index client, std::string_view filter);
  /// Calls what(client, now), whatever the application's side of a Client offers.
  template <typename What>
  auto call(Index client, What what);
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
  /// The broker's process dies, and another one goes on with what its store has `down` later.
  void crash(Time down);
  void phase(const std::string& name);
  [[nodiscard]] Time now() const { return now_; }
  [[nodiscard]] Client& client(Index client) { return *devices_[client].client; }
  [[nodiscard]] Broker& broker() { return *broker_; }
  [[nodiscard]] trace::Log& log() { return log_; }
  /// Bytes that have arrived on the client's n-th connection, n from 1: {at the broker, at the
  /// client}.
  [[nodiscard]] std::pair<std::uint64_t, std::uint64_t> arrived(Index client, int connection) const;
  /// Ends the run: the oracle's findings, one line each; empty if there are none. `broker_forgot`:
  /// some of what has arrived at the broker was lost with it, so the rules that judge by what had
  /// arrived say nothing.
  std::string findings(bool broker_forgot = false);
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
  void begin_broker();
  void commit();
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
  BrokerConfig broker_config_;
  Access* access_;
  WorldStore* store_;
  JournalPosition committed_ = 0;
  std::unique_ptr<Broker> broker_;  // null while it is down
  std::vector<Device> devices_;
  std::map<LinkId, Connection> connections_;
  LinkId next_link_ = 1;
  Timers<std::function<void()>> timers_;
};

template <typename What>
auto MemoryWorld::call(Index client, What what) {
  auto answer = what(*devices_[client].client, now_);
  settle();
  if constexpr (std::is_same_v<decltype(answer), std::variant<Token, Misuse>>) {
    return std::holds_alternative<Token>(answer) ? std::get<Token>(answer) : Token{0};
  } else {
    return answer;
  }
}

}  // namespace mqttlab::testing
