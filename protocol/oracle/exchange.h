// Exchanges: the QoS 1 and 2 exchanges of a sender, client or broker, over all connections of its
// session. Judges PID-UNIQUE, DUP-RULE, Q1-RESUME, Q2-RESUME and Q2-NO-REPUBLISH.
#pragma once

#include "protocol/oracle/calls.h"
#include "protocol/oracle/model.h"

namespace mqttlab::oracle {

/// One sender on one connection.
struct Sending {
  Connection& connection;
  End end;
  Table<Exchange>& out;
  Session* session;  ///< of the broker; null for a client

  [[nodiscard]] Side& side() const { return connection.side(end); }
};

class Exchanges {
 public:
  Exchanges(Model& model, const Calls& calls) : model_(model), calls_(calls) {}

  /// A PUBLISH was written. True if it begins an exchange (always at QoS 0).
  bool publish_written(const Sending& sending, const Event& event);
  void pubrel_written(const Sending& sending, const Event& event);
  /// PUBACK, PUBREC or PUBCOMP arrived at the sender.
  void acknowledged(Table<Exchange>& out, const Event& event);
  /// SUBSCRIBE or UNSUBSCRIBE was written by a client.
  void request_written(const Sending& sending, const Event& event);
  /// The connection is over, or the run is: what should have been sent again must have been.
  void over(const Sending& sending);

 private:
  void first_send(const Sending& sending, const Event& event);
  void repeat(const Sending& sending, const Event& event, Exchange& exchange);
  void continued(const Sending& sending, Exchange& exchange);
  [[nodiscard]] bool may_be_a_repeat(const Sending& sending, const Event& event);
  [[nodiscard]] std::string sender(const Sending& sending) const;

  Model& model_;
  const Calls& calls_;
};

}  // namespace mqttlab::oracle
