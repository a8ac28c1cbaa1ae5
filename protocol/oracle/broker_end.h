// BrokerEnd: what the packets at the broker's end of the wire tell the model.
#pragma once

#include <vector>

#include "protocol/oracle/delivery.h"
#include "protocol/oracle/exchange.h"
#include "protocol/oracle/intake.h"
#include "protocol/oracle/model.h"
#include "protocol/oracle/resume.h"
#include "protocol/oracle/session.h"
#include "protocol/oracle/subscription.h"
#include "protocol/oracle/will.h"

namespace mqttlab::oracle {

class BrokerEnd {
 public:
  BrokerEnd(Model& model, Exchanges& exchanges, Sessions& sessions, Takeovers& takeovers,
            Wills& wills, Intake& intake, Delivery& delivery, Subscriptions& subscriptions,
            Resumes& resumes, Discards& discards)
      : model_(model),
        exchanges_(exchanges),
        sessions_(sessions),
        takeovers_(takeovers),
        wills_(wills),
        intake_(intake),
        delivery_(delivery),
        subscriptions_(subscriptions),
        resumes_(resumes),
        discards_(discards) {}

  void written(Connection& connection, const Event& event);
  void arrived(Connection& connection, const Event& event);
  void closed(Connection& connection, const Event& event);
  void finish(Connection& connection);

 private:
  /// `passed_on`: before CONNACK was written.
  void handles(Connection& connection, const Event& event, bool passed_on = false);
  [[nodiscard]] bool turned_away(const Connection& connection,
                                 const std::vector<Connection::Early>& early, const Event& event);
  void runs_on(const Connection& connection, const Event& event);
  void tell(const Intake::Refusal& one);
  void connack(Connection& connection, const Event& event);
  void disconnect(Connection& connection, const Event& event);
  void acknowledged(Connection& connection, Session& session, const Event& event);

  Model& model_;
  Exchanges& exchanges_;
  Sessions& sessions_;
  Takeovers& takeovers_;
  Wills& wills_;
  Intake& intake_;
  Delivery& delivery_;
  Subscriptions& subscriptions_;
  Resumes& resumes_;
  Discards& discards_;
  std::vector<Intake::Refusal> turned_away_;  ///< without CONNACK, unless the broker has stopped
};

}  // namespace mqttlab::oracle
