#include "protocol/oracle/intent.h"

#include <algorithm>

namespace mqttlab::oracle {

void Intents::asked(const Connection& connection, const Event& event) {
  auto& wanted = wanted_[connection.client_index];
  for (const auto& one : model_.log->detail<trace::FiltersDetail>(event.detail).filters) {
    if (event.packet == PacketType::unsubscribe) {
      wanted.erase(one.filter);
    } else {
      wanted[one.filter] = {connection.number, model_.event_index, false};
    }
  }
}

void Intents::answered(const Connection& connection, const Event& event) {
  const auto request = std::find_if(
      connection.at_client.begin(), connection.at_client.end(),
      [&](const auto& one) { return one.packet_id == event.packet_id && one.subscribe; });
  if (request == connection.at_client.end() || event.detail == 0) return;
  auto& wanted = wanted_[connection.client_index];
  const auto& filters = model_.log->detail<trace::FiltersDetail>(request->detail).filters;
  const auto& codes = model_.log->detail<trace::FiltersDetail>(event.detail).filters;
  for (std::size_t i = 0; i < std::min(filters.size(), codes.size()); ++i) {
    const auto known = wanted.find(filters[i].filter);
    if (known == wanted.end()) continue;
    if (codes[i].code >= 0x80) {
      wanted.erase(known);
    } else {
      known->second.granted = true;
    }
  }
}

void Intents::session_lost(const Connection& connection) {
  for (auto& [filter, wanted] : wanted_[connection.client_index])
    wanted.granted = wanted.granted && wanted.asked == connection.number;
}

void Intents::forget(Actor device) {
  for (const std::uint32_t client : model_.clients_of(device)) wanted_.erase(client);
}

void Intents::over(const Connection& connection) {
  const auto mine = wanted_.find(connection.client_index);
  if (mine == wanted_.end() || mine->second.empty() || !connection.client.connack) return;
  if (!model_.facts(connection.device).resubscribes)
    return model_.report.not_observable(
        Rule::sub_intent, "whether this client subscribes again by itself is not known");
  const Time since = std::max(connection.client.connack_at,
                              model_.conditions.runs_since(End::client, connection.device));
  if (since == never || model_.now - since < model_.settings.answer_within) return;
  if (connection.client.ended || !connection.link_free(End::client, model_.now)) return;
  model_.report.checked(Rule::sub_intent);
  for (const auto& [filter, wanted] : mine->second) {
    if (wanted.granted || wanted.asked == connection.number) continue;
    model_.report.broken(Rule::sub_intent, model_.now,
                         model_.who(connection) + " was connected from " +
                             seconds(connection.client.connack_at) + " to " + seconds(model_.now) +
                             " and did not subscribe again to " + model_.quoted(filter) +
                             ", which its application still wants",
                         {wanted.event, connection.client.connack_event});
  }
}

}  // namespace mqttlab::oracle
