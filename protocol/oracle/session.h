// Sessions at the broker: which one a CONNACK stands for (SP-TRUTH), and that a client id has one
// live connection at a time (ONE-CONN). In 3.1.1 a session ends only with its connection, if it is
// clean, or by a CONNECT that asks for a clean one.
#pragma once

#include "protocol/oracle/intake.h"
#include "protocol/oracle/model.h"

namespace mqttlab::oracle {

class Sessions {
 public:
  Sessions(Model& model, Intake& intake) : model_(model), intake_(intake) {}

  void connect_arrived(Connection& connection, const Event& event);
  /// CONNACK was written; if it accepts, the connection has its session from here on.
  void connack_written(Connection& connection, const Event& event);
  /// The link is of no more use to the session: DISCONNECT arrived, or the broker's end is closed.
  void detach(Connection& connection);
  void closed(Connection& connection);
  void ended(const Event& event);  ///< session_ended, as the broker says
  void finish(Time end);

 private:
  void end(std::uint32_t session);
  void take_over(Connection& connection, Session& session);
  void check_replaced(const Connection& connection, Time until, bool still_open);
  void check_present(const Connection& connection, const Event& event, bool expected);

  Model& model_;
  Intake& intake_;
};

}  // namespace mqttlab::oracle
