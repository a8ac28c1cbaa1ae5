// AccessProvider: an Access that answers some questions, and knows which.
#pragma once

#include "protocol/broker/access.h"

namespace mqttlab {

class AccessProvider : public Access {
 public:
  /// True if ask() is to decide this one, whatever others may think of it.
  [[nodiscard]] virtual bool knows(const AccessRequest& request) const = 0;
};

}  // namespace mqttlab
