// Resumes: a session that is resumed still has what it was due, no less and no more (SESS-QUEUE).
#pragma once

#include "protocol/oracle/model.h"

namespace mqttlab::oracle {

class Resumes {
 public:
  explicit Resumes(Model& model) : model_(model) {}

  /// The connection, or the run, is over at the broker's end.
  void over(const Connection& connection, Session& session);
  /// The broker began to send a QoS 1 message once more than it was accepted. `what`: in words.
  void sent_again(const Connection& connection, const Session& session, const Record& record,
                  const std::string& what);

 private:
  Model& model_;
};

}  // namespace mqttlab::oracle
