// Converge: some time after the faults have stopped (the phase "settle") everything is done: every
// client that wants to be is connected, and nothing is under way in either direction (CONVERGE).
// Who said DISCONNECT, was refused, or died, does not want to be; who was stopped while it was not
// connected did until then, and had to be if it had as long as it takes. A client that is back for
// a moment again and again is not connected either: nobody disturbs it any more. Messages that have
// no exchange any more and never arrived are lost, not late: Delivery reports them.
#pragma once

#include "protocol/oracle/calls.h"
#include "protocol/oracle/model.h"

namespace mqttlab::oracle {

class Converge {
 public:
  Converge(Model& model, const Calls& calls) : model_(model), calls_(calls) {}

  void phase(const Event& event);
  [[nodiscard]] bool settling() const { return settling_; }  ///< the last phase is "settle"
  /// Whether a run that stops at `end` can be judged, and from when on things may be open.
  [[nodiscard]] Deadline deadline(Time end);
  void finish(const Deadline& deadline);

 private:
  [[nodiscard]] bool connected(const Client& client);
  void not_connected(const Client& client, Time before);
  void open_exchanges(const Connection& connection, End sender, Table<Exchange>& out,
                      const Deadline& deadline);
  void open_calls(const Client& client, const Deadline& deadline);

  Model& model_;
  const Calls& calls_;
  bool settling_ = false;
  Time settle_at_ = 0;
};

}  // namespace mqttlab::oracle
