#include "sim/world.h"

#include <exception>
#include <filesystem>
#include <stdexcept>
#include <utility>

#include "sim/broker_host.h"
#include "sim/client_host.h"
#include "sim/cycler.h"
#include "sim/network.h"
#include "sim/security.h"

namespace mqttlab::sim {

struct World::State {
  struct Device {
    Device(AccessLink& link, const LinkSpec& spec, std::uint64_t seed, const std::string& name,
           trace::Log& log, trace::Actor actor, DeviceIndex at)
        : index(at), cycler(link, spec.cycle, seed, name, log, actor) {}
    DeviceIndex index;
    std::optional<DiskConfig> disk;
    Cycler cycler;
  };

  explicit State(WorldConfig given) : config(std::move(given)), network(config) {}

  [[nodiscard]] Device& device(DeviceId id);
  [[nodiscard]] BrokerHost& the_broker() const;
  void watch_progress(const std::function<bool()>& keep_going);

  /// Runs what the user gave us; run() throws again what it throws, outside ns-3.
  template <typename What>
  void guarded(const What& what) {
    try {
      what();
    } catch (...) {
      if (!error) error = std::current_exception();
      ns3::Simulator::Stop();
    }
  }

  WorldConfig config;
  Network network;
  std::unique_ptr<Security> security;
  std::unique_ptr<BrokerHost> broker;
  std::vector<std::pair<std::unique_ptr<Access>, std::unique_ptr<BrokerHost>>> side_brokers;
  std::unique_ptr<Guests> guests;
  std::vector<std::unique_ptr<Device>> devices;  // by DeviceId; cyclers must stay where they are
  std::vector<DeviceId> actors;                  // by DeviceIndex
  std::exception_ptr error;
  ns3::EventId progress;
};

World::State::Device& World::State::device(DeviceId id) {
  if (id >= devices.size() || !devices[id])
    throw std::out_of_range("device " + std::to_string(id) + " does not exist in this world");
  return *devices[id];
}

void World::State::watch_progress(const std::function<bool()>& keep_going) {
  progress = ns3::Simulator::Schedule(ns3::Seconds(1), [this, &keep_going] {
    watch_progress(keep_going);
    guarded([&] {
      if (!keep_going()) ns3::Simulator::Stop();
    });
  });
}

World::World(WorldConfig config)
    : mqttlab::World(config.seed, config.trace),
      state_(std::make_unique<State>(std::move(config))) {
  state_->network.tell_of_nats([this](DeviceIndex index, std::uint32_t connection, Time idle) {
    trace::Event event;
    event.at = now();
    event.kind = trace::Kind::fault;
    event.actor = state_->actors.at(index);
    event.connection = connection;
    event.text = log().intern("NAT forgot the connection: idle for " +
                              std::to_string(idle / millisecond) + " ms");
    log().append(event);
  });
}

World::~World() { drop_clients(); }

void World::make_broker(trace::Actor actor, const std::string& name, BrokerConfig config,
                        Access* access, bool certificates) {
  const std::uint64_t seed_of_broker = Random(seed(), "broker/" + name).next();
  BrokerHost::Listeners listeners;
  for (const Transport transport : {over::tcp, over::tls, over::ws, over::wss})
    listeners.emplace_back(port_of(transport), transport);
  std::filesystem::path keys = state_->config.pcap_path;
  if (!keys.empty()) keys.replace_extension(".keys");
  const auto unix_offset = [this] { return Security::epoch_s * second + clock_step_; };
  state_->security = std::make_unique<Security>(seed(), config.connect_timeout, keys.string(),
                                                certificates, unix_offset);
  state_->guests = std::make_unique<Guests>(state_->network, log(), actor);
  if (site_is_left_) return;
  state_->broker = std::make_unique<BrokerHost>(
      state_->network, *state_->security,
      BrokerHost::Program{std::move(config), seed_of_broker, access, log().sink(), actor, listeners,
                          disk_, unix_offset});
}

void World::make_device(DeviceId device, const std::string& name, const LinkSpec& link) {
  const DeviceIndex index = state_->network.add_device(name, link);
  state_->actors.push_back(device);
  state_->devices.resize(device + 1);
  state_->devices[device] = std::make_unique<State::Device>(state_->network.link(index), link,
                                                            seed(), name, log(), device, index);
}

std::unique_ptr<HostedClient> World::make_client(DeviceId device, ClientConfig config,
                                                 Transport transport, std::uint64_t seed_of_client,
                                                 Ready ready) {
  const DeviceIndex index = state_->device(device).index;
  state_->security->prepare(transport);
  state_->network.open(index, port_of(transport));
  auto host = std::make_unique<ClientHost>(state_->network, *state_->security, index, transport,
                                           std::move(config), seed_of_client, log(), device,
                                           std::move(ready));
  if (const auto& disk = state_->device(device).disk) host->use_disk(*disk);
  return host;
}

void World::stop_run() { ns3::Simulator::Stop(); }

void World::check_captured_devices() const {
  for (const auto& name : state_->config.pcap_devices)
    if (!has_name(name))
      throw std::invalid_argument("pcap_devices names '" + name +
                                  "', but no device of this world is called that");
}

Time World::run(Time until, const std::function<bool()>& keep_going) {
  check_captured_devices();
  const bool told = state_->guests && state_->guests->has_events();
  if (until <= now() || told || !ready().empty()) return now();
  const auto end =
      ns3::Simulator::Schedule(ns3::NanoSeconds(until - now()), [] { ns3::Simulator::Stop(); });
  if (keep_going) state_->watch_progress(keep_going);
  ns3::Simulator::Run();
  ns3::Simulator::Remove(end);
  ns3::Simulator::Remove(state_->progress);
  state_->network.flush_capture();
  if (state_->security) state_->security->flush();
  if (state_->error) std::rethrow_exception(std::exchange(state_->error, nullptr));
  return now();
}

Time World::now() const { return virtual_now(); }

void World::at(Time when, std::function<void()> what) {
  if (when < now())
    throw std::invalid_argument("at(" + std::to_string(when) + " ns): it is " +
                                std::to_string(now()) + " ns already");
  ns3::Simulator::Schedule(
      ns3::NanoSeconds(when - now()),
      [state = state_.get(), call = std::move(what)] { state->guarded(call); });
}

void World::decide(RequestId request, Decision decision) {
  state_->the_broker().decide(request, std::move(decision));
}

void World::handle(ClientId client, std::function<void(const ClientEvent&)> handler) {
  if (!handler) return host(client).handle({});
  host(client).handle([state = state_.get(), call = std::move(handler)](const ClientEvent& event) {
    state->guarded([&] { call(event); });
  });
}

bool World::add_side_broker(std::uint16_t port, BrokerConfig config,
                            std::unique_ptr<Access> access) {
  static_cast<void>(guests());  // there is a site
  if (state_->network.serves(port)) return false;
  const std::uint64_t seed_of_broker = Random(seed(), "broker/" + std::to_string(port)).next();
  auto broker = std::make_unique<BrokerHost>(state_->network, *state_->security,
                                             BrokerHost::Program{.config = std::move(config),
                                                                 .seed = seed_of_broker,
                                                                 .access = access.get(),
                                                                 .listeners = {{port, over::tcp}}});
  state_->side_brokers.emplace_back(std::move(access), std::move(broker));
  return true;
}

Guests& World::guests() {
  if (!state_->guests) throw std::logic_error("add the broker first: streams lead to its site");
  return *state_->guests;
}

StreamId World::dial(DeviceId device, std::uint16_t port) {
  for (const Transport transport : {over::tls, over::ws, over::wss})
    if (port == port_of(transport)) state_->security->prepare(transport);
  return guests().dial(state_->device(device).index, device, port);
}

BrokerHost& World::State::the_broker() const {
  if (!broker) throw std::logic_error("this world has no broker of ours (yet)");
  return *broker;
}

const char* World::broker_state() const { return state_->the_broker().state(); }

void World::crash_broker(trace::StoreFate fate, trace::Death how) {
  state_->the_broker().crash(fate, how);
}
void World::restart_broker() { state_->the_broker().restart(); }
void World::pause_broker() { state_->the_broker().pause(); }
void World::resume_broker() { state_->the_broker().go_on(); }
void World::shuffle_ties() { state_->the_broker().shuffle_ties(seed()); }

void World::disturb(DeviceId device, Way way, const Disturbance& disturbance) {
  disturbance.check();
  state_->network.disturb(state_->device(device).index, way, disturbance);
}

void World::rebind(DeviceId device) { state_->network.rebind(state_->device(device).index); }

void World::roam(DeviceId device, bool knows) {
  at(now(),
     [this, index = state_->device(device).index, knows] { state_->network.roam(index, knows); });
}

void World::limit_writes(DeviceId device, trace::End end, std::uint32_t bytes) {
  state_->network.limit_writes(state_->device(device).index, end, bytes);
}

template <typename What>
void World::for_clients(DeviceId device, What what) {
  for (const ClientId client : clients_on(device)) what(static_cast<ClientHost&>(host(client)));
}

void World::crash(DeviceId device, trace::StoreFate fate, trace::Death how) {
  record(trace::Kind::crashed, device, static_cast<std::uint8_t>(fate));
  if (how == trace::Death::silent) power_off(device);
  for_clients(device, [=](ClientHost& client) { client.crash(fate, how); });
}

std::vector<Token> World::survivors(ClientId client) const {
  return static_cast<ClientHost&>(host(client)).survivors();
}

void World::use_disk(DeviceId device, DiskConfig disk) { state_->device(device).disk = disk; }

void World::restart(DeviceId device) {
  at(now(), [this, device] {
    record(trace::Kind::restarted, device);
    state_->device(device).cycler.power_on();
    for_clients(device, [](ClientHost& client) { client.restart(); });
  });
}

void World::pause(DeviceId device) {
  record(trace::Kind::paused, device);
  for_clients(device, [](ClientHost& client) { client.pause(); });
}

void World::resume(DeviceId device) {
  at(now(), [this, device] {
    record(trace::Kind::went_on, device);
    for_clients(device, [](ClientHost& client) { client.go_on(); });
  });
}

void World::take_slowly(DeviceId device, Time interval) {
  for_clients(device, [interval](ClientHost& client) { client.take_slowly(interval); });
}

void World::set_link(DeviceId device, bool up) { state_->device(device).cycler.set(up); }

void World::cut(DeviceId device, Cut how, std::uint32_t connection) {
  for (const auto& wire : state_->network.wires(state_->device(device).index))
    if (connection == 0 || wire->connection() == connection) wire->cut(how);
}

void World::when(DeviceId device, const Trigger& instant, std::function<void(const Fired&)> what) {
  if (instant.kind == Trigger::Kind::at)
    throw std::invalid_argument("when: an instant of the clock is no connection's; use at()");
  state_->network.when(state_->device(device).index, instant,
                       [state = state_.get(), call = std::move(what)](const Fired& fired) {
                         state->guarded([&] { call(fired); });
                       });
}

void World::disarm() { state_->network.disarm(); }

void World::stop_cycles() {
  for (const auto& device : state_->devices)
    if (device) device->cycler.stop_cycle();
}

void World::set_loss_free() {
  for (DeviceIndex index = 0; index < state_->network.devices(); ++index)
    state_->network.link(index).lose_nothing();
}

// Its clients' sockets may only be touched inside an event.
void World::power_off(DeviceId device) { state_->device(device).cycler.power_off(); }

Observation World::observation() const {
  Observation seen;
  // What has arrived there waits in the guest's buffers before it is read.
  if (site_is_left_) return {.from_the_path = true, .is_foreign = true};
  if (!disk_ || disk_->durability == Durability::sync) return seen;
  const bool batch = disk_->durability == Durability::batch;
  seen.crash_loses = batch ? batch_window + disk_->sync_time : never;
  return seen;
}

BrokerGauges World::broker_gauges() const {
  return state_->broker ? state_->broker->gauges() : BrokerGauges{};
}

DirectionCounters World::counters(DeviceId device, bool up) const {
  return state_->network.link(state_->device(device).index).counters(up ? Way::up : Way::down);
}

Overhead World::overhead(DeviceId device, bool up) const {
  if (!up && !state_->broker) return {};
  if (!up) return state_->broker->overhead(state_->device(device).index);
  Overhead all;
  for (const ClientId client : clients_on(device))
    all += static_cast<const ClientHost&>(host(client)).overhead();
  return all;
}

std::uint64_t World::simulator_events() const { return ns3::Simulator::GetEventCount(); }

std::span<const RadioPacket> World::radio_log(DeviceId device) const {
  return state_->network.link(state_->device(device).index).radio_log();
}

}  // namespace mqttlab::sim
