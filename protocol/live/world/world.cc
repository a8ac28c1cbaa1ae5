#include "protocol/live/world/world.h"

#include <algorithm>
#include <stdexcept>

#include "protocol/live/clock.h"
#include "protocol/live/open_files.h"
#include "protocol/session/random.h"

namespace mqttlab::live {
namespace {

// A device needs its link's listener, both sides of its connection there, its own socket and an
// epoll set for each of link and client; our own broker one socket more. Connections linger.
constexpr std::size_t files_per_device = 10;
constexpr std::size_t many_devices = 2'000;
constexpr std::size_t max_topic_bytes = 65'535;
constexpr Time asked_every = 100 * millisecond;

bool alive = false;

Endpoint loopback(std::uint16_t port) {
  Endpoint endpoint;
  endpoint.host = "127.0.0.1";
  endpoint.port = port;
  return endpoint;
}

// Two connections for each device that there can be: old ones linger.
ServerConfig own_server(const BrokerConfig& broker) {
  const std::size_t files = raise_open_files(many_devices * files_per_device);
  return {.max_connections =
              std::min<std::size_t>(broker.max_connections, 2 * files / files_per_device),
          .accepts_per_s = 0};
}

}  // namespace

World::OnlyOne::OnlyOne() {
  if (std::exchange(alive, true))
    throw std::logic_error("a live world exists already; a process can have one at a time");
}

World::OnlyOne::~OnlyOne() { alive = false; }

World::World(WorldConfig config) : mqttlab::World(config.seed), config_(std::move(config)) {
  clock_origin = std::chrono::steady_clock::now();
  if (!config_.target) return;
  broker_at_ = *config_.target;
  probe();
  clock_origin = std::chrono::steady_clock::now();
}

World::~World() {
  plans_.clear();
  plan_alarm_.cancel();
  try {
    if (cleaner_) leave();
  } catch (const std::exception& error) {
    log_lines_(LogLevel::error, "what this run left at the target may be there still: {}",
               error.what());
  }
  errands_.clear();
  drop_clients();
}

// Before anything else: is there a broker, and which?
void World::probe() {
  ClientConfig config;
  config.client_id = "mqttlab-" + std::to_string(Random(steady_now(), "probe").next() % 1'000'000);
  config.user_name = broker_at_.endpoint.user_name;
  config.password = broker_at_.endpoint.password;
  config = passing_client(config);
  send(std::move(config), ask_version(version_), [] {});
  const Errand& asking = *errands_.back();
  while (!asking.is_over()) io_.run_one();
  if (!asking.was_connected() && !asking.was_refused())
    throw std::runtime_error("target " + broker_at_.endpoint.text() + ": " + asking.trouble());
  errands_.clear();
}

void World::make_broker(trace::Actor actor, const std::string& name, BrokerConfig config,
                        Access* access, bool) {
  broker_actor_ = actor;
  if (is_foreign()) return;
  const std::uint64_t seed_of_broker = Random(seed(), "broker/" + name).next();
  const ServerConfig server = own_server(config);
  server_ = std::make_unique<BrokerServer>(
      io_, std::move(config), server, seed_of_broker, access, log_lines_,
      BrokerTrace{.log = &log(), .actor = actor, .packets = false});
  broker_at_.endpoint = loopback(server_->listen({.endpoint = loopback(0)}));
}

void World::make_device(DeviceId device, const std::string& name, const LinkSpec& spec) {
  check_files(name);
  LinkConfig config{
      .link = spec, .seed = seed(), .listen = loopback(0), .target = broker_at_.endpoint};
  // Its client may never have seen it.
  config.ended = [this, device](const ConnectionReport& one) {
    const auto half = connections_.find({device, one.address});
    if (half != connections_.end() && half->second == one.trace_number) connections_.erase(half);
  };
  config.link.name = name;
  config.target.transport = Transport::tcp;  // bytes are bytes
  LinkTrace traced{
      .log = &log(),
      .device = device,
      .broker = broker_actor_,
      .connection = [this, device](const std::string& at) { return connection(device, at); },
      .device_end = false,
      .broker_end = broker_at_.endpoint.transport == Transport::tcp};
  links_.resize(device + 1);
  links_[device] =
      std::make_unique<LinkProxy>(io_, std::move(config), log_lines_, std::move(traced));
}

void World::check_files(const std::string& name) const {
  const std::size_t wanted = (links_.size() + 1) * files_per_device + spare_files;
  const std::size_t limit = raise_open_files(wanted);
  if (limit < wanted)
    throw std::logic_error("device '" + name + "': " + std::to_string(links_.size()) +
                           " devices need " + std::to_string(wanted) +
                           " open files, and this process may have " + std::to_string(limit) +
                           "; use fewer devices, or raise the limit (ulimit -n)");
}

// What carries the bytes is the target's to say.
std::unique_ptr<HostedClient> World::make_client(DeviceId device, ClientConfig config,
                                                 mqttlab::Transport, std::uint64_t seed_of_client,
                                                 Ready ready) {
  if (!config.user_name) config.user_name = broker_at_.endpoint.user_name;
  if (!config.password) config.password = broker_at_.endpoint.password;
  DialConfig dial = broker_at_;
  dial.via = loopback(link(device).port());
  ClientTrace traced{.log = &log(), .actor = device};
  traced.connection = [this, device](const std::string& at) { return connection(device, at); };
  const ClientConfig passing = passing_client(config);
  auto client = std::make_unique<LiveClient>(io_, std::move(dial), std::move(config),
                                             seed_of_client, std::move(traced), std::move(ready));
  clients_.push_back(client.get());
  if (!is_foreign()) return client;
  if (!cleaner_) cleaner_ = passing;
  const std::string& id = passing.client_id;
  if (id.empty()) return client;
  // What the broker knows of this client id before its first client is not this run's.
  if (std::ranges::find(known_to_target_, id, &ClientConfig::client_id) == known_to_target_.end()) {
    known_to_target_.push_back(passing);
    detained_.insert(id);
    send(passing, leave_at_once(), [this, id] { release(id); });
  }
  if (detained_.contains(id)) client->detain();
  return client;
}

void World::release(const std::string& client_id) {
  detained_.erase(client_id);
  for (LiveClient* client : clients_)
    if (client->client().config().client_id == client_id) client->release();
}

// Both ends of a connection have one number: who sees it first gives it. Clients of different links
// may have equal addresses.
std::uint32_t World::connection(DeviceId device, const std::string& address) {
  const auto [at, is_new] = connections_.try_emplace({device, address}, last_connection_ + 1);
  if (is_new) return ++last_connection_;
  const std::uint32_t number = at->second;
  connections_.erase(at);
  return number;
}

LinkProxy& World::link(DeviceId device) const {
  (void)clients_on(device);
  return *links_[device];
}

void World::send(ClientConfig config, Errand::Step step, std::function<void()> over) {
  errands_.push_back(std::make_unique<Errand>(io_, broker_at_, std::move(config), seed(),
                                              std::move(step), std::move(over)));
}

Time World::now() const { return steady_now(); }

Time World::run(Time until, const std::function<bool()>& keep_going) {
  if (!ready().empty()) return now();
  std::erase_if(errands_, [](const auto& errand) { return errand->is_over(); });
  const Turn turn(*this, keep_going);
  end_alarm_.set(until);
  if (keep_going_) ask_alarm_.set(now() + asked_every);
  while (running_) io_.run_one();
  return now();
}

World::Turn::Turn(World& world, const std::function<bool()>& keep_going) : world_(world) {
  world_.running_ = true;
  world_.keep_going_ = keep_going ? &keep_going : nullptr;
}

World::Turn::~Turn() {
  world_.running_ = false;
  world_.keep_going_ = nullptr;
  world_.end_alarm_.cancel();
  world_.ask_alarm_.cancel();
}

void World::ask() {
  if (!(*keep_going_)()) running_ = false;
  ask_alarm_.set(now() + asked_every);
}

void World::at(Time when, std::function<void()> what) {
  plans_.emplace(std::pair(when, ++last_plan_), std::move(what));
  arm();
}

void World::arm() {
  if (!plans_.empty()) plan_alarm_.set(plans_.begin()->first.first);
}

void World::due() {
  while (!plans_.empty() && plans_.begin()->first.first <= now()) {
    const auto plan = plans_.extract(plans_.begin());
    plan.mapped()();
  }
  arm();
}

void World::decide(RequestId request, Decision decision) {
  if (server_) server_->decide(request, std::move(decision));
}

void World::set_link(DeviceId device, bool up) {
  if (!off_.contains(device)) link(device).set_up(up);
}

void World::cut(DeviceId device, Cut how, std::uint32_t connection) {
  if (connection != 0) throw std::invalid_argument("cut: on real sockets all connections are cut");
  link(device).cut(how);
}

void World::when(DeviceId, const Trigger&, std::function<void(const Fired&)>) {
  throw std::logic_error("when: instants of the protocol are in simulated networks only");
}

void World::stop_cycles() {
  for (const auto& link : links_)
    if (link) link->stop_cycle();
}

void World::set_loss_free() {
  for (const auto& link : links_)
    if (link) link->lose_nothing();
}

void World::power_off(DeviceId device) {
  set_link(device, false);
  off_.insert(device);
}

BrokerGauges World::broker_gauges() const { return server_ ? server_->gauges() : BrokerGauges{}; }

DirectionCounters World::counters(DeviceId device, bool up) const {
  return link(device).counters(up ? Way::up : Way::down).packets;
}

// Other processes have their turns in between; some brokers look for silent clients now and then.
Observation World::observation() const {
  return {.host_grace = 2 * second,
          .keep_alive_slack = is_foreign() ? 10 * second : 2 * second,
          .keep_alive_early = is_foreign() ? second : 0,
          .from_the_path = true,
          .is_foreign = is_foreign()};
}

void World::await_errands() {
  const auto going = [](const auto& errand) { return !errand->is_over(); };
  while (std::any_of(errands_.begin(), errands_.end(), going)) io_.run_one();
  errands_.clear();
}

// In this order: a session that ends may leave a will, and a will may leave a retained message.
void World::leave() {
  std::set<std::string> topics;
  for (const trace::Event& event : log().events()) {
    if (event.end != trace::End::client || event.kind != trace::Kind::written) continue;
    if (event.packet == PacketType::publish && trace::retain_of(event) && event.text != 0)
      topics.emplace(log().text(event.text));
    if (event.packet != PacketType::connect) continue;
    const auto& connect = log().detail<trace::ConnectDetail>(event.detail);
    if (connect.has_will && connect.will_retain) topics.emplace(log().text(connect.will_topic));
  }
  await_errands();
  for (LiveClient* client : clients_) (void)client->stop({});
  const auto idle = [](const LiveClient* client) { return client->is_idle(); };
  const Time patience = now() + second;
  while (now() < patience && !std::all_of(clients_.begin(), clients_.end(), idle))
    io_.run_one_for(std::chrono::milliseconds(10));
  drop_clients();
  links_.clear();
  for (const ClientConfig& guest : known_to_target_) send(guest, leave_at_once(), [] {});
  await_errands();
  if (topics.empty()) return;
  ClientConfig cleaner = *cleaner_;
  cleaner.queue_messages = topics.size();
  cleaner.queue_bytes = topics.size() * max_topic_bytes;
  send(cleaner, clear_retained({topics.begin(), topics.end()}), [] {});
  await_errands();
}

}  // namespace mqttlab::live
