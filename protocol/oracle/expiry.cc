#include "protocol/oracle/expiry.h"

#include <algorithm>

namespace mqttlab::oracle {
namespace {

// Intervals are whole seconds, rounded up or down.
constexpr Time rounding = second;

}  // namespace

bool Expiry::excuses(const Record& record, Time now) {
  if (record.expiry_mixed) return true;  // nor can be told which of them was sent
  if (record.begun >= record.required && !record.shared) return false;
  return record.expires() && now >= after(record.accepted_at, record.expiry_s);
}

// On an idle link a PUBLISH is taken when it is encoded; on any, after the connection's CONNECT,
// and after the acknowledgement that made room for it.
Time Expiry::encoded_since(const Connection& connection, const Event& event, Time since) const {
  if (connection.taken_at_once(event)) return model_.now;
  Time earliest = std::max(since, connection.connect_at);
  if (trace::qos_of(event) != QoS::at_most_once)
    earliest = std::max(earliest, connection.broker.window.full_until);
  return earliest;
}

void Expiry::sent(const Connection& connection, const Event& event, const Source& source,
                  Time since) {
  if (trace::dup_of(event)) return;  // begun before, on a connection that cut it (MQTT-4.3.3-7)
  const bool v5 = connection.v5();
  std::optional<std::uint32_t> told;
  if (event.detail != 0) told = model_.log->detail<trace::PublishDetail>(event.detail).expiry_s;
  if (source.expiry_s == endless_expiry_s) {
    if (told && *told != endless_expiry_s)
      broken(connection, event, source, "with an expiry interval that its publisher had not given");
    return;
  }
  model_.report.checked(Rule::expiry);
  const Time encoded = encoded_since(connection, event, since);
  const Time interval = source.expiry_s * second;
  if (encoded > source.handled_at + interval + model_.settings.host_grace) {  // MQTT-3.3.2-5
    broken(connection, event, source, "although its time was over by then");
  } else if (v5 && !told) {  // MQTT-3.3.2-6
    broken(connection, event, source, "without the rest of its expiry interval");
  } else if (v5 && *told * second > interval - (encoded - source.handled_at) + rounding) {
    broken(connection, event, source,
           "with " + std::to_string(*told) + " s to go, which leaves out the time it had waited");
  } else if (v5 && *told * second + rounding < interval - (model_.now - source.arrived_at)) {
    broken(connection, event, source,
           "with " + std::to_string(*told) + " s to go, less than it had left");
  }
}

void Expiry::broken(const Connection& connection, const Event& event, const Source& source,
                    const std::string& how) {
  std::string what = "the broker sent " + model_.who(connection) + " at " + seconds(model_.now) +
                     " a message on topic " + model_.quoted(event.text) + ", accepted at " +
                     seconds(source.arrived_at);
  if (source.expiry_s != endless_expiry_s)
    what += " to expire after " + std::to_string(source.expiry_s) + " s,";
  model_.report.broken(Rule::expiry, model_.now, what + " " + how,
                       {source.event, model_.event_index});
}

}  // namespace mqttlab::oracle
