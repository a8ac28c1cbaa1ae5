#include "protocol/session/topic_aliases.h"

namespace mqttlab {

std::uint16_t OutboundAliases::find(std::string_view topic) const {
  const auto at = aliases_.find(topic);
  return at == aliases_.end() ? std::uint16_t{0} : at->second;
}

std::uint16_t OutboundAliases::add(std::string_view topic) {
  // MQTT-3.1.2-26 and -27, MQTT-3.2.2-17 and -18, MQTT-3.3.2-9 and -11
  if (aliases_.size() >= limit_) return 0;
  const auto alias = static_cast<std::uint16_t>(aliases_.size() + 1);  // MQTT-3.3.2-8
  aliases_.emplace(topic, alias);
  return alias;
}

Result<Slice> InboundAliases::resolve(const Publish& publish) {
  const auto alias = publish.properties.get<PropertyId::topic_alias>();
  if (!alias) {
    if (publish.topic.empty()) return protocol_error("U-3.3.2.1-1");
    return publish.topic;
  }
  // MQTT-3.3.2-10, MQTT-3.3.2-12
  if (*alias == 0 || *alias > limit_) return Violation{0x94, "U-3.3.4-2"};
  const std::size_t at = *alias - 1;
  if (!publish.topic.empty()) {
    if (at >= topics_.size()) topics_.resize(at + 1);
    // Kept as long as the link: must not hold on to the arrival buffer.
    return topics_[at] = Slice::copy_of(publish.topic.bytes());
  }
  if (at >= topics_.size() || topics_[at].empty()) return protocol_error("U-3.3.4-3");
  return topics_[at];
}

}  // namespace mqttlab
