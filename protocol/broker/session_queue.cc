#include "protocol/broker/session_queue.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace mqttlab {

std::optional<trace::DropReason> SessionQueue::refuses(const OutMessage& message,
                                                       const Limits& limits) const {
  if (message.origin == from_retained) {
    if (retained_ >= limits.retained_messages) return trace::DropReason::retained_limit;
    return std::nullopt;
  }
  if (size() - retained_ >= limits.messages) return trace::DropReason::queue_full;
  if (bytes_ + message.encoded.size() > limits.bytes) return trace::DropReason::queue_bytes_full;
  return std::nullopt;
}

void SessionQueue::push(OutMessage message) {
  if (message.origin == from_retained)
    ++retained_;
  else
    bytes_ += message.encoded.size();
  next_expiry_ = std::min(next_expiry_, message.expires_at);
  lanes_[lane_of(message.qos)].messages.push_back(std::move(message));  // MQTT-4.6.0-5, -6
}

void SessionQueue::uncount(const OutMessage& message) {
  if (message.origin == from_retained)
    --retained_;
  else
    bytes_ -= message.encoded.size();
}

std::vector<OutMessage> SessionQueue::take_expired(Time now) {
  std::vector<OutMessage> expired;
  if (now < next_expiry_) return expired;
  next_expiry_ = never;
  for (Fifo& fifo : lanes_) {
    const auto first = fifo.messages.begin() + static_cast<std::ptrdiff_t>(fifo.first);
    const auto live = std::stable_partition(first, fifo.messages.end(), [&](const OutMessage& m) {
      if (m.expires_at > now) next_expiry_ = std::min(next_expiry_, m.expires_at);
      return m.expires_at > now;
    });
    for (auto at = live; at != fifo.messages.end(); ++at) {
      uncount(*at);
      expired.push_back(std::move(*at));
    }
    fifo.messages.erase(live, fifo.messages.end());
    if (fifo.size() == 0) fifo = {};
  }
  return expired;
}

OutMessage SessionQueue::pop(Lane lane) {
  Fifo& fifo = lanes_[lane];
  assert(fifo.size() > 0);
  OutMessage message = std::move(fifo.messages[fifo.first++]);
  uncount(message);
  if (fifo.size() == 0) {
    fifo = {};
  } else if (fifo.first * 2 > fifo.messages.size()) {
    // Moving the rest up only when it is the smaller part keeps the cost per message constant.
    fifo.messages.erase(fifo.messages.begin(),
                        fifo.messages.begin() + static_cast<std::ptrdiff_t>(fifo.first));
    fifo.first = 0;
  }
  return message;
}

}  // namespace mqttlab
