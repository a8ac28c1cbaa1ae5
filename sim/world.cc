#include "sim/world.h"

#include <algorithm>
#include <deque>
#include <exception>
#include <optional>
#include <set>
#include <utility>

#include "sim/broker_host.h"
#include "sim/client_host.h"
#include "sim/cycler.h"
#include "sim/network.h"

namespace mqttlab::sim {

struct World::State {
  struct Device {
    Device(trace::Actor device, AccessLink& link, const LinkSpec& spec, std::uint64_t seed,
           const std::string& name, trace::Log& log)
        : actor(device), cycler(link, spec.cycle, seed, name, log, device) {}
    trace::Actor actor;
    Cycler cycler;
    std::vector<ClientId> clients;
  };
  struct HostedClient {
    DeviceId device;
    std::unique_ptr<ClientHost> host;
  };

  explicit State(WorldConfig given) : config(std::move(given)), network(config) {}

  [[nodiscard]] DeviceIndex index(DeviceId id) const;
  [[nodiscard]] Device& device(DeviceId id) { return devices[index(id)]; }
  [[nodiscard]] const HostedClient& client(ClientId id) const;
  void record(trace::Kind kind, trace::Actor actor, std::uint8_t code, trace::Text text);
  void became_ready(ClientId id);
  void check_captured_devices() const;
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
  /// A call into a client by the application; what it writes leaves in an event at now().
  template <typename Call>
  std::variant<Token, Misuse> call(ClientId id, const Call& what) {
    ClientHost& host = *client(id).host;
    if (host.is_dead()) return Misuse::not_connected;
    auto result = what(host.client());
    host.wake();
    return result;
  }

