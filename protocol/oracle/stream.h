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
  /// What is wrong with a packet of this type as the next one; null: nothing.
  [[nodiscard]] static const char* out_of_turn_client(const Connection& connection,
                                                      PacketType packet);
  [[nodiscard]] static const char* out_of_turn_broker(const Connection& connection,
                                                      PacketType packet);
  void broken(const Connection& connection, const Event& event, const std::string& how);

  Model& model_;
};

}  // namespace mqttlab::oracle
