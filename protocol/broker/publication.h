// Publication: one message on its way through the broker, encoded once for all who get it.
#pragma once

#include <cstdint>
#include <optional>

#include "protocol/wire/codec.h"
#include "protocol/wire/slice.h"

namespace mqttlab {

class Publication {
 public:
  /// `own_memory`: the slices share no arrival buffer.
  Publication(Slice topic, Slice payload, QoS qos, bool own_memory)
      : topic_(std::move(topic)), payload_(std::move(payload)), qos_(qos), kept_(own_memory) {}

  [[nodiscard]] const Slice& topic() const { return topic_; }
  [[nodiscard]] const Slice& payload() const { return payload_; }
  [[nodiscard]] QoS qos() const { return qos_; }

  /// Identity of the message in the trace; hashed when first asked for.
  [[nodiscard]] std::uint64_t identity();
  /// For writing it now.
  [[nodiscard]] const EncodedPublish& encoded();
  /// The same for a message that has to wait: for an acknowledgement or in a queue. Small payloads
  /// are then copied, once for all, so that twenty bytes do not hold on to an arrival buffer.
  [[nodiscard]] const EncodedPublish& kept();

 private:
  Slice topic_;
  Slice payload_;
  QoS qos_;
  bool kept_;
  std::uint64_t identity_ = 0;
  std::optional<EncodedPublish> encoded_;
};

}  // namespace mqttlab
