// Drains: what had arrived before its client closed the connection in order takes effect
// (CLOSE-DRAIN), though nobody hears of it any more. A reset may discard it.
#pragma once

#include <deque>

#include "protocol/oracle/model.h"

namespace mqttlab::oracle {

class Drains {
 public:
  explicit Drains(Model& model) : model_(model) {}

  /// A PUBLISH of QoS 1 or 2 that arrived with that event, and was not answered.
  void unread(const Connection& connection, std::uint64_t message, std::uint64_t event);
  void finish(const Deadline& deadline);

 private:
  struct Unread {
    std::uint64_t message, event;
    Time at;
    std::uint32_t connection;
    Text client_id;
  };
  static constexpr std::size_t remembered = 1'024;

  std::deque<Unread> unread_;  // the last ones
  Model& model_;
};

}  // namespace mqttlab::oracle
