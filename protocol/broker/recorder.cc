#include "protocol/broker/recorder.h"

#include <utility>

namespace mqttlab {

JournalPosition Recorder::step() {
  if (std::exchange(dirty_, false)) journal_->step(++position_);
  return position_;
}

journal::Message Recorder::message(const EncodedPublish& encoded, Time expires_at) const {
  return {view_of(encoded.topic()), encoded.payload(), encoded.properties(), unix_time(expires_at)};
}

}  // namespace mqttlab
