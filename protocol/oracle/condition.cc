#include "protocol/oracle/condition.h"

#include <algorithm>
#include <utility>

namespace mqttlab::oracle {

using trace::Kind;

void Conditions::on(const Event& event, bool settles) {
  if (settles) {  // faults have stopped, whatever was said of them
    const auto stop = [&](Condition& of) {
      if (std::exchange(of.faults, 0) > 0) of.sound_since = event.at;
    };
    std::for_each(devices_.begin(), devices_.end(), stop);
    stop(broker_);
  }
  if (event.end == trace::End::client && devices_.size() <= event.actor)
    devices_.resize(event.actor + std::size_t{1});
  Condition& of = event.end == trace::End::client ? devices_[event.actor] : broker_;
  switch (event.kind) {
    case Kind::link_down:
      of.down = true;
      break;
    case Kind::link_up:
      of.down = false;
      of.sound_since = event.at;
      break;
    case Kind::fault:  // the trace does not say which is over at once, as a cut is, and which lasts
      ++of.faults;
      break;
    case Kind::fault_over:
      if (of.faults > 0) --of.faults;
      of.sound_since = event.at;
      break;
    case Kind::paused:
    case Kind::crashed:
    case Kind::died:
      of.stopped = true;
      break;
    case Kind::restarted:
    case Kind::went_on:
      of.stopped = false;
      of.runs_since = event.at;
      break;
    default:
      break;
  }
}

const Conditions::Condition& Conditions::of(trace::End end, trace::Actor actor) const {
  static const Condition nothing;
  if (end == trace::End::broker) return broker_;
  return actor < devices_.size() ? devices_[actor] : nothing;
}

Time Conditions::runs_since(trace::End end, trace::Actor actor) const {
  const Condition& known = of(end, actor);
  return known.stopped ? never : known.runs_since;
}

Time Conditions::sound_since(trace::Actor device) const {
  const Condition& known = of(trace::End::client, device);
  if (!known.sound() || !broker_.sound()) return never;
  return std::max(known.sound_since, broker_.sound_since);
}

}  // namespace mqttlab::oracle
