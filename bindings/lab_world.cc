#include "bindings/lab_world.h"

#include <algorithm>

#include "protocol/broker/text_access.h"

namespace mqttlab::bindings {

sim::World& LabWorld::world() const {
  if (!world_) throw std::logic_error("the run is over: its world is closed");
  return *world_;
}

void LabWorld::add_broker(const std::string& name, BrokerConfig config, const AccessTexts& access) {
  std::optional<PasswordFile> passwords;
  std::optional<AclFile> acl;
  if (const auto& text = access.passwords)
    passwords = PasswordFile::parse(text->first, text->second);
  if (const auto& text = access.acl) acl = AclFile::parse(text->first, text->second);
  if (passwords || acl || !access.anonymous)
    access_ = std::make_unique<TextAccess>(std::move(passwords), std::move(acl), access.anonymous);
  world().add_broker(name, config, access_.get());
  settings_.keep_alive_factor = config.keep_alive_factor;
  settings_.queue_qos0 = config.queue_qos0;
}

sim::ClientId LabWorld::add_client(sim::DeviceId device, ClientConfig config) {
  settings_.ping_timeout = std::max(settings_.ping_timeout, config.ping_timeout);
  // What a client may need once the faults are over: to notice that its link died during them, to
  // dial at the next turn of its back-off, and to finish what is open.
  constexpr Time finish = 20 * second;
  const Time converge =
      config.keep_alive_s * second + config.ping_timeout + config.backoff.maximum + finish;
  settings_.converge_within = std::max(settings_.converge_within, converge);
  return world().add_client(device, std::move(config));
}

sim::Fleet& LabWorld::add_fleet(const std::string& name, std::vector<sim::ClientId> clients,
                                sim::FleetConfig config) {
  fleets_.push_back(
      std::make_unique<sim::Fleet>(world(), name, std::move(clients), std::move(config)));
  return *fleets_.back();
}

std::vector<std::pair<sim::ClientId, ClientEvent>> LabWorld::take() {
  std::vector<std::pair<sim::ClientId, ClientEvent>> events;
  for (auto clients = world().ready(); !clients.empty(); clients = world().ready()) {
    for (const sim::ClientId client : clients)
      while (auto event = world().poll(client)) events.emplace_back(client, std::move(*event));
  }
  return events;
}

const oracle::Oracle& LabWorld::judge() {
  oracle_ = std::make_unique<oracle::Oracle>(settings_);
  const trace::Log& log = world().log();
  for (const trace::Event& event : log.events()) oracle_->on(event, log);
  oracle_->finish(world().now(), log);
  return *oracle_;
}

void LabWorld::close() {
  fleets_.clear();
  world_.reset();
}

}  // namespace mqttlab::bindings
