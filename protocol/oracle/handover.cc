#include "protocol/oracle/handover.h"

namespace mqttlab::oracle {

void Handovers::arrived(const Client& client, const Event& event) {
  const QoS qos = trace::qos_of(event);
  if (!model_.settings.strict || qos == QoS::at_most_once) return;
  const Arrival* arrival = model_.client_at(client.id).arrivals.find(event.message);
  open_[client.id][event.packet_id] = {
      event.message, arrival ? arrival->waiting[static_cast<std::size_t>(qos)] : 0};
}

void Handovers::acknowledged(const Client& client, const Connection& connection,
                             const Event& event) {
  if (!model_.settings.strict) return;
  if (connection.guest || !model_.settings.applications)
    return model_.report.not_observable(Rule::app_q1, "what applications got is not in the trace");
  const Open* found = open_[client.id].find(event.packet_id);
  if (!found) return;
  model_.report.checked(Rule::app_q1);
  const Open open = *found;
  const Arrival* arrival = model_.client_at(client.id).arrivals.find(open.message);
  const std::size_t qos = event.packet == PacketType::puback ? 1 : 2;
  open_[client.id].erase(event.packet_id);
  if (!arrival || arrival->waiting[qos] == 0 || arrival->waiting[qos] < open.waiting) return;
  model_.report.broken(Rule::app_q1, model_.now,
                       model_.who(connection) + " wrote " + std::string(name(event.packet)) +
                           " id " + std::to_string(event.packet_id) + " at " + seconds(model_.now) +
                           " before its application had got the message",
                       {model_.event_index});
}

}  // namespace mqttlab::oracle
