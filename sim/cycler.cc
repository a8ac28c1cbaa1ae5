#include "sim/cycler.h"

#include "sim/stream.h"

namespace mqttlab::sim {

Cycler::Cycler(AccessLink& link, std::optional<Cycle> cycle, std::uint64_t seed,
               const std::string& name, trace::Log& log, trace::Actor actor)
    : link_(link),
      cycle_(cycle),
      random_(seed, name + "/cycle"),
      log_(log),
      actor_(actor),
      alarm_([this] { turn(); }) {
  if (cycle_) arm();
}

void Cycler::set(bool up) {
  held_by_fault_ = !up;
  apply();
}

void Cycler::stop_cycle() {
  cycle_.reset();
  alarm_.cancel();
  held_by_cycle_ = false;
  apply();
}

void Cycler::power_off() {
  off_ = true;
  alarm_.cancel();
  apply();
}

void Cycler::power_on() {
  off_ = false;
  if (cycle_) arm();
  apply();
}

void Cycler::turn() {
  held_by_cycle_ = !held_by_cycle_;
  apply();
  arm();
}

void Cycler::arm() {
  alarm_.set(virtual_now() + cycle_->period(!held_by_cycle_, random_.uniform()));
}

void Cycler::apply() {
  const bool up = !off_ && !held_by_fault_ && !held_by_cycle_;
  if (up == link_.is_up()) return;
  link_.set_up(up);
  trace::Event event;
  event.at = virtual_now();
  event.kind = up ? trace::Kind::link_up : trace::Kind::link_down;
  event.actor = actor_;
  log_.append(event);
}

}  // namespace mqttlab::sim
