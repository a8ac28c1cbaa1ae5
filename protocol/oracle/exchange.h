// Exchanges: the QoS 1 and 2 exchanges of a sender, client or broker, over all connections of its
// session. Judges PID-UNIQUE, PID-RELEASE, DUP-RULE, NO-LIVE-RESEND, Q1-RESUME, Q2-RESUME and
// Q2-NO-REPUBLISH.
#pragma once

#include "protocol/oracle/calls.h"
#include "protocol/oracle/flow.h"
#include "protocol/oracle/resend.h"
#include "protocol/oracle/waste.h"

namespace mqttlab::oracle {

class Exchanges {
 public:
  Exchanges(Model& model, const Calls& calls, Flow& flow)
      : model_(model), calls_(calls), flow_(flow) {}

  /// CONNACK with session present 1 was written (broker) or arrived (client).
  void resumed(const Sending& sending) { resends_.due(sending); }

  /// A PUBLISH was written. True if it begins an exchange (always at QoS 0).
  bool publish_written(const Sending& sending, const Event& event);
  void pubrel_written(const Sending& sending, const Event& event);
  /// PUBACK, PUBREC or PUBCOMP arrived at the sender.
  void acknowledged(const Sending& sending, const Event& event);
  /// SUBSCRIBE or UNSUBSCRIBE was written by a client.
  void request_written(const Sending& sending, const Event& event);
  /// The run is over: requests of the client that have had no answer for too long hold their ids.
  void held(const Connection& connection, const Deadline& deadline);
  /// The connection is over, or the run is: what should have been sent again must have been.
  void over(const Sending& sending);

 private:
  void id_in_use(const Sending& sending, const Event& event, const Exchange& exchange);
  void first_send(const Sending& sending, const Event& event);
  void answered_before(const Sending& sending, const Event& event);
  void stray(const Sending& sending, const Event& event);
  [[nodiscard]] Time unread_for() const;
  void repeat(const Sending& sending, const Event& event, Exchange& exchange);
  void twice(const Sending& sending, const Event& event, const Exchange& exchange);
  void continued(const Sending& sending, Exchange& exchange);
  void settled(const Sending& sending, std::uint64_t packet_id);
  [[nodiscard]] bool may_be_a_repeat(const Sending& sending, const Event& event);
  [[nodiscard]] std::string sender(const Sending& sending) const {
    return model_.sender(sending.connection, sending.end);
  }

  Model& model_;
  const Calls& calls_;
  Flow& flow_;
  Resends resends_{model_};
  Waste waste_{model_};
};

}  // namespace mqttlab::oracle
