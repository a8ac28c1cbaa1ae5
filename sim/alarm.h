// Alarm: one ns-3 event, kept at the next instant that its owner cares about.
#pragma once

#include <ns3/event-id.h>
#include <ns3/simulator.h>

#include <functional>
#include <utility>

#include "protocol/peer.h"

namespace mqttlab::sim {

class Alarm {
 public:
  explicit Alarm(std::function<void()> ring) : ring_(std::move(ring)) {}
  ~Alarm() { cancel(); }
  Alarm(const Alarm&) = delete;
  Alarm& operator=(const Alarm&) = delete;

  /// Rings once, at `due` or before. An event that comes earlier than a later `due` is left where
  /// it is: keep alive moves with every packet, and ringing early now and then is cheaper than a
  /// cancelled event each time. Owners look at the time themselves.
  void set(Time due) {
    if (due == never) return cancel();
    if (event_.IsRunning() && at_ <= due) return;
    event_.Cancel();
    const Time now = ns3::Simulator::Now().GetNanoSeconds();
    at_ = due > now ? due : now;
    event_ = ns3::Simulator::Schedule(ns3::NanoSeconds(at_ - now), [this] { ring_(); });
  }
  void cancel() { event_.Cancel(); }

 private:
  std::function<void()> ring_;
  ns3::EventId event_;
  Time at_ = never;
};

}  // namespace mqttlab::sim
