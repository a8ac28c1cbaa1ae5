#include "protocol/world/world.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "protocol/session/random.h"

namespace mqttlab {

World::~World() = default;

void World::add_broker(const std::string& name, BrokerConfig config, Access* access,
                       bool certificates) {
  if (broker_name_)
    throw std::logic_error("broker '" + name + "': this world has its broker, '" + *broker_name_ +
                           "', already");
  make_broker(log_.add_actor(name), name, std::move(config), access, certificates);
  broker_name_ = name;
  names_.insert(name);
}

DeviceId World::add_device(const std::string& name, const LinkSpec& link) {
  if (!broker_name_)
    throw std::logic_error("device '" + name + "': add the broker before the first device");
  link.check();
  if (!names_.insert(name).second)
    throw std::invalid_argument("device '" + name + "': this name is taken; names are unique");
  const DeviceId device = log_.add_actor(name);
  make_device(device, name, link);
  clients_on_.resize(device + 1);
  clients_on_[device].emplace();
  return device;
}

ClientId World::add_client(DeviceId device, ClientConfig config, Transport transport) {
  const std::size_t number = clients_on(device).size();
  const auto id = static_cast<ClientId>(clients_.size());
  const std::string stream =
      "client/" + std::string(log_.actor_name(device)) + "/" + std::to_string(number);
  const std::uint64_t seed = Random(seed_, stream).next();
  auto host =
      make_client(device, std::move(config), transport, seed, [this, id] { became_ready(id); });
  clients_.push_back({device, std::move(host)});
  clients_on_[device]->push_back(id);
  return id;
}

const std::vector<ClientId>& World::clients_on(DeviceId device) const {
  if (device >= clients_on_.size() || !clients_on_[device])
    throw std::out_of_range("device " + std::to_string(device) + " does not exist in this world");
  return *clients_on_[device];
}

const World::Member& World::member(ClientId client) const {
  if (client >= clients_.size())
    throw std::out_of_range("client " + std::to_string(client) + " does not exist in this world");
  return clients_[client];
}

HostedClient& World::host(ClientId client) const { return *member(client).host; }

void World::record(trace::Kind kind, trace::Actor actor, std::uint8_t code, trace::Text text,
                   std::uint32_t connection) {
  trace::Event event;
  event.at = now();
  event.kind = kind;
  event.actor = actor;
  event.code = code;
  event.text = text;
  event.connection = connection;
  log_.append(event);
}

void World::became_ready(ClientId client) {
  if (std::find(ready_.begin(), ready_.end(), client) == ready_.end()) ready_.push_back(client);
  stop_run();
}

std::vector<ClientId> World::ready() {
  std::erase_if(ready_, [this](ClientId id) { return !host(id).has_watched_events(); });
  return ready_;
}

void World::start(ClientId client) {
  HostedClient& hosted = host(client);
  if (hosted.is_dead()) return;
  hosted.want(true);
  starts_.emplace_back(now(), device_of(client));
  hosted.client().start(now());
  hosted.wake();
}

std::optional<Misuse> World::stop(ClientId client, const Disconnect& disconnect) {
  HostedClient& hosted = host(client);
  const bool is_unseen = (hosted.is_down() || !hosted.is_dead()) && !hosted.client().connected();
  hosted.want(false);
  const auto misuse = hosted.stop(disconnect);
  if (is_unseen && !misuse)
    record(trace::Kind::stopped, device_of(client), 0,
           log_.intern(hosted.client().config().client_id));
  return misuse;
}

std::optional<Misuse> World::reauthenticate(ClientId client) {
  HostedClient& hosted = host(client);
  if (hosted.is_dead()) return Misuse::not_connected;
  const auto misuse = hosted.client().reauthenticate(now());
  hosted.wake();
  return misuse;
}

// A call into a client by the application; what it writes leaves inside run().
template <typename Call>
std::variant<Token, Misuse> World::call(ClientId client, const Call& what) {
  HostedClient& hosted = host(client);
  if (hosted.is_dead()) return Misuse::not_connected;
  auto result = what(hosted.client());
  hosted.wake();
  return result;
}

std::variant<Token, Misuse> World::publish(ClientId client, Slice topic, Slice payload, QoS qos,
                                           bool retain, Properties properties) {
  return call(client, [&](Client& core) {
    return core.publish(std::move(topic), std::move(payload), qos, retain, now(),
                        std::move(properties));
  });
}

std::variant<Token, Misuse> World::subscribe(ClientId client,
                                             std::vector<Subscription> subscriptions,
                                             Properties properties) {
  return call(client, [&](Client& core) {
    return core.subscribe(std::move(subscriptions), now(), std::move(properties));
  });
}

std::variant<Token, Misuse> World::unsubscribe(ClientId client, std::vector<Slice> filters) {
  return call(client, [&](Client& core) { return core.unsubscribe(std::move(filters), now()); });
}

std::optional<ClientEvent> World::poll(ClientId client) {
  HostedClient& hosted = host(client);
  if (!hosted.may_take()) return std::nullopt;
  auto event = hosted.client().poll(now());
  if (event) hosted.took(*event);
  if (event) hosted.wake();
  return event;
}

const Client& World::client(ClientId client) const { return host(client).client(); }
DeviceId World::device_of(ClientId client) const { return member(client).device; }
bool World::is_dead(ClientId client) const { return host(client).is_dead(); }
bool World::is_away(ClientId client) const {
  return host(client).is_down() || host(client).is_paused();
}

void World::watch(ClientId client, bool watched) {
  HostedClient& hosted = host(client);
  hosted.watch(watched);
  hosted.wake();
}

void World::die(DeviceId device, trace::Death how) {
  const auto& dying = clients_on(device);
  record(trace::Kind::died, device, static_cast<std::uint8_t>(how), 0);
  if (how == trace::Death::silent) power_off(device);
  for (const ClientId client : dying) host(client).die(how);
}

void World::phase(const std::string& name) { record(trace::Kind::phase, 0, 0, log_.intern(name)); }

void World::fault(trace::Actor actor, const std::string& what, std::uint32_t connection,
                  bool over) {
  const auto kind = over ? trace::Kind::fault_over : trace::Kind::fault;
  record(kind, actor, 0, log_.intern(what), connection);
}

}  // namespace mqttlab
