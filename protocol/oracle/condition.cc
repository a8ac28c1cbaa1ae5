#include "protocol/oracle/condition.h"

#include <algorithm>

namespace mqttlab::oracle {

using trace::Kind;

void Conditions::on(const Event& event, bool settles) {
  if (settles) {  // faults have stopped, whatever was said of them
    for (Condition& device : devices_) device.faults = 0;
    broker_.faults = 0;
  }
  if (event.end == trace::End::client && devices_.size() <= event.actor)
    devices_.resize(event.actor + std::size_t{1});
  Condition& of = event.end == trace::End::client ? devices_[event.actor] : broker_;
  const bool lasts = event.connection == 0;  // what befalls one connection ends with it
  switch (event.kind) {
    case Kind::link_down:
      of.down = true;
      break;
    case Kind::link_up:
      of.down = false;
      break;
    case Kind::fault:
      if (lasts) ++of.faults;
      break;
    case Kind::fault_over:
      if (lasts && of.faults > 0) --of.faults;
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
      return;
  }
  of.fine_since = event.at;
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

Time Conditions::fine_since(trace::Actor device) const {
  const Condition& known = of(trace::End::client, device);
  return known.fine() && broker_.fine() ? std::max(known.fine_since, broker_.fine_since) : never;
}

}  // namespace mqttlab::oracle
