#include "protocol/broker/connack.h"

#include "protocol/wire/codec.h"

namespace mqttlab {

std::optional<ConnectReturn> return_code(ReasonCode reason) {
  switch (reason) {
    case ReasonCode::unsupported_protocol_version:
      return ConnectReturn::unacceptable_protocol_version;
    case ReasonCode::client_identifier_not_valid:
      return ConnectReturn::identifier_rejected;
    case ReasonCode::bad_user_name_or_password:
      return ConnectReturn::bad_user_name_or_password;
    case ReasonCode::not_authorized:
    case ReasonCode::banned:
      return ConnectReturn::not_authorized;
    case ReasonCode::server_unavailable:
    case ReasonCode::server_busy:
    case ReasonCode::quota_exceeded:
    case ReasonCode::use_another_server:
    case ReasonCode::server_moved:
    case ReasonCode::connection_rate_exceeded:
      return ConnectReturn::server_unavailable;
    default:
      return std::nullopt;
  }
}

Properties properties_of(const Welcome& welcome, const BrokerConfig& config) {
  using Id = PropertyId;
  Properties set = welcome.authentication;  // MQTT-4.12.0-5; else none (MQTT-4.12.0-6)
  if (welcome.session_expiry_s) set.add(Id::session_expiry_interval, *welcome.session_expiry_s);
  if (config.receive_window < 65'535) set.add(Id::receive_maximum, config.receive_window);
  if (config.maximum_qos < QoS::exactly_once)  // MQTT-3.2.2-9
    set.add(Id::maximum_qos, static_cast<std::uint32_t>(config.maximum_qos));
  if (!config.retain_available) set.add(Id::retain_available, 0u);
  if (config.max_packet_size < max_remaining_length)
    set.add(Id::maximum_packet_size, config.max_packet_size);
  if (welcome.assigned_client_id)  // MQTT-3.1.3-7, MQTT-3.2.2-16
    set.add(Id::assigned_client_identifier, *welcome.assigned_client_id);
  if (config.topic_alias_maximum > 0) set.add(Id::topic_alias_maximum, config.topic_alias_maximum);
  if (!config.wildcard_available) set.add(Id::wildcard_subscription_available, 0u);
  if (!config.identifiers_available) set.add(Id::subscription_identifier_available, 0u);
  if (!config.shared_available) set.add(Id::shared_subscription_available, 0u);
  if (welcome.keep_alive_s) set.add(Id::server_keep_alive, *welcome.keep_alive_s);
  if (welcome.response_information && !config.response_information.empty())  // MQTT-3.1.2-28
    set.add(Id::response_information, config.response_information);
  return set;
}

}  // namespace mqttlab
