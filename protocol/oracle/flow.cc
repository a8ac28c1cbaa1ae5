#include "protocol/oracle/flow.h"

#include <algorithm>

namespace mqttlab::oracle {
namespace {

bool under_way(Client& client, std::uint64_t message) {
  for (const std::uint64_t id : client.out.keys())
    if (client.out.find(id)->message == message) return true;
  return false;
}

}  // namespace

// A client may send before it has CONNACK, and without knowing the limits. (MQTT-4.9.0-1)
void Flow::announced(Connection& connection, const Event& event) {
  const trace::Detail* detail = event.detail == 0 ? nullptr : &model_.log->detail(event.detail);
  const auto set = [](Window& window, const auto& limits) {
    window.limit = limits.receive_maximum;
    window.packet_limit = limits.max_packet_size;
    window.alias_limit = limits.topic_alias_maximum;
  };
  if (event.packet == PacketType::connect && event.end == End::broker) {
    const auto& connect = std::get<trace::ConnectDetail>(*detail);
    if (connect.v5()) set(connection.broker.window, connect);
  } else if (event.packet == PacketType::connack && event.end == End::client && detail) {
    set(connection.client.window, std::get<trace::ConnackDetail>(*detail));
  }
}

void Flow::published(Connection& connection, const Event& event) {
  Window& window = connection.side(event.end).window;
  window.peak = std::max(window.peak, ++window.open);
  if (window.open == window.peak) window.idle_since = never;
  if (window.limit == 0) return;
  model_.report.checked(Rule::rm_limit);
  if (window.open == window.limit) window.full_since = model_.now;
  if (window.open <= window.limit) return;  // MQTT-3.3.4-7, MQTT-3.3.4-9, MQTT-4.9.0-2
  model_.report.broken(Rule::rm_limit, event.end, model_.now,
                       model_.sender(connection, event.end) + " wrote PUBLISH id " +
                           std::to_string(event.packet_id) + " on topic " +
                           model_.quoted(event.text) + " at " + seconds(model_.now) + ": " +
                           std::to_string(window.open) +
                           " of this connection are not settled, and the Receive Maximum is " +
                           std::to_string(window.limit),
                       {model_.event_index});
}

void Flow::settled(Window& window) {
  if (window.full()) window.full_until = model_.now;
  if (window.open == window.peak) window.idle_since = model_.now;
  --window.open;
}

// The wire does not show a quota, but what became of it: a client that has once had so many
// exchanges open on this connection, has messages to send, and a link that has carried away all it
// wrote, has lost count when it goes on for long with fewer. What a broker holds back does not show
// before the end, and then Q1-NOLOSS, Q2-ONCE and CONVERGE tell.
void Flow::alive(Connection& connection) {
  Window& window = connection.client.window;
  Client* client = model_.client_of(connection);
  if (window.limit == 0 || window.peak == 0 || !client || client->dead) return;
  if (!client->arrivals.empty() || !connection.link_free(End::client, model_.now)) return;
  if (!model_.settings.applications || connection.guest)
    return model_.report.not_observable(Rule::quota_conserve,
                                        "what applications asked for is not in the trace");
  // What it wrote last shows that it could write then; later its link may have taken no more.
  const Time before = connection.client.wrote_at - model_.settings.answer_within;
  if (window.idle_since >= before || client->handed_at >= before) return;
  if (model_.clients_of(client->actor).front() != client->id) return;
  model_.report.checked(Rule::quota_conserve);
  for (const Calls::Call& call : calls_.open(client->actor)) {
    if (call.at >= before || under_way(*client, call.message)) continue;
    model_.report.broken(Rule::quota_conserve, model_.now,
                         model_.who(connection) + " had up to " + std::to_string(window.peak) +
                             " exchanges open, has gone on with " + std::to_string(window.open) +
                             " since " + seconds(window.idle_since) +
                             ", and has not sent a message on topic " + model_.quoted(call.topic) +
                             " that its application published at " + seconds(call.at),
                         {call.event});
    window.idle_since = never;  // once a connection is enough
    return;
  }
}

}  // namespace mqttlab::oracle
