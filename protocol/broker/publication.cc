#include "protocol/broker/publication.h"

#include <utility>

#include "protocol/trace/log.h"
#include "protocol/wire/block_pool.h"

namespace mqttlab {
namespace {

Properties shared(const Properties& published) {
  // Everything else is passed on as it came and in its order: Payload Format Indicator, Response
  // Topic, Correlation Data, User Properties, Content Type (v5 MQTT-3.3.2-4, MQTT-3.3.2-15 to -18,
  // MQTT-3.3.2-20).
  Properties properties = published;
  if (properties.empty()) return properties;
  for (const PropertyId own : {PropertyId::message_expiry_interval, PropertyId::topic_alias,
                               PropertyId::will_delay_interval})
    properties.remove(own);
  return properties;
}

Time expiry_of(const Properties& published, Time since) {
  const auto interval_s = published.get<PropertyId::message_expiry_interval>();
  return interval_s ? since + *interval_s * second : never;
}

}  // namespace

Publication::Publication(const Publish& publish, std::string_view publisher, Time since)
    : topic_(publish.topic),
      payload_(publish.payload),
      properties_(shared(publish.properties)),
      publisher_(publisher),
      qos_(publish.qos),
      retain_(publish.retain),
      own_memory_(false) {
  out_.published_qos = qos_;
  out_.published_retain = retain_;
  out_.expires_at = expiry_of(publish.properties, since);
}

// MQTT-3.1.2-16 and -17; v5 MQTT-3.1.2-14 and -15, MQTT-3.1.3-10
Publication::Publication(const Will& will, std::string_view publisher, Time since)
    : Publication(Publish{.topic = will.topic,
                          .payload = will.payload,
                          .qos = will.qos,
                          .retain = will.retain,
                          .properties = will.properties},
                  publisher, since) {
  own_memory_ = true;
}

Publication::Publication(EncodedPublish encoded, QoS qos, bool retain, Time expires_at)
    : payload_(encoded.payload()), qos_(qos), retain_(retain), own_memory_(true) {
  out_.encoded = std::move(encoded);
  out_.published_qos = qos_;
  out_.published_retain = retain_;
  out_.expires_at = expires_at;
}

std::string_view Publication::topic() const {
  return topic_.empty() ? out_.encoded.topic() : topic_.text();
}

std::uint64_t Publication::identity() {
  if (identity_ == 0) identity_ = trace::Log::identity(topic(), payload_.bytes());
  return identity_;
}

OutMessage& Publication::encoded() {
  if (out_.encoded.size() == 0) out_.encoded = EncodedPublish(topic_, payload_, properties_);
  return out_;
}

OutMessage& Publication::kept() {
  if (payload_.size() < BlockPool::block_bytes / 4) own();
  return encoded();
}

OutMessage& Publication::owned() {
  own();
  return encoded();
}

void Publication::own() {
  if (std::exchange(own_memory_, true)) return;
  payload_ = Slice::copy_of(payload_.bytes());
  out_.encoded = {};
}

}  // namespace mqttlab
