// Waste: what goes out more often than it need. A QoS 1 message has one copy, and one more for each
// connection that ended before its acknowledgement was seen (DUP-BOUND); an exchange costs a few
// packets for each connection that carries it (AMPLIFY).
#pragma once

#include "protocol/oracle/resend.h"

namespace mqttlab::oracle {

class Waste {
 public:
  explicit Waste(Model& model) : model_(model) {}

  void begun(const Exchange& exchange);
  /// PUBLISH or PUBREL was written for an exchange that had begun, and counts already.
  void written(const Sending& sending, const Event& event, Exchange& exchange);

 private:
  Model& model_;
};

}  // namespace mqttlab::oracle
