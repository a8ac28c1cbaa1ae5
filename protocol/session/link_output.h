// LinkOutput: what one link still has to write, and the peer's terms that shape it.
#pragma once

#include "protocol/session/exchanges.h"
#include "protocol/session/terms.h"
#include "protocol/session/topic_aliases.h"
#include "protocol/wire/outbox.h"

namespace mqttlab {

/// Part of a link: gone with it, and with it the peer's terms and the aliases that this end has
/// set. Messages of the session keep their topics.
class LinkOutput {
 public:
  Outbox outbox;

  /// The peer has said what it takes. `max_aliases`: how many Topic Aliases this end wants to use.
  void agree(const Terms& terms, std::uint16_t max_aliases);
  [[nodiscard]] const Terms& terms() const { return terms_; }
  [[nodiscard]] bool v5() const { return terms_.version == ProtocolVersion::v5_0; }

  /// Writes a PUBLISH; `packet_id` is 0 at QoS 0.
  void publish(const OutMessage& message, std::uint16_t packet_id, bool dup, Time now);
  void pubrel(std::uint16_t packet_id, ReasonCode reason = ReasonCode::success);
  /// The message does not exceed the peer's Maximum Packet Size (MQTT-3.1.2-24, MQTT-3.2.2-15).
  [[nodiscard]] bool fits(const OutMessage& message) const;

 private:
  void alias(const OutMessage& message, PublishCopy& copy);

  Terms terms_;
  OutboundAliases aliases_;
};

}  // namespace mqttlab
