#include "protocol/oracle/waste.h"

namespace mqttlab::oracle {
namespace {

// PUBLISH and PUBREL, and as much again for answers that came twice.
constexpr std::uint32_t packets_per_connection = 4;

}  // namespace

void Waste::begun(const Exchange& exchange) {
  if (exchange.qos == QoS::at_least_once) model_.report.checked(Rule::dup_bound);
  model_.report.checked(Rule::amplify);
}

void Waste::written(const Sending& sending, const Event& event, Exchange& exchange) {
  const auto broken = [&](Rule rule, const std::string& what) {
    model_.report.broken(rule, sending.end, model_.now,
                         model_.sender(sending.connection, sending.end) + " wrote " + what +
                             " on topic " + model_.quoted(exchange.topic) + " at " +
                             seconds(model_.now) + ", over " +
                             std::to_string(exchange.connections) + " connections since " +
                             seconds(exchange.begun_at),
                         {exchange.event, model_.event_index});
  };
  // In 5.0 a second copy on one connection is NO-LIVE-RESEND's.
  if (event.packet == PacketType::publish && !sending.v5() && exchange.qos == QoS::at_least_once &&
      exchange.copies == exchange.connections + 1)
    broken(Rule::dup_bound, "copy " + std::to_string(exchange.copies) + " of PUBLISH id " +
                                std::to_string(event.packet_id));
  if (exchange.packets == packets_per_connection * exchange.connections + 1)
    broken(Rule::amplify, "packet " + std::to_string(exchange.packets) +
                              " of the exchange with id " + std::to_string(event.packet_id));
}

}  // namespace mqttlab::oracle
