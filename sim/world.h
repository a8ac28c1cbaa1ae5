// World: a broker and its devices in one ns-3 network, in virtual time. ns-3's headers stay inside
// sim/*.cc.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "protocol/world/world.h"
#include "sim/disk.h"
#include "sim/guests.h"
#include "sim/segment.h"

namespace mqttlab::sim {

/// Before or after the link's losses, or at one end, as tcpdump there would see it.
enum class CaptureSide : std::uint8_t { sender, receiver, device, broker };

struct WorldConfig {
  std::uint64_t seed = 1;
  bool ipv6 = false;
  std::string tcp = "linux-like";  ///< or "ns3-default"
  std::uint32_t devices_per_front = 16;
  /// Empty: no capture. One file, link type RAW; the secrets of its TLS connections, if there are
  /// any, are beside it in a key log, whose name ends in .keys.
  std::string pcap_path;
  CaptureSide pcap_side = CaptureSide::receiver;
  std::vector<std::string> pcap_devices;  ///< empty: all
  bool radio_log = false;                 ///< keep every packet of every device's radio
  bool trace = true;                      ///< false: no event is made
};

/// One world at a time per process (ns-3's rule): a second one throws std::logic_error.
class World final : public mqttlab::World {
 public:
  explicit World(WorldConfig config);  ///< throws std::invalid_argument naming the field
  ~World() override;

  Time run(Time until, const std::function<bool()>& keep_going = {}) override;
  [[nodiscard]] Time now() const override;
  void at(Time when, std::function<void()> what) override;  ///< as an ns-3 event
  void decide(RequestId request, Decision decision) override;
  /// A client that is not watched has its events taken by the handler at once.
  void handle(ClientId client, std::function<void(const ClientEvent&)> handler);

  /// Byte streams of programs that are none of ours; what happens to them stops run(), too. There
  /// must be a broker.
  [[nodiscard]] Guests& guests();
  /// A guest of the device dials a port of the site.
  StreamId dial(DeviceId device, std::uint16_t port);

  /// One more broker of ours at the site, over TCP, on a port of its own; false if that is taken.
  /// It is not in the trace, which has one broker.
  [[nodiscard]] bool add_side_broker(std::uint16_t port, BrokerConfig config,
                                     std::unique_ptr<Access> access);

  /// The site is a guest's, who serves there in place of a broker of ours; before add_broker(),
  /// which only names it then.
  void leave_site() { site_is_left_ = true; }

  /// What becomes of the broker's process (BrokerHost), once there is one; use_disk() before.
  void use_disk(DiskConfig disk) { disk_ = disk; }
  [[nodiscard]] const char* broker_state() const;  ///< running, paused, down
  void crash_broker(trace::StoreFate fate, trace::Death how);
  void restart_broker();
  void pause_broker();
  void resume_broker();
  void shuffle_ties();
  void use_disk(DeviceId device, DiskConfig disk);  ///< of the clients that it gets
  /// The same of a device's clients, whose processes go together. None of these does anything where
  /// it makes no sense: a dead device is not paused.
  void crash(DeviceId device, trace::StoreFate fate, trace::Death how);
  [[nodiscard]] std::vector<Token> survivors(ClientId client) const;
  void restart(DeviceId device);
  void pause(DeviceId device);
  void resume(DeviceId device);
  /// Its applications take a message every so often. 0: as they come; `never`: none any more.
  void take_slowly(DeviceId device, Time interval);
  /// The wall clocks of all hosts leap; Unix time at the world's beginning is Security::epoch_s.
  void step_clock(Time by) { clock_step_ += by; }

  // What is done on the way; each replaces what was said before, and none is recorded.
  void disturb(DeviceId device, Way way, const Disturbance& disturbance);
  /// Its NAT, which it gets if it had none, forgets its connections: what it sends comes from new
  /// ports, to which the site answers with resets, and what the site sends is lost.
  void rebind(DeviceId device);
  /// It gets a new address, in an event at now(). What is sent from and to the old one is lost.
  /// `knows`: its stack resets its connections at once, as phones do; otherwise they stay, silent.
  void roam(DeviceId device, bool knows);
  /// Sockets at this end of the device's connections take at most so many bytes at a time; 0: what
  /// they have room for.
  void limit_writes(DeviceId device, trace::End end, std::uint32_t bytes);

  void set_link(DeviceId device, bool up) override;
  void cut(DeviceId device, Cut how, std::uint32_t connection = 0) override;
  void when(DeviceId device, const Trigger& instant,
            std::function<void(const Fired&)> what) override;
  void disarm() override;
  void stop_cycles() override;
  void set_loss_free() override;

  [[nodiscard]] Observation observation() const override;
  [[nodiscard]] BrokerGauges broker_gauges() const override;
  [[nodiscard]] DirectionCounters counters(DeviceId device, bool up) const override;
  [[nodiscard]] Overhead overhead(DeviceId device, bool up) const override;
  [[nodiscard]] std::uint64_t simulator_events() const;
  /// In order; empty without radio_log. Valid until the world runs again.
  [[nodiscard]] std::span<const RadioPacket> radio_log(DeviceId device) const;

 private:
  void make_broker(trace::Actor actor, const std::string& name, BrokerConfig config, Access* access,
                   bool certificates) override;
  void make_device(DeviceId device, const std::string& name, const LinkSpec& link) override;
  std::unique_ptr<HostedClient> make_client(DeviceId device, ClientConfig config,
                                            Transport transport, std::uint64_t seed,
                                            Ready ready) override;
  void power_off(DeviceId device) override;
  void stop_run() override;
  void check_captured_devices() const;
  template <typename What>
  void for_clients(DeviceId device, What what);

  struct State;
  std::optional<DiskConfig> disk_;  // of the broker
  Time clock_step_ = 0;
  bool site_is_left_ = false;
  std::unique_ptr<State> state_;
};

}  // namespace mqttlab::sim
