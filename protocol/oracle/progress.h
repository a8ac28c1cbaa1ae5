// Progress: on a connection that has stood for long, between ends that answer, what waits at the
// head of a queue moves (PROGRESS). Judged when the connection ends; what still waits when the run
// ends after its faults is CONVERGE's.
#pragma once

#include "protocol/oracle/calls.h"
#include "protocol/oracle/model.h"

namespace mqttlab::oracle {

class Progress {
 public:
  Progress(Model& model, const Calls& calls) : model_(model), calls_(calls) {}

  /// `lasts`: the run is over, and the connection is not.
  void client_over(const Connection& connection, bool lasts);
  void broker_over(const Connection& connection, bool lasts);

 private:
  /// How long a peer that answers may hold up what waits, and what waits may take then.
  [[nodiscard]] Time long_enough() const { return 2 * model_.settings.answer_within; }
  [[nodiscard]] bool stands(const Connection& connection, End end) const;

  Model& model_;
  const Calls& calls_;
};

}  // namespace mqttlab::oracle
