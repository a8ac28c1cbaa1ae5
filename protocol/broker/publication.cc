#include "protocol/broker/publication.h"

#include "protocol/trace/log.h"

namespace mqttlab {

std::uint64_t Publication::identity() {
  if (identity_ == 0) identity_ = trace::Log::identity(topic_.text(), payload_.bytes());
  return identity_;
}

const EncodedPublish& Publication::encoded() {
  if (!encoded_) encoded_.emplace(topic_, payload_);
  return *encoded_;
}

const EncodedPublish& Publication::kept() {
  if (!kept_) {
    kept_ = true;
    if (payload_.size() < Outbox::share_from) {
      payload_ = Slice::copy_of(payload_.bytes());
      encoded_.reset();
    }
  }
  return encoded();
}

}  // namespace mqttlab
