#include "protocol/broker/session_queue.h"

#include <cassert>
#include <utility>

namespace mqttlab {

std::optional<trace::DropReason> SessionQueue::push(OutMessage message, const Limits& limits) {
  if (message.retain) {
    if (retained_ >= limits.retained_messages) return trace::DropReason::retained_limit;
    ++retained_;
  } else {
    const std::size_t size_bytes = message.encoded.size();
    if (size() - retained_ >= limits.messages) return trace::DropReason::queue_full;
    if (bytes_ + size_bytes > limits.bytes) return trace::DropReason::queue_bytes_full;
    bytes_ += size_bytes;
  }
  lanes_[lane_of(message.qos)].messages.push_back(std::move(message));
  return std::nullopt;
}

OutMessage SessionQueue::pop(Lane lane) {
  Fifo& fifo = lanes_[lane];
  assert(fifo.size() > 0);
  OutMessage message = std::move(fifo.messages[fifo.first++]);
  if (message.retain) {
    --retained_;
  } else {
    bytes_ -= message.encoded.size();
  }
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
