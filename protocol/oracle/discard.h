// Discards: what a session that has ended had under way appears no more on either side
// (SESS-DISCARD).
#pragma once

#include "protocol/oracle/model.h"

namespace mqttlab::oracle {

class Discards {
 public:
  explicit Discards(Model& model) : model_(model) {}

  /// The session of this client id is over.
  void discarded(Identity& identity, const Session& session);
  /// The broker wrote a PUBLISH that the present session cannot be due. True, and a finding, if an
  /// older one was.
  bool published(const Session& session, const Event& event);
  void released(const Session& session, const Event& event);  ///< the broker wrote PUBREL
  /// A client forgets its session: CONNECT asks for a new one, or CONNACK tells of none.
  void forgotten(Client& client, const Connection& connection);
  void client_written(const Client& client, const Connection& connection, const Event& event);

 private:
  Model& model_;
};

}  // namespace mqttlab::oracle
