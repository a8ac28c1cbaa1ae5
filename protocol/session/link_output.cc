#include "protocol/session/link_output.h"

#include <algorithm>

namespace mqttlab {
namespace {

// The received interval less the whole seconds that the message has waited.
std::uint32_t left_s(Time expires_at, Time now) {
  const Time left = std::max<Time>(0, expires_at - now);
  return static_cast<std::uint32_t>((left + second - 1) / second);
}

// What a new Topic Alias adds to a PUBLISH at most: itself, and a longer length field or two.
constexpr std::size_t most_alias_bytes = 5;

}  // namespace

void LinkOutput::agree(const Terms& terms, std::uint16_t max_aliases) {
  terms_ = terms;
  // MQTT-3.3.2-7
  aliases_ = OutboundAliases(std::min(terms.topic_alias_maximum, max_aliases));
}

void LinkOutput::publish(const OutMessage& message, std::uint16_t packet_id, bool dup, Time now) {
  PublishCopy copy{.version = terms_.version,
                   .qos = message.qos,
                   .packet_id = packet_id,
                   .dup = dup,
                   .retain = message.retain};
  if (v5()) {
    if (message.expires_at != never)
      copy.expiry_s = left_s(message.expires_at, now);  // MQTT-3.3.2-6
    copy.identifiers = message.identifiers.bytes();
    alias(message, copy);
  }
  message.encoded.append_to(outbox, copy);
}

void LinkOutput::alias(const OutMessage& message, PublishCopy& copy) {
  if (aliases_.limit() == 0) return;  // MQTT-3.1.2-27, MQTT-3.2.2-18
  const std::string_view topic = message.encoded.topic();
  copy.alias = aliases_.find(topic);
  copy.alias_known = copy.alias != 0;
  const std::size_t size = message.encoded.size(copy);
  if (!copy.alias_known) {
    if (size + most_alias_bytes <= terms_.max_packet_size) copy.alias = aliases_.add(topic);
  } else if (size > terms_.max_packet_size) {  // a short topic is shorter than its alias
    copy.alias = 0;
    copy.alias_known = false;
  }
}

void LinkOutput::pubrel(std::uint16_t packet_id, ReasonCode reason) {
  encode(Pubrel{packet_id, reason}, terms_.version, outbox);
}

bool LinkOutput::fits(const OutMessage& message) const {
  if (!v5()) return true;
  PublishCopy copy{.version = terms_.version, .qos = message.qos, .packet_id = 1};
  if (message.expires_at != never) copy.expiry_s = 0;
  copy.identifiers = message.identifiers.bytes();
  return message.encoded.size(copy) <= terms_.max_packet_size;
}

}  // namespace mqttlab
