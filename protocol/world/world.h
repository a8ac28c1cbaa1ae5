// World: a broker, devices on access links and their clients. Who moves the bytes, and in which
// time, is for those who derive from it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "protocol/broker/broker.h"
#include "protocol/client/client.h"
#include "protocol/link/fault.h"
#include "protocol/link/link.h"
#include "protocol/trace/log.h"
#include "protocol/transport/filter.h"
#include "protocol/transport/transport.h"
#include "protocol/world/hosted_client.h"

namespace mqttlab {

/// A device has one access link to the broker's site; its id is its Actor in the log.
using DeviceId = trace::Actor;
/// A client on a device.
using ClientId = std::uint32_t;

/// What those who judge a world's trace must know of where it was taken.
struct Observation {
  Time host_grace = 100 * millisecond;        ///< how late hosts may be
  Time keep_alive_slack = 100 * millisecond;  ///< how late a broker may be to miss a client
  Time keep_alive_early = 0;                  ///< how much too early, by seconds of a real clock
  bool from_the_path = false;  ///< the broker's end is seen in the path, not where it reads
  /// How much of what it had acknowledged last the broker may lose with a torn store.
  Time crash_loses = 0;
  bool is_foreign = false;  ///< the broker is none of ours, and free where the standard is
};

/// An instant of a connection that has come.
struct Fired {
  Time at = 0;
  std::uint32_t connection = 0;  ///< its number in the trace
};

class World {
 public:
  World(const World&) = delete;
  World& operator=(const World&) = delete;
  virtual ~World();

  /// The broker and its site; once per world, before the first device. `certificates`: clients
  /// over TLS must have one.
  void add_broker(const std::string& name, BrokerConfig config, Access* access = nullptr,
                  bool certificates = false);
  DeviceId add_device(const std::string& name, const LinkSpec& link);
  /// A client with its host. Not started.
  ClientId add_client(DeviceId device, ClientConfig config, Transport transport = over::tcp);

  /// Runs until `until` or until a watched client has events (see ready()), whichever is first;
  /// returns now(). `keep_going`, if given, is called at least once per second and stops the run by
  /// returning false.
  virtual Time run(Time until, const std::function<bool()>& keep_going = {}) = 0;
  [[nodiscard]] virtual Time now() const = 0;  ///< since the world began
  /// Calls `what` at an instant, inside run(); exceptions leave run().
  virtual void at(Time when, std::function<void()> what) = 0;
  [[nodiscard]] std::uint64_t seed() const { return seed_; }

  /// The application's side of a client; what it writes leaves inside run(). Calls are allowed
  /// between runs and inside at().
  void start(ClientId client);
  /// Every start() so far: when, and of which device's client.
  [[nodiscard]] const std::vector<std::pair<Time, DeviceId>>& starts() const { return starts_; }
  std::optional<Misuse> stop(ClientId client, const Disconnect& disconnect = {});
  std::variant<Token, Misuse> publish(ClientId client, Slice topic, Slice payload, QoS qos,
                                      bool retain, Properties properties = {});
  std::variant<Token, Misuse> subscribe(ClientId client, std::vector<Subscription> subscriptions,
                                        Properties properties = {});
  std::variant<Token, Misuse> unsubscribe(ClientId client, std::vector<Slice> filters);
  std::optional<Misuse> reauthenticate(ClientId client);
  std::optional<ClientEvent> poll(ClientId client);
  [[nodiscard]] const Client& client(ClientId client) const;
  [[nodiscard]] DeviceId device_of(ClientId client) const;
  /// Its process has ended: calls do nothing and return Misuse::not_connected.
  [[nodiscard]] bool is_dead(ClientId client) const;
  /// Its process does not run, but may again.
  [[nodiscard]] bool is_away(ClientId client) const;
  /// A watched client's events stop run(); otherwise they are taken and thrown away at once (a
  /// fleet's member that only counts in the trace).
  void watch(ClientId client, bool watched);
  [[nodiscard]] std::vector<ClientId> ready();  ///< watched clients with events, in order

