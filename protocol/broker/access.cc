#include "protocol/broker/access.h"

namespace mqttlab {

ReasonCode reason_for(const Decision& decision, PacketType type, ReasonCode otherwise) {
  const ReasonRule* rule = find_reason(static_cast<std::uint8_t>(decision.reason), type);
  const bool fits = rule && is_error(decision.reason) && may_send(*rule, type, Sender::server);
  return fits ? decision.reason : otherwise;
}

}  // namespace mqttlab