  WorldConfig config;
  trace::Log log;
  Network network;
  std::string broker_name;
  BrokerConfig broker_config;
  std::unique_ptr<BrokerHost> broker;
  std::set<std::string> names;
  std::deque<Device> devices;  // by DeviceIndex; a deque, since cyclers must stay where they are
  std::vector<std::optional<DeviceIndex>> index_of_actor;
  std::vector<HostedClient> clients;
  std::vector<ClientId> ready;
  std::exception_ptr error;
  ns3::EventId progress;
};

DeviceIndex World::State::index(DeviceId id) const {
  if (id >= index_of_actor.size() || !index_of_actor[id])
    throw std::out_of_range("device " + std::to_string(id) + " does not exist in this world");
  return *index_of_actor[id];
}

const World::State::HostedClient& World::State::client(ClientId id) const {
  if (id >= clients.size())
    throw std::out_of_range("client " + std::to_string(id) + " does not exist in this world");
  return clients[id];
}

void World::State::record(trace::Kind kind, trace::Actor actor, std::uint8_t code,
                          trace::Text text) {
  trace::Event event;
  event.at = virtual_now();
  event.kind = kind;
  event.actor = actor;
  event.code = code;
  event.text = text;
  log.append(event);
}

void World::State::became_ready(ClientId id) {
  if (std::find(ready.begin(), ready.end(), id) == ready.end()) ready.push_back(id);
  ns3::Simulator::Stop();
}

void World::State::check_captured_devices() const {
  for (const auto& name : config.pcap_devices)
    if (!names.contains(name))
      throw std::invalid_argument("pcap_devices names '" + name +
                                  "', but no device of this world is called that");
}

void World::State::watch_progress(const std::function<bool()>& keep_going) {
  progress = ns3::Simulator::Schedule(ns3::Seconds(1), [this, &keep_going] {
    watch_progress(keep_going);
    guarded([&] {
      if (!keep_going()) ns3::Simulator::Stop();
    });
  });
}

World::World(WorldConfig config) : state_(std::make_unique<State>(std::move(config))) {}

World::~World() = default;

void World::add_broker(const std::string& name, BrokerConfig config, Access* access) {
  if (state_->broker)
    throw std::logic_error("broker '" + name + "': this world has its broker, '" +
                           state_->broker_name + "', already");
  const trace::Actor actor = state_->log.add_actor(name);
  const std::uint64_t seed = Random(state_->config.seed, "broker/" + name).next();
  state_->broker =
      std::make_unique<BrokerHost>(state_->network, config, seed, access, state_->log, actor);
  state_->broker_name = name;
  state_->broker_config = config;
  state_->names.insert(name);
}

DeviceId World::add_device(const std::string& name, const LinkSpec& link) {
  if (!state_->broker)
    throw std::logic_error("device '" + name + "': add the broker before the first device");
  link.check();
  if (!state_->names.insert(name).second)
    throw std::invalid_argument("device '" + name + "': this name is taken; names are unique");
  const DeviceIndex index = state_->network.add_device(name, link);
  const trace::Actor actor = state_->log.add_actor(name);
  state_->devices.emplace_back(actor, state_->network.link(index), link, state_->config.seed, name,
                               state_->log);
  state_->index_of_actor.resize(actor + 1);
  state_->index_of_actor[actor] = index;
  return actor;
}

ClientId World::add_client(DeviceId device, ClientConfig config) {
  const DeviceIndex index = state_->index(device);
  auto& clients = state_->device(device).clients;
  const auto id = static_cast<ClientId>(state_->clients.size());
  const std::string stream = "client/" + std::string(state_->log.actor_name(device)) + "/" +
                             std::to_string(clients.size());
  const std::uint64_t seed = Random(state_->config.seed, stream).next();
  State* state = state_.get();
  auto host =
      std::make_unique<ClientHost>(state->network, index, std::move(config), seed, state->log,
                                   device, [state, id] { state->became_ready(id); });
  state->clients.push_back({device, std::move(host)});
  clients.push_back(id);
  return id;
}

Time World::run(Time until, const std::function<bool()>& keep_going) {
  state_->check_captured_devices();
  if (until <= now() || !ready().empty()) return now();
  const auto end =
      ns3::Simulator::Schedule(ns3::NanoSeconds(until - now()), [] { ns3::Simulator::Stop(); });
  if (keep_going) state_->watch_progress(keep_going);
  ns3::Simulator::Run();
  ns3::Simulator::Remove(end);
  ns3::Simulator::Remove(state_->progress);
  state_->network.flush_capture();
  if (state_->error) std::rethrow_exception(std::exchange(state_->error, nullptr));
  return now();
}

Time World::now() const { return virtual_now(); }
std::uint64_t World::seed() const { return state_->config.seed; }

void World::at(Time when, std::function<void()> what) {
  if (when < now())
    throw std::invalid_argument("at(" + std::to_string(when) + " ns): it is " +
                                std::to_string(now()) + " ns already");
  ns3::Simulator::Schedule(
      ns3::NanoSeconds(when - now()),
      [state = state_.get(), call = std::move(what)] { state->guarded(call); });
}

void World::start(ClientId client) {
  ClientHost& host = *state_->client(client).host;
  if (host.is_dead()) return;
  host.client().start(now());
  host.wake();
}

std::optional<Misuse> World::stop(ClientId client, const Disconnect& disconnect) {
  return state_->client(client).host->stop(disconnect);
}

std::optional<Misuse> World::reauthenticate(ClientId client) {
  ClientHost& host = *state_->client(client).host;
  if (host.is_dead()) return Misuse::not_connected;
  const auto misuse = host.client().reauthenticate(now());
  host.wake();
  return misuse;
}

std::variant<Token, Misuse> World::publish(ClientId client, Slice topic, Slice payload, QoS qos,
                                           bool retain, Properties properties) {
  return state_->call(client, [&](Client& core) {
    return core.publish(std::move(topic), std::move(payload), qos, retain, now(),
                        std::move(properties));
  });
}

std::variant<Token, Misuse> World::subscribe(ClientId client,
                                             std::vector<Subscription> subscriptions,
                                             Properties properties) {
  return state_->call(client, [&](Client& core) {
    return core.subscribe(std::move(subscriptions), now(), std::move(properties));
  });
}

std::variant<Token, Misuse> World::unsubscribe(ClientId client, std::vector<Slice> filters) {
  return state_->call(client,
                      [&](Client& core) { return core.unsubscribe(std::move(filters), now()); });
}

std::optional<ClientEvent> World::poll(ClientId client) {
  ClientHost& host = *state_->client(client).host;
  auto event = host.client().poll(now());
  if (event) host.wake();
  return event;
}

void World::decide(RequestId request, Decision decision) {
  state_->broker->decide(request, std::move(decision));
}

const Client& World::client(ClientId client) const { return state_->client(client).host->client(); }
DeviceId World::device_of(ClientId client) const { return state_->client(client).device; }
bool World::is_dead(ClientId client) const { return state_->client(client).host->is_dead(); }

void World::watch(ClientId client, bool watched) {
  ClientHost& host = *state_->client(client).host;
  host.watch(watched);
  host.wake();
}

void World::handle(ClientId client, std::function<void(const ClientEvent&)> handler) {
  ClientHost& host = *state_->client(client).host;
  if (!handler) return host.handle({});
  host.handle([state = state_.get(), call = std::move(handler)](const ClientEvent& event) {
    state->guarded([&] { call(event); });
  });
}

std::vector<ClientId> World::ready() {
  std::erase_if(state_->ready,
                [this](ClientId id) { return !state_->client(id).host->has_watched_events(); });
  return state_->ready;
}

void World::set_link(DeviceId device, bool up) { state_->device(device).cycler.set(up); }

void World::stop_cycles() {
  for (auto& device : state_->devices) device.cycler.stop_cycle();
}

void World::set_loss_free() {
  for (DeviceIndex index = 0; index < state_->network.devices(); ++index)
    state_->network.link(index).lose_nothing();
}

void World::die(DeviceId device, trace::Death how) {
  State::Device& dying = state_->device(device);
  state_->record(trace::Kind::died, device, static_cast<std::uint8_t>(how), 0);
  if (how == trace::Death::silent) dying.cycler.power_off();
  // Its sockets may only be touched inside an event, and its processes are dead from now on.
  for (const ClientId client : dying.clients) state_->client(client).host->die(how);
}

void World::phase(const std::string& name) {
  state_->record(trace::Kind::phase, 0, 0, state_->log.intern(name));
}

trace::Log& World::log() { return state_->log; }
const BrokerConfig& World::broker_config() const { return state_->broker_config; }

BrokerGauges World::broker_gauges() const {
  return state_->broker ? state_->broker->broker().gauges() : BrokerGauges{};
}

DirectionCounters World::counters(DeviceId device, bool up) const {
  return state_->network.link(state_->index(device)).counters(up ? Way::up : Way::down);
}

std::uint64_t World::simulator_events() const { return ns3::Simulator::GetEventCount(); }

}  // namespace mqttlab::sim
