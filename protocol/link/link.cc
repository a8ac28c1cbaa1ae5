#include "protocol/link/link.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <stdexcept>

namespace mqttlab {
namespace {

[[noreturn]] void reject(const std::string& link, const std::string& field,
                         const std::string& value, const std::string& range) {
  throw std::invalid_argument("link '" + link + "': " + field + " is " + value + ", must be " +
                              range);
}

void probability(const std::string& link, const std::string& field, double value) {
  // Written so that NaN fails too.
  if (!(value >= 0.0 && value <= 1.0)) reject(link, field, std::to_string(value), "in 0..1");
}

void not_negative(const std::string& link, const std::string& field, Time value) {
  if (value < 0) reject(link, field, std::to_string(value) + " ns", "0 or more");
}

void check_direction(const std::string& link, const std::string& way, const Direction& direction) {
  if (!(direction.rate_bps >= 0.0 && direction.rate_bps <= 1e12))
    reject(link, way + ".rate_bps", std::to_string(direction.rate_bps), "in 0..1e12");
  if (direction.rate_bps > 0.0 && direction.rate_bps < 1.0)
    reject(link, way + ".rate_bps", std::to_string(direction.rate_bps), "0 (no limit) or from 1");
  not_negative(link, way + ".delay", direction.delay);
  not_negative(link, way + ".jitter", direction.jitter);
  if (direction.queue_packets == 0) reject(link, way + ".queue_packets", "0", "1 or more");
  probability(link, way + ".loss", direction.loss);
  if (direction.burst) {
    probability(link, way + ".burst.good_to_bad", direction.burst->good_to_bad);
    probability(link, way + ".burst.bad_to_good", direction.burst->bad_to_good);
    probability(link, way + ".burst.loss_good", direction.burst->loss_good);
    probability(link, way + ".burst.loss_bad", direction.burst->loss_bad);
  }
  if (direction.capacity && direction.capacity->opportunities.empty())
    reject(link, way + ".capacity", "a recording without opportunities", "at least one long");
  if (direction.capacity && direction.recording && direction.recording->has_rate)
    reject(link, way + ".recording", "of a rate beside a recorded capacity", "one of the two");
  not_negative(link, way + ".recording_start", direction.recording_start.value_or(0));
  probability(link, way + ".reorder", direction.reorder);
  not_negative(link, way + ".reorder_by", direction.reorder_by);
  probability(link, way + ".duplicate", direction.duplicate);
  probability(link, way + ".corrupt", direction.corrupt);
}

void check_radio(const LinkSpec& link, const RadioCell& radio) {
  const auto within = [&](const std::string& field, double value, double least, double most) {
    if (!(value >= least && value <= most))
      reject(link.name, "radio." + field, std::to_string(value),
             "in " + std::to_string(std::lround(least)) + ".." + std::to_string(std::lround(most)));
  };
  const bool is_lte = radio.model == "lte";
  if (!is_lte && radio.model != "80211n" && radio.model != "802154")
    reject(link.name, "radio.model", radio.model, "80211n, 802154 or lte");
  within("radius_m", radio.radius_m, 1, is_lte ? 10'000 : 1'000);
  within("speed_mps", radio.speed_mps, 0, 100);
  const auto& places = radio.base_stations_m;
  if (places.empty() || places.size() > (is_lte ? 8 : 1))
    reject(link.name, "radio.base_stations_m", "of length " + std::to_string(places.size()),
           is_lte ? "of 1..8 places" : "of one place, for its model is " + radio.model);
  for (const double place : places) within("base_stations_m", place, -20'000, 20'000);
  const auto near = [](double one, double next) { return next - one < 10; };
  if (const auto at = std::ranges::adjacent_find(places, near); at != places.end())
    reject(link.name, "radio.base_stations_m",
           std::to_string(at[0]) + " before " + std::to_string(at[1]), "rising, by 10 m or more");
  if (link.up.corrupt > 0 || link.down.corrupt > 0)
    reject(link.name, "corrupt", std::to_string(std::max(link.up.corrupt, link.down.corrupt)),
           "0, for the frames of its radio have checksums of their own");
}

}  // namespace

void Direction::record(const std::string& file, std::string_view text) {
  if (file.ends_with(".csv"))
    recording = Recording::parse(file, text);
  else
    capacity = CapacityTrace::parse(file, text);
}

Time Direction::longest_delay() const {
  return (recording && recording->has_delay ? recording->longest_delay() : delay) + jitter;
}

Time Cycle::period(bool is_up, double draw) const {
  const double stretch = 1.0 + spread * (2.0 * draw - 1.0);
  return static_cast<Time>(static_cast<double>(is_up ? up : down) * stretch);
}

std::span<const CounterField> counter_fields() {
  using D = DirectionCounters;
  static constexpr std::array<CounterField, 16> fields{{
      {"packets", &D::packets},
      {"bytes", &D::bytes},
      {"header_bytes", &D::header_bytes},
      {"payload_bytes", &D::payload_bytes},
      {"retransmitted_bytes", &D::retransmitted_bytes},
      {"lost_random", &D::lost_random},
      {"lost_burst", &D::lost_burst},
      {"lost_queue", &D::lost_queue},
      {"lost_down", &D::lost_down},
      {"lost_blackhole", &D::lost_blackhole},
      {"lost_corrupt", &D::lost_corrupt},
      {"lost_nat", &D::lost_nat},
      {"lost_moved", &D::lost_moved},
      {"delivered", &D::delivered},
      {"duplicated", &D::duplicated},
      {"reordered", &D::reordered},
  }};
  static_assert(sizeof(D) == fields.size() * sizeof(std::uint64_t));
  return fields;
}

LinkCounters& LinkCounters::operator+=(const LinkCounters& more) {
  for (const CounterField& one : counter_fields()) packets.*one.field += more.packets.*one.field;
  stalls += more.stalls;
  stalled += more.stalled;
  return *this;
}

void Disturbance::check() const {
  const std::string on = "disturbance";
  Direction as_link;
  as_link.rate_bps = rate_bps;
  as_link.delay = delay;
  as_link.reorder = reorder;
  as_link.reorder_by = reorder_by;
  as_link.duplicate = duplicate;
  as_link.corrupt = corrupt;
  check_direction(on, "its", as_link);
  not_negative(on, "its.coalesce", coalesce);
}

void LinkSpec::check() const {
  check_direction(name, "up", up);
  check_direction(name, "down", down);
  if (radio) check_radio(*this, *radio);
  if (nat && nat->idle <= 0) reject(name, "nat.idle", std::to_string(nat->idle) + " ns", "over 0");
  if (!cycle) return;
  if (cycle->up <= 0) reject(name, "cycle.up", std::to_string(cycle->up) + " ns", "over 0");
  if (cycle->down <= 0) reject(name, "cycle.down", std::to_string(cycle->down) + " ns", "over 0");
  if (!(cycle->spread >= 0.0 && cycle->spread <= 1.0))
    reject(name, "cycle.spread", std::to_string(cycle->spread), "in 0..1");
}

}  // namespace mqttlab
