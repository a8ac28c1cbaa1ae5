// Flow: how many QoS 1 and 2 exchanges an end has under way on one connection. Judges RM-LIMIT and,
// as far as the wire shows it, QUOTA-CONSERVE.
#pragma once

#include "protocol/oracle/calls.h"
#include "protocol/oracle/model.h"

namespace mqttlab::oracle {

class Flow {
 public:
  Flow(Model& model, const Calls& calls) : model_(model), calls_(calls) {}

  /// CONNECT or CONNACK crossed this end of the connection: what its sender takes is known there.
  void announced(Connection& connection, const Event& event);
  /// A QoS 1 or 2 PUBLISH was written, for the first time on this connection.
  void published(Connection& connection, const Event& event);
  /// PUBACK, PUBCOMP or a failing PUBREC arrived for such a PUBLISH.
  void settled(Window& window);
  /// A client has written any packet, or its connection is over.
  void alive(Connection& connection);

 private:
  Model& model_;
  const Calls& calls_;
};

}  // namespace mqttlab::oracle
