#include "protocol/oracle/birth.h"

namespace mqttlab::oracle {

void Births::finish(const Deadline& deadline) {
  if (!deadline.known) return;
  for (const Connection* connection : model_.connections()) {
    if (!connection->client.open() || !connection->broker.open() || !connection->accepted())
      continue;
    const trace::ConnectDetail& connect = *connection->connect;
    if (!connect.has_will || !connect.will_retain) continue;
    const Text topic = connect.will_topic;
    if (!retained_.has_birth(topic, connection->client_id, connection->connect_event)) continue;
    model_.report.checked(Rule::birth_wins);
    const std::uint64_t will =
        retained_.will_over_birth(topic, connection->client_id, connection->connect_event);
    if (will == 0) continue;
    model_.report.broken(Rule::birth_wins, model_.now,
                         model_.who(*connection) + " is connected and had published on topic " +
                             model_.quoted(topic) + ", where a will is retained now",
                         {connection->connect_event, will});
  }
}

}  // namespace mqttlab::oracle
