// Intents: what a client has subscribed to it goes on to have. Where its session is lost, or was
// cut before SUBACK, the library asks again (SUB-INTENT). Others leave that to the application, so
// only our own clients are judged.
#pragma once

#include <map>
#include <vector>

#include "protocol/oracle/model.h"

namespace mqttlab::oracle {

class Intents {
 public:
  explicit Intents(Model& model) : model_(model) {}

  void asked(const Connection& connection, const Event& event);  ///< SUBSCRIBE, UNSUBSCRIBE written
  void answered(const Connection& connection, const Event& event);  ///< SUBACK arrived; told first
  void session_lost(const Connection& connection);  ///< CONNACK with session present 0
  /// The application has begun anew, or has left: it may want something else now.
  void forget(Actor device);
  void over(const Connection& connection);  ///< the connection is, or the run

 private:
  struct Wanted {
    std::uint32_t asked = 0;  // the connection that carried the last SUBSCRIBE
    std::uint64_t event = 0;  // its index
    bool granted = false;     // in the present session
  };
  std::map<std::uint32_t, std::map<Text, Wanted>> wanted_;  // by client, filter
  Model& model_;
};

}  // namespace mqttlab::oracle
