#include "sim/wire.h"

#include <ns3/simulator.h>

#include "sim/stream.h"

namespace mqttlab::sim {
namespace {

constexpr std::array both_ways{Way::up, Way::down};
constexpr std::array both_ends{trace::End::client, trace::End::broker};

constexpr Way way_to(trace::End end) { return end == trace::End::client ? Way::down : Way::up; }
constexpr trace::End sender_of(Way way) {
  return way == Way::up ? trace::End::client : trace::End::broker;
}

}  // namespace

void Wire::attach(trace::End end, Stream* stream) {
  ends_[index(end)] = stream;
  if (stream == nullptr) ends(way_to(end));
}

void Wire::carry_mqtt() {
  if (number_ != 0) return;
  number_ = ++device_.opened;
  for (std::size_t i = 0; i < device_.triggers.all().size(); ++i) arm(i);
}

void Wire::arm(std::size_t trigger) {
  const Triggers::One& one = device_.triggers.all()[trigger];
  if (number_ == 0 || cut_ || one.is_over) return;
  if (one.when.connection && *one.when.connection != number_) return;
  for (const Way way : both_ways)
    if ((way == one.when.way || one.when.either_way) && !ended_[static_cast<std::size_t>(way)])
      watch(way).arm(trigger, one.when);
}

void Wire::disarm() {
  for (const Way way : both_ways) disarm(way);
}

void Wire::disarm(Way way) {
  for (std::size_t i = 0; i < device_.triggers.all().size(); ++i) watch(way).disarm(i);
  go_on(sender_of(way));
}

void Wire::ends(Way way) {
  ended_[static_cast<std::size_t>(way)] = true;
  if (is_watched(way)) disarm(way);
}

void Wire::go_on(trace::End end) {
  if (Stream* const stream = ends_[index(end)]) stream->move_on_later();
}

void Wire::fire(Way way) {
  const std::size_t trigger = watch(way).next()->fault;
  watch(way).pass();
  device_.triggers.fire(trigger, {.at = virtual_now(), .connection = connection_});
  for (const Way each : both_ways) watch(each).disarm(trigger);
  if (!cut_) go_on(sender_of(way));
}

void Wire::cut(Cut how) {
  if (cut_) return;
  cut_ = true;
  sever_();
  const CloseCause cause = how == Cut::fin ? CloseCause::fin : CloseCause::reset;
  for (const trace::End end : both_ends) {
    Stream* const stream = ends_[index(end)];
    if (stream == nullptr) continue;
    const bool told = how == Cut::reset || how == Cut::fin ||
                      (how == Cut::half_open && end == trace::End::client);
    stream->cut_off(told);
    if (!told) {
      stream->move_on_later();  // what waited for its place may leave now, and gets nowhere
      continue;
    }
    ns3::Simulator::ScheduleNow([wire = shared_from_this(), end, cause] {
      if (Stream* const still = wire->ends_[index(end)]) still->break_off(cause);
    });
  }
}

}  // namespace mqttlab::sim
