// Attempts: how a client connects. One that gets no CONNACK ends in time (CONNECT-BOUND), and the
// next one does not come before its back-off is over, which begins anew only when a connection has
// stood for long enough (BACKOFF). That attempts never cease is CONVERGE's to say.
#pragma once

#include <map>

#include "protocol/oracle/model.h"

namespace mqttlab::oracle {

class Attempts {
 public:
  explicit Attempts(Model& model) : model_(model) {}

  /// The application wants the device's clients to connect: they may do so at once.
  void started(Actor device);

  void connect(const Connection& connection, const Client& client);  ///< CONNECT was written
  void answered(const Connection& connection);                       ///< CONNACK arrived
  void over(const Connection& connection, bool still_open);

 private:
  struct Retry {
    std::uint32_t failures = 0;  // ends since a connection last stood for long enough
    Time wait = 0;               // at least, before the next attempt
    bool told = false;           // to connect, by the application, since the last one
  };
  void check_bound(const Connection& connection, const char* what);
  [[nodiscard]] static Time wait(const DeviceFacts& facts, std::uint32_t failures);

  std::map<std::uint32_t, Retry> retries_;  // by client
  Model& model_;
};

}  // namespace mqttlab::oracle
