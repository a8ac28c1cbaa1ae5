// World: a broker and its devices in one ns-3 network, in virtual time. ns-3's headers stay inside
// sim/*.cc.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "protocol/broker/broker.h"
#include "protocol/client/client.h"
#include "protocol/link/link.h"
#include "protocol/trace/log.h"

namespace mqttlab::sim {

enum class CaptureSide : std::uint8_t { sender, receiver };  ///< before or after the link's losses

struct WorldConfig {
  std::uint64_t seed = 1;
  bool ipv6 = false;
  std::string tcp = "linux-like";  ///< or "ns3-default"
  std::uint32_t devices_per_front = 16;
  std::string pcap_path;  ///< empty: no capture. One file, link type RAW
  CaptureSide pcap_side = CaptureSide::receiver;
  std::vector<std::string> pcap_devices;  ///< empty: all
};

/// A device is a node with one access link to the broker's site; its id is its Actor in the log.
using DeviceId = trace::Actor;
/// A client on a device.
using ClientId = std::uint32_t;

/// One world at a time per process (ns-3's rule): a second one throws std::logic_error.
class World {
 public:
  explicit World(WorldConfig config);  ///< throws std::invalid_argument naming the field
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  /// The broker and its site; once per world, before the first device.
  void add_broker(const std::string& name, BrokerConfig config, Access* access = nullptr);
  DeviceId add_device(const std::string& name, const LinkSpec& link);
  /// A client with its host. Not started.
  ClientId add_client(DeviceId device, ClientConfig config);

  /// Runs until `until` or until a watched client has events (see ready()), whichever is first;
  /// returns now(). `keep_going`, if given, is called at least once per virtual second and stops
  /// the run by returning false.
  Time run(Time until, const std::function<bool()>& keep_going = {});
  [[nodiscard]] Time now() const;
  [[nodiscard]] std::uint64_t seed() const;
  /// Calls `what` at an instant, as an ns-3 event; exceptions leave run().
  void at(Time when, std::function<void()> what);

  /// The application's side of a client; what it writes is flushed to its socket in an event at
  /// now(). Calls are allowed between runs and inside at().
  void start(ClientId client);
  std::optional<Misuse> stop(ClientId client, const Disconnect& disconnect = {});
  std::variant<Token, Misuse> publish(ClientId client, Slice topic, Slice payload, QoS qos,
                                      bool retain, Properties properties = {});
  std::variant<Token, Misuse> subscribe(ClientId client, std::vector<Subscription> subscriptions,
                                        Properties properties = {});
  std::variant<Token, Misuse> unsubscribe(ClientId client, std::vector<Slice> filters);
  std::optional<Misuse> reauthenticate(ClientId client);
  std::optional<ClientEvent> poll(ClientId client);
  /// The broker's identity system has answered what it had answered `later`; inside at() only.
  void decide(RequestId request, Decision decision);
  [[nodiscard]] const Client& client(ClientId client) const;
  [[nodiscard]] DeviceId device_of(ClientId client) const;
  /// Its process ended by die(): calls do nothing and return Misuse::not_connected.
  [[nodiscard]] bool is_dead(ClientId client) const;
  /// A watched client's events stop run(); one with a handler has them taken by the handler at
  /// once; otherwise they are taken and thrown away at once (a fleet's member that only counts in
  /// the trace).
  void watch(ClientId client, bool watched);
  void handle(ClientId client, std::function<void(const ClientEvent&)> handler);
  [[nodiscard]] std::vector<ClientId> ready();  ///< watched clients with events, in order

  /// Faults.
  void set_link(DeviceId device, bool up);
  void stop_cycles();    ///< every cycling link comes up and stays up
  void set_loss_free();  ///< every link loses nothing from now on; rate and delay stay
  void die(
      DeviceId device,
      trace::Death how);  ///< its clients' processes end; `silent` takes the link down for good
  void phase(const std::string& name);  ///< records a phase event

  [[nodiscard]] trace::Log& log();
  [[nodiscard]] const BrokerConfig& broker_config() const;
  [[nodiscard]] BrokerGauges broker_gauges() const;
  [[nodiscard]] DirectionCounters counters(DeviceId device, bool up) const;
  [[nodiscard]] std::uint64_t simulator_events() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace mqttlab::sim
