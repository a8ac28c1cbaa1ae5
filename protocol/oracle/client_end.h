// ClientEnd: what the packets at a client's end of the wire tell the model.
#pragma once

#include "protocol/oracle/calls.h"
#include "protocol/oracle/delivery.h"
#include "protocol/oracle/discard.h"
#include "protocol/oracle/exchange.h"
#include "protocol/oracle/model.h"

namespace mqttlab::oracle {

class ClientEnd {
 public:
  ClientEnd(Model& model, Calls& calls, Exchanges& exchanges, Delivery& delivery,
            Discards& discards)
      : model_(model),
        calls_(calls),
        exchanges_(exchanges),
        delivery_(delivery),
        discards_(discards) {}

  void written(Connection& connection, const Event& event);
  void arrived(Connection& connection, const Event& event);
  void closed(Connection& connection);
  void died(Actor actor);
  /// Its process is gone and may come back; `kept`: with what it had of its session.
  void crashed(Actor actor, bool kept);
  void stopped(const Event& event);
  void finish(Connection& connection);

 private:
  void connect(Connection& connection, const Event& event);
  void connack(Connection& connection, const Event& event);

  Model& model_;
  Calls& calls_;
  Exchanges& exchanges_;
  Delivery& delivery_;
  Discards& discards_;
};

}  // namespace mqttlab::oracle
