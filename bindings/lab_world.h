// LabWorld: a World together with what a Python run adds to it: access rules, fleets, the oracle's
// verdicts. close() ends the world at a chosen instant: a Python name may live on.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "bindings/access_texts.h"
#include "protocol/oracle/oracle.h"
#include "protocol/world/fleet.h"
#include "protocol/world/world.h"

namespace mqttlab::bindings {

class LabWorld {
 public:
  explicit LabWorld(std::unique_ptr<World> world) : world_(std::move(world)) {}

  /// Throws std::logic_error after close().
  [[nodiscard]] World& world() const {
    if (!world_) throw std::logic_error("the run is over: its world is closed");
    return *world_;
  }
  void add_broker(const std::string& name, BrokerConfig config, const AccessTexts& access);
  DeviceId add_device(const std::string& name, const LinkSpec& link);
  ClientId add_client(DeviceId device, ClientConfig config, Transport transport);
  Fleet& add_fleet(const std::string& name, std::vector<ClientId> clients, FleetConfig config);
  /// Of programs that are none of ours, it is not known what they may need to converge.
  void expect_guests() {
    settings_.converge_within = std::max(settings_.converge_within, 60 * second);
  }
  /// How long after the phase `settle` everything may take, instead of what its clients may need.
  void allow(Time converge_within) { converge_within_ = converge_within; }
  /// Every event of the watched clients, in order.
  [[nodiscard]] std::vector<std::pair<ClientId, ClientEvent>> take();
  /// Lets the oracle judge the run so far. The oracle reads the trace once, at the end: only then
  /// is known what it must be told about the clients, and a run that is cut short costs nothing.
  /// `strict`: as oracle::Settings has it.
  const oracle::Oracle& judge(bool strict);
  void close();

 private:
  [[nodiscard]] oracle::Gauges gauges() const;

  std::optional<oracle::Gauges> limits_;          // of a broker of ours
  oracle::Settings settings_{.ping_timeout = 0};  // of its clients the longest
  std::optional<Time> converge_within_;
  std::map<DeviceId, Time> round_trips_;  // of links that lose nothing
  std::vector<std::pair<DeviceId, oracle::DeviceFacts>> facts_;
  std::unique_ptr<oracle::Oracle> oracle_;
  std::unique_ptr<Access> access_;  // the broker's in world_, so before it
  std::unique_ptr<World> world_;
  std::vector<std::unique_ptr<Fleet>> fleets_;
};

}  // namespace mqttlab::bindings
