// Absence: what is due for a session while it has no link.
#pragma once

#include <algorithm>
#include <memory>

#include "protocol/broker/identity.h"
#include "protocol/wire/packet.h"

namespace mqttlab {

/// A will that is to be published, and in whose name.
struct OwedWill {
  Identity who;
  Will will;
};

/// Part of the session (v5 MQTT-3.1.2-7). A session with a link owes nothing.
struct Absence {
  Time ends_at = never;            ///< then the session is discarded (v5 MQTT-4.1.0-2)
  Time will_at = never;            ///< then the will is published; not after ends_at
  std::unique_ptr<OwedWill> will;  ///< null: none
  [[nodiscard]] Time due() const { return std::min(ends_at, will_at); }
};

}  // namespace mqttlab
