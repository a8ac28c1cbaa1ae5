// Calls: what applications have asked their clients to publish and not heard of since.
#pragma once

#include <map>
#include <optional>

#include "protocol/oracle/model.h"

namespace mqttlab::oracle {

class Calls {
 public:
  struct Call {
    std::uint64_t message = 0;
    std::uint64_t event = 0;
    Time at = 0;
    Text topic = 0;
    QoS qos{};
  };

  explicit Calls(Model& model) : model_(model) {}
  void called(const Event& event);     ///< publish_called
  void completed(const Event& event);  ///< publish_completed, whatever its outcome
  void died(Actor actor);

  /// When the application of this device asked for the message; nothing if it is not known, or
  /// done.
  [[nodiscard]] std::optional<Time> called_at(Actor actor, std::uint64_t message) const;
  /// QoS 1 and 2 calls of the device that are not complete, oldest first.
  [[nodiscard]] std::vector<Call> open(Actor actor) const;

 private:
  Model& model_;
  std::vector<std::map<std::uint32_t, Call>> by_actor_;  // by token; those grow with time
};

}  // namespace mqttlab::oracle
