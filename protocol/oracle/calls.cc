#include "protocol/oracle/calls.h"

namespace mqttlab::oracle {

void Calls::called(const Event& event) {
  if (by_actor_.size() <= event.actor) by_actor_.resize(event.actor + 1);
  by_actor_[event.actor][event.detail] = {event.message, model_.event_index, event.at, event.text,
                                          trace::qos_of(event)};
}

void Calls::completed(const Event& event) {
  if (event.actor < by_actor_.size()) by_actor_[event.actor].erase(event.detail);
}

void Calls::died(Actor actor) {
  if (actor < by_actor_.size()) by_actor_[actor].clear();
}

std::optional<Time> Calls::called_at(Actor actor, std::uint64_t message) const {
  if (actor >= by_actor_.size()) return std::nullopt;
  for (const auto& [token, call] : by_actor_[actor])
    if (call.message == message) return call.at;
  return std::nullopt;
}

std::vector<Calls::Call> Calls::open(Actor actor) const {
  std::vector<Call> open;
  if (actor >= by_actor_.size()) return open;
  for (const auto& [token, call] : by_actor_[actor])
    if (call.qos != QoS::at_most_once) open.push_back(call);
  return open;
}

}  // namespace mqttlab::oracle
