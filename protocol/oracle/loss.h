// Losses: what the broker had accepted for a session whose client is there at the end, and its
// application never got (Q1-NOLOSS, Q2-ONCE, WILL-IFF).
#pragma once

#include "protocol/oracle/model.h"

namespace mqttlab::oracle {

class Honesty;
class Subscriptions;

class Losses {
 public:
  /// What was not even sent is the others' business, too.
  Losses(Model& model, Subscriptions& subscriptions, Honesty& honesty)
      : model_(model), subscriptions_(subscriptions), honesty_(honesty) {}

  void finish(const Deadline& deadline);

 private:
  [[nodiscard]] bool has_kept(const Session& session, std::uint64_t message);
  void lost(Session& session, std::uint64_t message);

  Model& model_;
  Subscriptions& subscriptions_;
  Honesty& honesty_;
};

}  // namespace mqttlab::oracle
