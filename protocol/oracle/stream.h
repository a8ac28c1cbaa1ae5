// Streams: each direction of a connection is whole valid packets, with at most one cut short at the
// end; CONNECT and CONNACK come first and once, and nothing follows DISCONNECT (STREAM-OK).
#pragma once

#include "protocol/oracle/model.h"

namespace mqttlab::oracle {

class Streams {
 public:
  explicit Streams(Model& model) : model_(model) {}

  /// Before the model learns of it.
  void written(Connection& connection, const Event& event);
  void arrived(Connection& connection, const Event& event);
  void malformed(Connection& connection, const Event& event);

 private:
  void broken(const Connection& connection, const Event& event, const std::string& how);

  Model& model_;
};

}  // namespace mqttlab::oracle
