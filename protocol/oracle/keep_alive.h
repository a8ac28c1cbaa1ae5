// Keep alive: a client is never silent for longer (KA-SEND); a broker closes a silent client in
// time (KA-ENFORCE) and not before (KA-FAIR); a client notices a dead link (KA-DETECT). Judged when
// something happens to the connection, or at the end: between packets nothing can be seen.
#pragma once

#include "protocol/oracle/model.h"

namespace mqttlab::oracle {

class KeepAlive {
 public:
  explicit KeepAlive(Model& model) : model_(model) {}

  /// Before the model learns of it: a packet arrived, or was written.
  void heard(const Connection& connection, const Event& event);
  void written(const Connection& connection, const Event& event);
  void closed(const Connection& connection, const Event& event);
  void finish(Time end);

 private:
  void enforce(const Connection& connection, Time until, bool still_open);
  void detect(const Connection& connection, Time until, bool still_open);
  void fair(const Connection& connection, const Event& event);
  void send(const Connection& connection, Time until);
  void false_alarm(const Connection& connection, const Event& event);
  [[nodiscard]] bool dead(const Connection& connection) const;
  [[nodiscard]] Time enforced_after(const Connection& connection) const;

  Model& model_;
};

}  // namespace mqttlab::oracle
