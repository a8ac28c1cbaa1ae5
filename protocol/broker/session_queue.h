// SessionQueue: messages that wait for one session, behind its window, its link's outbox, or while
// it is away.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "protocol/session/flow.h"
#include "protocol/trace/event.h"

namespace mqttlab {

/// OutMessage::origin of what a broker sends: a subscription, the retained messages, or a share,
/// which is its SubscriptionIndex::FilterId.
enum Origin : std::uint32_t { from_subscription = 0, from_retained = 1 };

/// Two lanes, each first in first out: QoS 0 needs no window and so never waits behind one; order
/// is owed per topic and QoS only (MQTT-4.6.0-6). A lane that is empty owns no memory.
class SessionQueue {
 public:
  enum Lane : std::uint8_t { unacknowledged, acknowledged };  ///< QoS 0; QoS 1 and 2
  [[nodiscard]] static Lane lane_of(QoS qos) {
    return qos == QoS::at_most_once ? unacknowledged : acknowledged;
  }
  /// Retained messages that a new subscription is owed arrive all at once, so they count against
  /// `retained_messages`, one whole store, and not against the other two.
  struct Limits {
    std::size_t messages, bytes, retained_messages;
  };

  /// The reason for which the message would be dropped, if a limit is reached.
  [[nodiscard]] std::optional<trace::DropReason> refuses(const OutMessage& message,
                                                         const Limits& limits) const;
  void push(OutMessage message);
  /// Takes out those that have expired, if `now` is late enough for any to have done so.
  [[nodiscard]] std::vector<OutMessage> take_expired(Time now);
  [[nodiscard]] bool empty(Lane lane) const { return lanes_[lane].size() == 0; }
  OutMessage pop(Lane lane);  ///< the lane must not be empty
  [[nodiscard]] std::size_t size() const { return lanes_[0].size() + lanes_[1].size(); }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

 private:
  struct Fifo {
    std::vector<OutMessage> messages;
    std::size_t first = 0;  // those before it are gone
    [[nodiscard]] std::size_t size() const { return messages.size() - first; }
  };
  void uncount(const OutMessage& message);
  Fifo lanes_[2];
  std::size_t bytes_ = 0;     // of live messages, encoded
  std::size_t retained_ = 0;  // messages that count against retained_messages
  Time next_expiry_ = never;  // no message expires before it
};

}  // namespace mqttlab
