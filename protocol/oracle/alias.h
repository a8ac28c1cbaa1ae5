// Aliases: topic aliases are set before they are used, on the same connection and in the same
// direction, within what the receiver takes. Judges ALIAS-SCOPE.
#pragma once

#include "protocol/oracle/model.h"

namespace mqttlab::oracle {

class Aliases {
 public:
  explicit Aliases(Model& model) : model_(model) {}
  void written(Connection& connection, const Event& publish);

 private:
  Model& model_;
};

}  // namespace mqttlab::oracle
