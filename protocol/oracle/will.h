// Wills: each CONNECT with a will is one will instance. It is published if and only if its
// connection ends without DISCONNECT (WILL-IFF), at most once (WILL-ONCE). In 3.1.1 a takeover is
// such an end too. What the broker publishes is seen by who it is sent to: Delivery counts.
#pragma once

#include "protocol/oracle/model.h"

namespace mqttlab::oracle {

class Delivery;
class Retained;

class Wills {
 public:
  /// What is known of the instances of one will message.
  struct Past {
    bool cancelled = false;
    std::uint64_t event = 0;  ///< DISCONNECT that cancelled the last one
  };

  Wills(Model& model) : model_(model) {}
  void connect(Delivery& delivery, Retained& retained) {
    delivery_ = &delivery;
    retained_ = &retained;
  }

  void accepted(Connection& connection);      ///< CONNACK with code 0 was written
  void disconnected(Connection& connection);  ///< DISCONNECT arrived
  void closed(Connection& connection);        ///< at the broker
  /// The message was sent, or dropped, beyond what is due so far. True if it is the will of a
  /// connection whose end the broker may have decided already: it counts as published from now on.
  bool seen(std::uint64_t message);
  [[nodiscard]] Past past(std::uint64_t message);
  void finish(Time end);

 private:
  struct Instances {
    std::vector<std::uint32_t> armed;  // connections
    Past past;
  };
  void fire(Connection& connection);
  void disarm(const Connection& connection);
  [[nodiscard]] bool justified(const Connection& connection) const;
  void check_early(const Connection& connection, Time closed_at);

  Model& model_;
  Delivery* delivery_ = nullptr;
  Retained* retained_ = nullptr;
  Table<Instances> by_message_;
};

}  // namespace mqttlab::oracle