  /// The broker's identity system has answered what it had answered `later`; inside at() only.
  virtual void decide(RequestId request, Decision decision) = 0;

  /// Faults.
  virtual void set_link(DeviceId device, bool up) = 0;
  virtual void stop_cycles() = 0;    ///< every cycling link comes up and stays up
  virtual void set_loss_free() = 0;  ///< every link loses nothing from now on; rate and delay stay
  /// Cuts a connection of the device, by its number in the trace, or, with 0, all that it has; how
  /// ends learn of it is `how`'s to say. Nothing passes any more.
  virtual void cut(DeviceId device, Cut how, std::uint32_t connection = 0) = 0;
  /// Its clients' processes end; `silent` takes the link down for good.
  void die(DeviceId device, trace::Death how);
  void phase(const std::string& name);  ///< records a phase event
  /// Calls `what` when the instant comes on a connection of the device, once, in an event of that
  /// very instant. Packets and bytes count from here on; `connection` is the device's own count.
  /// Throws std::logic_error where it cannot be told: on real sockets.
  virtual void when(DeviceId device, const Trigger& instant,
                    std::function<void(const Fired&)> what) = 0;
  virtual void disarm() = 0;  ///< of what when() waits for nothing comes any more
  /// Records that something is done on purpose, in words, or that it is over; to a connection, or,
  /// with 0, to the actor.
  void fault(trace::Actor actor, const std::string& what, std::uint32_t connection, bool over);
  void interrupt() { stop_run(); }  ///< run() returns at this instant

  [[nodiscard]] virtual Observation observation() const { return {}; }
  [[nodiscard]] trace::Log& log() { return log_; }
  [[nodiscard]] virtual BrokerGauges broker_gauges() const = 0;
  [[nodiscard]] virtual DirectionCounters counters(DeviceId device, bool up) const = 0;
  /// What TLS and WebSocket have added at the sending end of that direction, over all connections.
  [[nodiscard]] virtual Overhead overhead(DeviceId device, bool up) const = 0;

 protected:
  using Ready = std::function<void()>;  ///< told when a watched client has events
  /// `traced`: without, no event is made, and there is nothing to judge.
  explicit World(std::uint64_t seed, bool traced = true) : seed_(seed), log_(traced) {}

  [[nodiscard]] HostedClient& host(ClientId client) const;
  /// Throws std::out_of_range for an id that is no device's.
  const std::vector<ClientId>& clients_on(DeviceId device) const;
  [[nodiscard]] bool has_name(const std::string& name) const { return names_.contains(name); }
  void record(trace::Kind kind, trace::Actor actor, std::uint8_t code = 0, trace::Text text = 0,
              std::uint32_t connection = 0);
  /// Clients use what derived classes own, so those let them go first.
  void drop_clients() { clients_.clear(); }

 private:
  struct Member {
    DeviceId device;
    std::unique_ptr<HostedClient> host;
  };
  virtual void make_broker(trace::Actor actor, const std::string& name, BrokerConfig config,
                           Access* access, bool certificates) = 0;
  virtual void make_device(DeviceId device, const std::string& name, const LinkSpec& link) = 0;
  virtual std::unique_ptr<HostedClient> make_client(DeviceId device, ClientConfig config,
                                                    Transport transport, std::uint64_t seed,
                                                    Ready ready) = 0;
  virtual void power_off(DeviceId device) = 0;  ///< its link goes down for good
  virtual void stop_run() = 0;                  ///< run() returns soon

  [[nodiscard]] const Member& member(ClientId client) const;
  void became_ready(ClientId client);
  template <typename Call>
  std::variant<Token, Misuse> call(ClientId client, const Call& what);

  const std::uint64_t seed_;
  trace::Log log_;
  std::optional<std::string> broker_name_;  // there is one
  std::set<std::string> names_;
  std::vector<std::optional<std::vector<ClientId>>> clients_on_;  // by device
  std::vector<Member> clients_;
  std::vector<ClientId> ready_;
  std::vector<std::pair<Time, DeviceId>> starts_;
};

}  // namespace mqttlab
