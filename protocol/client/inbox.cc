#include "protocol/client/inbox.h"

#include <algorithm>

namespace mqttlab::client {

namespace {
std::size_t bytes_of(const Received& message) {
  return message.topic.size() + message.payload.size() + message.properties.bytes().size();
}
}  // namespace

void Inbox::add(ClientEvent event) {
  if (std::holds_alternative<Completed>(event)) ++completions_;
  entries_.push_back({std::move(event), {}});
  ++events_;
}

void Inbox::add(Received message, OwedAck ack) {
  bytes_ += bytes_of(message);
  entries_.push_back({std::move(message), ack});  // MQTT-4.6.0-2, MQTT-4.6.0-3
  ++events_;
}

void Inbox::add_repeat(OwedAck ack) { entries_.push_back({std::nullopt, ack}); }

std::optional<std::pair<ClientEvent, OwedAck>> Inbox::take() {
  if (entries_.empty() || !entries_.front().event) return std::nullopt;
  std::pair<ClientEvent, OwedAck> taken{std::move(*entries_.front().event), entries_.front().ack};
  entries_.pop_front();
  --events_;
  if (std::holds_alternative<Completed>(taken.first)) --completions_;
  if (const auto* message = std::get_if<Received>(&taken.first)) bytes_ -= bytes_of(*message);
  return taken;
}

bool Inbox::holds(std::uint16_t packet_id) const {
  return std::any_of(entries_.begin(), entries_.end(), [packet_id](const Entry& entry) {
    return entry.event && entry.ack.qos == QoS::exactly_once && entry.ack.packet_id == packet_id;
  });
}

std::optional<OwedAck> Inbox::take_repeat() {
  if (entries_.empty() || entries_.front().event) return std::nullopt;
  const OwedAck ack = entries_.front().ack;
  entries_.pop_front();
  return ack;
}

}  // namespace mqttlab::client
