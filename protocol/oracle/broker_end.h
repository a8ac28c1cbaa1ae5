// BrokerEnd: what the packets at the broker's end of the wire tell the model.
#pragma once

#include "protocol/oracle/delivery.h"
#include "protocol/oracle/exchange.h"
#include "protocol/oracle/intake.h"
#include "protocol/oracle/model.h"
#include "protocol/oracle/retained.h"
#include "protocol/oracle/session.h"
#include "protocol/oracle/will.h"

namespace mqttlab::oracle {

class BrokerEnd {
 public:
  BrokerEnd(Model& model, Exchanges& exchanges, Sessions& sessions, Wills& wills,
            Retained& retained, Intake& intake, Delivery& delivery)
      : model_(model),
        exchanges_(exchanges),
        sessions_(sessions),
        wills_(wills),
        retained_(retained),
        intake_(intake),
        delivery_(delivery) {}

  void written(Connection& connection, const Event& event);
  void arrived(Connection& connection, const Event& event);
  void closed(Connection& connection);
  void finish(Connection& connection);

 private:
  void handles(Connection& connection, const Event& event);
  void connack(Connection& connection, const Event& event);
  void subscribe(Connection& connection, Session& session, const Event& event);
  void unsubscribe(Connection& connection, Session& session, const Event& event);
  void answered(Connection& connection, Session& session, const Event& event);
  void suback(Session& session, const Connection::Request& request, const Event& event);
  void unsuback(const Connection& connection, Session& session, const Connection::Request& request);
  [[nodiscard]] bool names(const Connection::Request& request, Text filter) const;
  void reconsider(const Connection& connection, Subscriber& subscriber, Text filter);

  Model& model_;
  Exchanges& exchanges_;
  Sessions& sessions_;
  Wills& wills_;
  Retained& retained_;
  Intake& intake_;
  Delivery& delivery_;
};

}  // namespace mqttlab::oracle
