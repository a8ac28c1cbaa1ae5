// Honesty: a broker that takes a QoS 2 message with PUBREC passes it on, or logs why it does not.
// Judges Q2-HONEST.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "protocol/oracle/model.h"

namespace mqttlab::oracle {

class Honesty {
 public:
  explicit Honesty(Model& model) : model_(model) {}
  /// A copy of the message went out.
  void sent(const Record& record, std::uint64_t message);
  /// Messages that the session is owed and was never sent, by their acceptance.
  void lost(Session& session, const std::vector<std::pair<std::uint64_t, std::uint64_t>>& unsent);

 private:
  [[nodiscard]] bool sent_to_anyone(std::uint64_t message);

  Model& model_;
  Table<bool> sent_;      // by message; of a session that has ended, too
  Table<bool> reported_;  // by message
};

}  // namespace mqttlab::oracle
