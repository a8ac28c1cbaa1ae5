// Conditions: who runs, and what is wrong on purpose. A process that was paused, or was not there,
// is not late; a link on which nothing was done wrong has no excuse.
#pragma once

#include "protocol/oracle/record.h"

namespace mqttlab::oracle {

class Conditions {
 public:
  /// An event of the world: links, faults, pauses, crashes. Others change nothing.
  void on(const Event& event, bool settles);

  /// Since when this end's process has run without a break; `never`: it does not.
  [[nodiscard]] Time runs_since(trace::End end, trace::Actor actor) const;
  /// Since when nothing has been done wrong to the link of the device or of the broker, or to a
  /// connection on it; `never`: something is.
  [[nodiscard]] Time sound_since(trace::Actor device) const;

 private:
  struct Condition {
    bool stopped = false;  // paused, crashed or dead
    bool down = false;     // its link
    std::uint32_t faults = 0;
    Time runs_since = 0, sound_since = 0;
    [[nodiscard]] bool sound() const { return !down && faults == 0; }
  };
  [[nodiscard]] const Condition& of(trace::End end, trace::Actor actor) const;

  Condition broker_;
  std::vector<Condition> devices_;  // by actor
};

}  // namespace mqttlab::oracle
