// Takeovers: a client id has one live connection at a time, and the older one is told (ONE-CONN);
// whatever state it is in, the newer one gets its answer (TAKEOVER-TERM).
#pragma once

#include "protocol/oracle/model.h"

namespace mqttlab::oracle {

class Takeovers {
 public:
  explicit Takeovers(Model& model) : model_(model) {}

  /// A CONNECT arrived for the session, which may be on another connection.
  void challenged(Connection& connection, const Session& session);
  /// Its CONNACK accepts. `session`: of the client id so far; may be null.
  void accepted(Connection& connection, const Session* session);
  void answered(const Connection& connection);                    ///< CONNACK was written
  void closed(const Connection& connection, const Event& event);  ///< at the broker
  /// EPOCH: the broker wrote a packet.
  void written(Connection& connection, const Event& event);
  void finish(Time end);

 private:
  void outlived(const Connection& connection, const Event& event);
  void check_closed(const Connection& connection, Time until, bool still_open);
  void check_told(const Connection& connection, const Event& event);
  void check_answered(const Connection& connection, Time until, bool ever);

  Model& model_;
};

}  // namespace mqttlab::oracle
