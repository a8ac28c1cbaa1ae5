// Honesty: a broker that takes a QoS 2 message with PUBREC passes it on, or logs why it does not.
// Judges Q2-HONEST.
#pragma once

#include <cstdint>
#include <deque>
#include <utility>
#include <vector>

#include "protocol/oracle/model.h"

namespace mqttlab::oracle {

class Honesty {
 public:
  explicit Honesty(Model& model) : model_(model) {}
  /// A copy of the message went out.
  void sent(const Record& record);
  void session_over(Session& session);  ///< it is about to end
  /// Messages that the session is owed and was never sent, by their acceptance.
  void lost(Session& session, const std::vector<std::pair<std::uint64_t, std::uint64_t>>& unsent);

 private:
  [[nodiscard]] bool sent_to_anyone(std::uint64_t message, std::uint64_t accepted);

  Model& model_;
  static constexpr std::size_t remembered = 65'536;
  Table<std::uint64_t> sent_;  // to sessions that have ended: message to its last acceptance
  std::deque<std::uint64_t> order_;
  Table<bool> reported_;  // by message
};

}  // namespace mqttlab::oracle
