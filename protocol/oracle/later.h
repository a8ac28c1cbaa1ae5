// Later: what a broker of others has acknowledged and passes on when it gets round to it. The
// standard does not say when: who subscribes before that may get the message.
#pragma once

#include <cstdint>
#include <deque>

#include "protocol/oracle/model.h"

namespace mqttlab::oracle {

struct Acceptance;

class Later {
 public:
  explicit Later(Model& model) : model_(model) {}

  void accepted(const Acceptance& acceptance);
  void sent(std::uint64_t message);  ///< to anybody, not as a retained message
  /// Whether the session has subscribed between the message's acceptance and its first copy to
  /// anybody; `acceptance` is that, then.
  [[nodiscard]] bool may_get(const Session& session, std::uint64_t message, Acceptance& acceptance);

 private:
  struct Waiting {
    Time at = 0;
    Time sent_at = never;
    std::uint64_t event = 0;
    Text topic = 0;
    Text publisher = 0;
    QoS qos{};
    bool retain = false;
    std::uint32_t expiry_s = 0, bytes = 0;
  };
  Model& model_;
  Table<Waiting> waiting_;  // by message
  std::deque<std::pair<Time, std::uint64_t>> order_;
};

}  // namespace mqttlab::oracle
