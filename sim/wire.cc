#include "sim/wire.h"

#include <ns3/simulator.h>

#include "sim/stream.h"

namespace mqttlab::sim {

void Wire::cut(Cut how) {
  if (cut_) return;
  cut_ = true;
  sever_();
  const CloseCause cause = how == Cut::fin ? CloseCause::fin : CloseCause::reset;
  for (const trace::End end : {trace::End::client, trace::End::broker}) {
    Stream* const stream = ends_[index(end)];
    if (stream == nullptr) continue;
    const bool told = how == Cut::reset || how == Cut::fin ||
                      (how == Cut::half_open && end == trace::End::client);
    stream->cut_off(told);
    if (!told) continue;
    ns3::Simulator::ScheduleNow([wire = shared_from_this(), end, cause] {
      if (Stream* const still = wire->ends_[index(end)]) still->break_off(cause);
    });
  }
}

}  // namespace mqttlab::sim
