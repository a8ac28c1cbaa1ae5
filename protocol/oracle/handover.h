// Handovers: a client acknowledges what its application has got (APP-Q1). The standard leaves open
// when a message counts as taken, so only a strict run asks for it.
#pragma once

#include <map>

#include "protocol/oracle/model.h"

namespace mqttlab::oracle {

class Handovers {
 public:
  explicit Handovers(Model& model) : model_(model) {}

  void arrived(const Client& client, const Event& event);  ///< PUBLISH of QoS 1 or 2
  void acknowledged(const Client& client, const Connection& connection, const Event& event);

 private:
  struct Open {
    std::uint64_t message = 0;
    std::uint32_t waiting = 0;  // copies that the application had not got, this one included
  };
  std::map<std::uint32_t, Table<Open>> open_;  // by client, packet id
  Model& model_;
};

}  // namespace mqttlab::oracle
