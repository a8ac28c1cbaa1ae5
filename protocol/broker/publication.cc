#include "protocol/broker/publication.h"

#include "protocol/trace/log.h"

namespace mqttlab {

std::uint64_t Publication::identity() {
  if (identity_ == 0) identity_ = trace::Log::identity(topic_.text(), payload_.bytes());
  return identity_;
}

const EncodedPublish& Publication::encoded(QoS qos) {
  const auto layout = static_cast<std::size_t>(qos);
  if (!is_encoded_[layout]) {
    encoded_[layout] = EncodedPublish(topic_, payload_, qos, ProtocolVersion::v3_1_1);
    is_encoded_[layout] = true;
  }
  return encoded_[layout];
}

const EncodedPublish& Publication::kept(QoS qos) {
  if (!kept_) {
    kept_ = true;
    if (payload_.size() < Outbox::share_from) {
      payload_ = Slice::copy_of(payload_.bytes());
      is_encoded_.fill(false);
    }
  }
  return encoded(qos);
}

}  // namespace mqttlab
