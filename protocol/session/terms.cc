#include "protocol/session/terms.h"

namespace mqttlab {
namespace {

void read_common(const Properties& properties, Terms& terms) {
  using Id = PropertyId;
  if (const auto most = properties.get<Id::receive_maximum>())
    terms.receive_maximum = static_cast<std::uint16_t>(*most);
  if (const auto most = properties.get<Id::maximum_packet_size>()) terms.max_packet_size = *most;
  if (const auto most = properties.get<Id::topic_alias_maximum>())
    terms.topic_alias_maximum = static_cast<std::uint16_t>(*most);
}

}  // namespace

bool takes(const Terms& terms, const Packet& packet) {
  if (terms.version != ProtocolVersion::v5_0) return true;
  Outbox scratch;
  encode(packet, terms.version, scratch);
  return scratch.size() <= terms.max_packet_size;  // v5 MQTT-3.1.2-24, MQTT-3.2.2-15
}

Terms terms_of(const Connect& connect) {
  using Id = PropertyId;
  const Properties& properties = connect.properties;
  Terms terms{.version = connect.version};
  read_common(properties, terms);
  terms.problem_information = properties.get<Id::request_problem_information>().value_or(1) == 1;
  terms.response_information = properties.get<Id::request_response_information>().value_or(0) == 1;
  return terms;
}

Terms terms_of(const Connack& connack, ProtocolVersion version) {
  using Id = PropertyId;
  const Properties& properties = connack.properties;
  Terms terms{.version = version};
  if (properties.empty()) return terms;
  read_common(properties, terms);
  if (const auto most = properties.get<Id::maximum_qos>())
    terms.maximum_qos = static_cast<QoS>(*most);
  const auto available = [](std::optional<std::uint32_t> told) { return told.value_or(1) == 1; };
  terms.retain_available = available(properties.get<Id::retain_available>());
  terms.wildcards_available = available(properties.get<Id::wildcard_subscription_available>());
  terms.identifiers_available = available(properties.get<Id::subscription_identifier_available>());
  terms.shared_available = available(properties.get<Id::shared_subscription_available>());
  if (const auto keep_alive = properties.get<Id::server_keep_alive>())
    terms.keep_alive_s = static_cast<std::uint16_t>(*keep_alive);
  terms.session_expiry_s = properties.get<Id::session_expiry_interval>();
  return terms;
}

}  // namespace mqttlab
