#include "protocol/oracle/calls.h"

namespace mqttlab::oracle {
namespace {

// Client's outcomes: acknowledged, or refused by the other end.
constexpr std::uint8_t done = 0, refused = 2;

bool spend(Table<std::uint32_t>& answers, std::uint64_t message) {
  std::uint32_t* answer = answers.find(message);
  if (!answer) return false;
  if (--*answer == 0) answers.erase(message);
  return true;
}

}  // namespace

void Calls::called(const Event& event) {
  if (by_actor_.size() <= event.actor) by_actor_.resize(event.actor + std::size_t{1});
  Device& device = by_actor_[event.actor];
  device.mixed = device.mixed || event.detail <= device.newest;
  device.newest = std::max(device.newest, event.detail);
  device.open[event.detail] = {event.message, model_.event_index, event.at, event.text,
                               trace::qos_of(event)};
}

void Calls::completed(const Event& event) {
  if (event.actor >= by_actor_.size()) return;
  Device& device = by_actor_[event.actor];
  const auto call = device.open.find(event.detail);
  if (call == device.open.end()) return twice(device, event);
  judge(device, call->second, event);
  device.open.erase(call);
}

// Of two clients on a device it is not known whose token it is.
void Calls::judge(Device& device, const Call& call, const Event& event) {
  if (device.mixed) return;
  model_.report.checked(Rule::token_complete);
  if (call.qos == QoS::at_most_once) return;
  const bool taken = spend(device.taken, call.message);
  const bool refusal = !taken && spend(device.refused, call.message);
  const bool lie = (event.code == done && !taken) || (event.code == refused && taken) ||
                   (event.code != done && event.code != refused && taken && !refusal);
  if (!lie) return;
  model_.report.broken(
      Rule::token_complete, event.at,
      "the call on '" + std::string(model_.log->actor_name(event.actor)) + "' of " +
          seconds(call.at) + " to publish on topic " + model_.quoted(call.topic) + " ended " +
          (event.code == done ? "in success" : "in failure") + " at " + seconds(event.at) +
          ", although the message was " + (taken ? "" : "not ") + "acknowledged",
      {call.event, model_.event_index});
}

void Calls::twice(const Device& device, const Event& event) {
  if (device.mixed || event.detail > device.newest || model_.clients_of(event.actor).size() != 1)
    return;
  model_.report.broken(Rule::token_complete, event.at,
                       "call " + std::to_string(event.detail) + " on '" +
                           std::string(model_.log->actor_name(event.actor)) + "' ended at " +
                           seconds(event.at) + " a second time",
                       {model_.event_index});
}

void Calls::settled(Actor actor, std::uint64_t message, bool taken) {
  if (actor >= by_actor_.size()) return;
  Device& device = by_actor_[actor];
  if (device.open.empty()) return;
  ++(taken ? device.taken : device.refused)[message];
}

void Calls::died(Actor actor) {
  if (actor >= by_actor_.size()) return;
  by_actor_[actor] = {};
  by_actor_[actor].mixed = true;
}

const Calls::Device* Calls::find(Actor actor) const {
  return actor < by_actor_.size() ? &by_actor_[actor] : nullptr;
}

std::optional<Time> Calls::called_at(Actor actor, std::uint64_t message) const {
  const Device* device = find(actor);
  if (!device) return std::nullopt;
  for (const auto& [token, call] : device->open)
    if (call.message == message) return call.at;
  return std::nullopt;
}

std::vector<Calls::Call> Calls::open(Actor actor) const {
  std::vector<Call> open;
  const Device* device = find(actor);
  if (!device) return open;
  for (const auto& [token, call] : device->open)
    if (call.qos != QoS::at_most_once) open.push_back(call);
  return open;
}

}  // namespace mqttlab::oracle
