#include "bindings/lab_world.h"

#include <algorithm>

namespace mqttlab::bindings {
namespace {

/// Lets a slow identity system's answers come when they are due.
class SlowAccess final : public Access {
 public:
  SlowAccess(World& world, std::unique_ptr<Access> inner, AccessDelays delays)
      : world_(world), delayed_(std::move(inner), delays) {}

  Decision ask(const AccessRequest& request) override {
    Decision decision = delayed_.ask(request);
    const Time due = delayed_.deadline();
    if (decision.verdict == Verdict::later && due != never) world_.at(due, [this] { answer(); });
    return decision;
  }
  [[nodiscard]] bool supports(std::string_view method) const override {
    return delayed_.supports(method);
  }
  void gone(LinkId link) override { delayed_.gone(link); }

 private:
  void answer() {
    while (auto due = delayed_.next(world_.now()))
      world_.decide(due->request, std::move(due->decision));
    if (delayed_.deadline() != never) world_.at(delayed_.deadline(), [this] { answer(); });
  }
  World& world_;
  DelayedAccess delayed_;
};

constexpr std::uint32_t full_segment_bytes = 1'500;

bool quick(const Direction& way) { return way.loss == 0 && !way.burst && !way.capacity; }

/// At most, with both queues full.
Time round_trip(const LinkSpec& link) {
  Time all = 0;
  for (const Direction& way : {link.up, link.down}) {
    all += way.delay + way.jitter;
    if (way.rate_bps > 0)
      all += static_cast<Time>(way.queue_packets * full_segment_bytes * 8.0 / way.rate_bps *
                               static_cast<double>(second));
  }
  return all;
}

}  // namespace

void LabWorld::add_broker(const std::string& name, BrokerConfig config, const AccessTexts& access) {
  access_ = access.make(Random(world().seed(), "broker/" + name + "/access"));
  if (access.delays)
    access_ = std::make_unique<SlowAccess>(world(), std::move(access_), *access.delays);
  world().add_broker(name, config, access_.get(), access.certificates);
  settings_.keep_alive_factor = config.keep_alive_factor;
  settings_.queue_qos0 = config.queue_qos0;
  limits_ = oracle::Gauges{.most_retained = config.max_retained,
                           .most_queued = config.queue_messages,
                           .most_in_flight = config.window};
}

DeviceId LabWorld::add_device(const std::string& name, const LinkSpec& link) {
  const DeviceId device = world().add_device(name, link);
  const bool sound = quick(link.up) && quick(link.down) && !link.cycle;
  if (sound) round_trips_[device] = round_trip(link);
  return device;
}

ClientId LabWorld::add_client(DeviceId device, ClientConfig config, Transport transport) {
  settings_.ping_timeout = std::max(settings_.ping_timeout, config.ping_timeout);
  // What a client may need once the faults are over: to notice that its link died during them, to
  // dial at the next turn of its back-off, and to finish what is open.
  constexpr Time finish = 20 * second;
  const Time converge =
      config.keep_alive_s * second + config.ping_timeout + config.backoff.maximum + finish;
  settings_.converge_within = std::max(settings_.converge_within, converge);
  const auto sound = round_trips_.find(device);
  facts_.emplace_back(
      device, oracle::DeviceFacts{.round_trip = sound == round_trips_.end() ? never : sound->second,
                                  .connect_timeout = config.connect_timeout,
                                  .backoff_initial = config.backoff.initial,
                                  .backoff_maximum = config.backoff.maximum,
                                  .backoff_stable = config.backoff.stable,
                                  .backoff_factor = config.backoff.factor,
                                  .backoff_jitter = config.backoff.jitter,
                                  .resubscribes = true});
  return world().add_client(device, std::move(config), transport);
}

Fleet& LabWorld::add_fleet(const std::string& name, std::vector<ClientId> clients,
                           FleetConfig config) {
  fleets_.push_back(std::make_unique<Fleet>(world(), name, std::move(clients), std::move(config)));
  return *fleets_.back();
}

std::vector<std::pair<ClientId, ClientEvent>> LabWorld::take() {
  std::vector<std::pair<ClientId, ClientEvent>> events;
  for (auto clients = world().ready(); !clients.empty(); clients = world().ready()) {
    for (const ClientId client : clients)
      while (auto event = world().poll(client)) events.emplace_back(client, std::move(*event));
  }
  return events;
}

const oracle::Oracle& LabWorld::judge(bool strict) {
  const Observation seen = world().observation();
  settings_.strict = strict;
  settings_.host_grace = seen.host_grace;
  settings_.keep_alive_slack = seen.keep_alive_slack;
  settings_.keep_alive_early = seen.keep_alive_early;
  settings_.from_the_path = seen.from_the_path;
  settings_.passes_on_at_pubrel = settings_.passes_on_later = seen.is_foreign;
  settings_.crash_loses = seen.crash_loses;
  settings_.converge_within = converge_within_.value_or(settings_.converge_within);
  oracle_ = std::make_unique<oracle::Oracle>(settings_);
  for (const auto& [device, facts] : facts_) oracle_->know(device, facts);
  const trace::Log& log = world().log();
  auto start = world().starts().begin();
  for (const trace::Event& event : log.events()) {
    for (; start != world().starts().end() && start->first <= event.at; ++start)
      oracle_->started(start->second);
    oracle_->on(event, log);
  }
  if (limits_ && !seen.is_foreign && !seen.from_the_path) oracle_->count(gauges());
  oracle_->finish(world().now(), log);
  return *oracle_;
}

oracle::Gauges LabWorld::gauges() const {
  const BrokerGauges now = world().broker_gauges();
  oracle::Gauges counts = *limits_;
  counts.connections = now.connections;
  counts.sessions = now.sessions;
  counts.subscriptions = now.subscriptions;
  counts.retained = now.retained;
  counts.queued = now.queued_messages;
  counts.in_flight = now.in_flight;
  counts.session_bytes = now.session_bytes;
  counts.pending_wills = now.pending_wills;
  return counts;
}

void LabWorld::close() {
  fleets_.clear();
  world_.reset();
}

}  // namespace mqttlab::bindings
