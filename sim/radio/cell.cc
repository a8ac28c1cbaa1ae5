#include "sim/radio/cell.h"

#include <ns3/constant-velocity-mobility-model.h>
#include <ns3/simulator.h>

#include <cmath>
#include <numbers>
#include <stdexcept>

#include "protocol/session/random.h"
#include "sim/radio/lr_wpan_cell.h"
#include "sim/radio/lte_cell.h"
#include "sim/radio/wifi_cell.h"

namespace mqttlab::sim {
namespace {

// Beyond those of nodes (10 each); a radio draws from some 40.
constexpr std::int64_t first_radio_stream = 1'000'000'000, streams_per_cell = 10'000'000,
                       streams_per_radio = 200;
constexpr double antenna_height_m = 1.5;

}  // namespace

std::unique_ptr<Cell> Cell::make(const RadioCell& spec, std::uint64_t seed, std::uint32_t number) {
  if (spec.model == "802154") return std::make_unique<LrWpanCell>(spec, seed, number);
  if (spec.model == "lte") return std::make_unique<LteCell>(spec, seed, number);
  return std::make_unique<WifiCell>(spec, seed, number);
}

Cell::Cell(const RadioCell& spec, std::uint64_t seed, std::uint32_t number,
           std::size_t most_stations)
    : spec_(spec),
      seed_(seed),
      next_stream_(first_radio_stream + number * streams_per_cell),
      most_stations_(most_stations) {}

Cell::Place Cell::place_of(const std::string& device) const {
  Random random(seed_, device + "/position");
  const double distance = spec_.radius_m * std::sqrt(random.uniform());
  const double angle = 2 * std::numbers::pi * random.uniform();
  return {distance * std::cos(angle), distance * std::sin(angle)};
}

ns3::Ptr<ns3::Node> Cell::node_at(const Place& place, double speed_mps) {
  const auto node = ns3::CreateObject<ns3::Node>();
  const auto position = ns3::CreateObject<ns3::ConstantVelocityMobilityModel>();
  const double moved_m = speed_mps * ns3::Simulator::Now().GetSeconds();
  position->SetPosition({place.x_m + moved_m, place.y_m, antenna_height_m});
  position->SetVelocity({speed_mps, 0, 0});
  node->AggregateObject(position);
  return node;
}

void Cell::assign_streams(const std::function<std::int64_t(std::int64_t first)>& assign) {
  if (assign(next_stream_) > streams_per_radio)
    throw std::logic_error("a radio draws from more streams than are set aside for it");
  next_stream_ += streams_per_radio;
}

void Cell::demand_room_for(const std::string& device) const {
  if (stations() >= most_stations_)
    throw std::length_error("device '" + device + "' is one too many for its radio cell (" +
                            spec_.model + "): " + std::to_string(most_stations_) + " fit");
}

}  // namespace mqttlab::sim
