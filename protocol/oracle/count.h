// Counts: what a broker counts of itself, at the end. Queues, windows and the retained store keep
// to their limits (BOUNDED); sessions and connections that have ended are not counted any more
// (LEAK).
#pragma once

#include <optional>

#include "protocol/oracle/model.h"

namespace mqttlab::oracle {

class Counts {
 public:
  explicit Counts(Model& model) : model_(model) {}
  void count(const Gauges& gauges) { gauges_ = gauges; }
  void finish(const Deadline& deadline);

 private:
  void bounded(std::uint64_t count, std::uint64_t most, const char* what);
  void leaked(std::uint64_t count, std::uint64_t most, const char* what);

  std::optional<Gauges> gauges_;
  Model& model_;
};

}  // namespace mqttlab::oracle
