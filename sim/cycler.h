// Cycler: takes one device's link down and up. Faults and cycles each have a hold on it; the link
// is up when nobody holds it down.
#pragma once

#include <optional>
#include <string>

#include "protocol/session/random.h"
#include "protocol/trace/log.h"
#include "sim/access_link.h"
#include "sim/alarm.h"

namespace mqttlab::sim {

class Cycler {
 public:
  Cycler(AccessLink& link, std::optional<Cycle> cycle, std::uint64_t seed, const std::string& name,
         trace::Log& log, trace::Actor actor);

  void set(bool up);  ///< a fault's hold
  void stop_cycle();  ///< the cycle's hold is lifted for good
  void power_off();   ///< down until power_on()
  void power_on();

 private:
  void turn();
  void arm();
  void apply();

  AccessLink& link_;
  std::optional<Cycle> cycle_;
  Random random_;
  trace::Log& log_;
  trace::Actor actor_;
  bool held_by_fault_ = false, held_by_cycle_ = false, off_ = false;
  Alarm alarm_;
};

}  // namespace mqttlab::sim
