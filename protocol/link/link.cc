#include "protocol/link/link.h"

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

LinkCounters& LinkCounters::operator+=(const LinkCounters& more) {
  for (const auto count : {&DirectionCounters::packets, &DirectionCounters::bytes,
                           &DirectionCounters::header_bytes, &DirectionCounters::payload_bytes,
                           &DirectionCounters::retransmitted_bytes, &DirectionCounters::lost_random,
                           &DirectionCounters::lost_burst, &DirectionCounters::lost_queue,
                           &DirectionCounters::lost_down, &DirectionCounters::delivered})
    packets.*count += more.packets.*count;
  stalls += more.stalls;
  stalled += more.stalled;
  return *this;
}

void LinkSpec::check() const {
  check_direction(name, "up", up);
  check_direction(name, "down", down);
  if (!cycle) return;
  if (cycle->up <= 0) reject(name, "cycle.up", std::to_string(cycle->up) + " ns", "over 0");
  if (cycle->down <= 0) reject(name, "cycle.down", std::to_string(cycle->down) + " ns", "over 0");
  if (!(cycle->spread >= 0.0 && cycle->spread <= 1.0))
    reject(name, "cycle.spread", std::to_string(cycle->spread), "in 0..1");
}

}  // namespace mqttlab
