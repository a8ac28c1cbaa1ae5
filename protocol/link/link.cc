#include "protocol/link/link.h"

#include <array>
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
  if (radio && radio->model != "80211n") reject(name, "radio.model", radio->model, "80211n");
  if (radio && !(radio->radius_m >= 1 && radio->radius_m <= 1'000))
    reject(name, "radio.radius_m", std::to_string(radio->radius_m), "in 1..1000");
  if (nat && nat->idle <= 0) reject(name, "nat.idle", std::to_string(nat->idle) + " ns", "over 0");
  if (!cycle) return;
  if (cycle->up <= 0) reject(name, "cycle.up", std::to_string(cycle->up) + " ns", "over 0");
  if (cycle->down <= 0) reject(name, "cycle.down", std::to_string(cycle->down) + " ns", "over 0");
  if (!(cycle->spread >= 0.0 && cycle->spread <= 1.0))
    reject(name, "cycle.spread", std::to_string(cycle->spread), "in 0..1");
}

}  // namespace mqttlab
