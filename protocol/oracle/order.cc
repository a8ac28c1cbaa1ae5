#include "protocol/oracle/order.h"

#include <algorithm>

namespace mqttlab::oracle {

// Two devices may use one session by turns, and each application takes its messages when it likes.
void Order::first_delivery(Client& client, const Session& session, const Record& record,
                           QoS delivered, std::uint64_t arrived) {
  if (record.will || record.publisher == 0 || record.shared) return;
  if (client.ordered_session != session.id) client.delivered.clear();
  client.ordered_session = session.id;
  // A subscription may change its QoS: then order is owed among the messages of either QoS.
  const std::uint64_t key =
      std::uint64_t{record.publisher} << 36 | std::uint64_t{record.topic} << 4 |
      static_cast<std::uint64_t>(record.published) << 2 | static_cast<std::uint64_t>(delivered);
  Client::Delivered& last = client.delivered[key];
  if (last.accepted == 0) {
    last = {record.accepted + 1, arrived + 1};
    return;
  }
  model_.report.checked(Rule::ord_topic);
  // Of a message that was accepted again, or of equal ones, any copy may be the one.
  if (record.last_accepted + 1 < last.accepted) {
    // What had arrived in order its client has handed over in another.
    const End offender = arrived + 1 < last.arrived ? End::client : End::broker;
    model_.report.broken(
        Rule::ord_topic, offender, model_.now,
        "the application of client " + model_.quoted(session.client_id) + " got at " +
            seconds(model_.now) + " a QoS " + std::to_string(static_cast<int>(record.published)) +
            " message of publisher " + model_.quoted(record.publisher) + " on topic " +
            model_.quoted(record.topic) + " that the broker had accepted at " +
            seconds(record.accepted_at) + ", after one that was accepted later",
        {record.accepted, last.accepted - 1, model_.event_index});
    return;
  }
  if (record.accepted + 1 > last.accepted) last = {record.accepted + 1, arrived + 1};
}

}  // namespace mqttlab::oracle
