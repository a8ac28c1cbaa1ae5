#include "protocol/oracle/alias.h"

namespace mqttlab::oracle {

void Aliases::written(Connection& connection, const Event& publish) {
  if (publish.detail == 0) return;
  const auto& detail = model_.log->detail<trace::PublishDetail>(publish.detail);
  if (detail.alias == 0) return;
  model_.report.checked(Rule::alias_scope);
  const Side& side = connection.side(publish.end);
  const std::string what = model_.sender(connection, publish.end) +
                           " wrote a PUBLISH with topic alias " + std::to_string(detail.alias) +
                           " at " + seconds(model_.now);
  // Before CONNACK a client does not know its limit, which may be higher than 0.
  const bool limited = publish.end == End::broker || side.connack;
  if (limited && detail.alias > side.window.alias_limit) {
    // MQTT-3.3.2-9, MQTT-3.3.2-11, MQTT-3.1.2-26, MQTT-3.1.2-27, MQTT-3.2.2-17, MQTT-3.2.2-18
    model_.report.broken(
        Rule::alias_scope, publish.end, model_.now,
        what + ", over a Topic Alias Maximum of " + std::to_string(side.window.alias_limit),
        {model_.event_index});
  } else if (publish.text == 0) {  // MQTT-3.3.2-7
    model_.report.broken(Rule::alias_scope, publish.end, model_.now,
                         what + " and no topic, and had not set it on this connection",
                         {model_.event_index});
  }
}

}  // namespace mqttlab::oracle
