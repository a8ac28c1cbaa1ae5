// Calls: what applications have asked their clients to publish and not heard of since. A call ends
// once, and in success only if the other end has acknowledged the message (TOKEN-COMPLETE); that it
// ends at all is CONVERGE's to say.
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
  /// The device's client has got the last acknowledgement for the message.
  void settled(Actor actor, std::uint64_t message, bool taken);

  /// When the application of this device asked for the message; nothing if it is not known, or
  /// done.
  [[nodiscard]] std::optional<Time> called_at(Actor actor, std::uint64_t message) const;
  /// QoS 1 and 2 calls of the device that are not complete, oldest first.
  [[nodiscard]] std::vector<Call> open(Actor actor) const;

 private:
  struct Device {
    std::map<std::uint32_t, Call> open;   // by token; those grow with time
    Table<std::uint32_t> taken, refused;  // by message: acknowledged, and no call has ended by it
    std::uint32_t newest = 0;             // token
    bool mixed = false;  // tokens of several clients, or of processes that came one after another
  };
  [[nodiscard]] const Device* find(Actor actor) const;
  void judge(Device& device, const Call& call, const Event& event);
  void twice(const Device& device, const Event& event);

  Model& model_;
  std::vector<Device> by_actor_;
};

}  // namespace mqttlab::oracle
