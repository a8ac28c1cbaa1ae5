#include "protocol/client/opening.h"

#include "protocol/client/config.h"

namespace mqttlab::client {

namespace {

// What has its default value goes without saying.
Properties connect_properties(const ClientConfig& config) {
  using Id = PropertyId;
  Properties properties = config.properties;
  if (const auto expiry_s = session_expiry_s(config); expiry_s != 0)
    properties.add(Id::session_expiry_interval, expiry_s);
  if (config.receive_maximum != 65'535) properties.add(Id::receive_maximum, config.receive_maximum);
  properties.add(Id::maximum_packet_size, config.max_packet_size);
  if (config.topic_alias_maximum != 0)
    properties.add(Id::topic_alias_maximum, config.topic_alias_maximum);
  if (config.request_response_information) properties.add(Id::request_response_information, 1);
  if (!config.request_problem_information) properties.add(Id::request_problem_information, 0);
  return properties;
}

}  // namespace

Connect connect_packet(const ClientConfig& config, std::string_view client_id, bool clean_start) {
  const auto slice = [](const std::optional<std::string>& text) {
    return text ? std::optional(Slice::copy_of(*text)) : std::nullopt;
  };
  return {.version = config.version,
          .client_id = Slice::copy_of(client_id),
          .clean_session = clean_start,
          .keep_alive_s = config.keep_alive_s,
          .will = config.will,
          .user_name = slice(config.user_name),
          .password = slice(config.password),
          .properties = v5(config) ? connect_properties(config) : Properties()};
}

}  // namespace mqttlab::client
