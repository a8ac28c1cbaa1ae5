#include "protocol/oracle/resend.h"

#include <algorithm>

namespace mqttlab::oracle {

// MQTT-3.1.2-24, MQTT-3.1.2-25: the next connection may take less than the last one did.
bool fits(const Model& model, const Window& window, const Exchange& exchange) {
  return window.packet_limit == 0 ||
         exchange.bytes + model.log->text(exchange.topic).size() <= window.packet_limit;
}

void Resends::due(const Sending& sending) {
  Window& window = sending.window();
  for (const std::uint64_t id : sending.out.keys()) {
    const Exchange& exchange = *sending.out.find(id);
    const bool again = exchange.stage == Exchange::Stage::publish &&
                       exchange.connection != sending.connection.number;
    if (again && fits(model_, window, exchange))
      window.resends.push_back({exchange.event, static_cast<std::uint16_t>(id)});
  }
  std::sort(window.resends.begin(), window.resends.end(),
            [](const auto& a, const auto& b) { return a.event < b.event; });
}

// Null if it has been sent again, or need not be.
const Exchange* Resends::pending(const Sending& sending, const Window::Resend& resend) {
  const Exchange* exchange = sending.out.find(resend.packet_id);
  const bool waits = exchange && exchange->event == resend.event &&
                     exchange->stage == Exchange::Stage::publish &&
                     exchange->connection != sending.connection.number;
  return waits ? exchange : nullptr;
}

const Window::Resend* Resends::first(const Sending& sending) {
  Window& window = sending.window();
  while (window.resent < window.resends.size() && !pending(sending, window.resends[window.resent]))
    ++window.resent;
  return window.resent < window.resends.size() ? &window.resends[window.resent] : nullptr;
}

std::uint32_t Resends::publisher(const Sending& sending, std::uint64_t message) {
  const Record* record = sending.session ? sending.session->records.find(message) : nullptr;
  return record ? record->publisher : 0;
}

// A client, and a server of 3.1.1, sends all of them in their order (MQTT-4.6.0-1); a server of 5.0
// keeps the order of one publisher's messages of one topic and QoS (MQTT-4.6.0-5).
void Resends::sent(const Sending& sending, std::uint16_t packet_id, const Exchange& exchange) {
  const Window::Resend* oldest = first(sending);
  if (!oldest) return;
  model_.report.checked(Rule::pid_stable);
  if (sending.window().resends.size() > 1) model_.report.checked(Rule::ord_resend);
  const bool all = sending.end == End::client || !sending.v5();
  const Window& window = sending.window();
  for (const auto* older = oldest; older->event < exchange.event; ++older) {
    const Exchange* waits = pending(sending, *older);
    const bool ordered =
        waits &&
        (all || (waits->topic == exchange.topic && waits->qos == exchange.qos &&
                 publisher(sending, waits->message) == publisher(sending, exchange.message)));
    if (ordered) {
      model_.report.broken(Rule::ord_resend, sending.end, model_.now,
                           model_.sender(sending.connection, sending.end) + " sent PUBLISH id " +
                               std::to_string(packet_id) + " on topic " +
                               model_.quoted(exchange.topic) + " again at " + seconds(model_.now) +
                               ", before id " + std::to_string(older->packet_id) +
                               ", which it had first sent earlier, at " + seconds(waits->begun_at),
                           {waits->event, exchange.event, model_.event_index});
      return;
    }
    if (older == &window.resends.back()) return;
  }
}

// The will of a connection whose end the broker may know of already, from a kernel.
bool Resends::may_have_fired(std::uint64_t message) {
  const auto& all = model_.connections();
  return std::any_of(all.begin(), all.end(), [&](const Connection* one) {
    return one->will == WillState::armed && one->connect->will_message == message &&
           (one->client.closed || model_.settings.from_the_path);
  });
}

bool Resends::begun(const Sending& sending, const Event& event) {
  if (!first(sending)) return false;
  const Window& window = sending.window();
  const Record* record = sending.session ? sending.session->records.find(event.message) : nullptr;
  for (std::size_t i = window.resent; trace::dup_of(event) && i < window.resends.size(); ++i) {
    const Exchange* waits = pending(sending, window.resends[i]);
    if (!waits || waits->message != event.message) continue;  // MQTT-4.4.0-1
    // Another message that says the same, or, with a QoS of its own, the copy for another filter.
    const bool same_qos = waits->qos == trace::qos_of(event);
    if (record && record->begun < (same_qos ? record->acceptances : record->permitted)) continue;
    if (may_have_fired(event.message)) continue;
    model_.report.broken(
        Rule::pid_stable, sending.end, model_.now,
        model_.sender(sending.connection, sending.end) + " sent at " + seconds(model_.now) +
            " under packet id " + std::to_string(event.packet_id) +
            " again what it had first sent at " + seconds(waits->begun_at) + " under packet id " +
            std::to_string(window.resends[i].packet_id) + ", on topic " + model_.quoted(event.text),
        {waits->event, model_.event_index});
    sending.out.erase(window.resends[i].packet_id);
    return true;
  }
  overtaken(sending, event);
  return false;
}

void Resends::overtaken(const Sending& sending, const Event& event) {
  Window& window = sending.window();
  for (std::size_t i = window.resent; i < window.resends.size(); ++i) {
    const Exchange* waits = pending(sending, window.resends[i]);
    if (!waits || waits->topic != event.text || waits->qos != trace::qos_of(event) ||
        publisher(sending, waits->message) != publisher(sending, event.message))
      continue;
    model_.report.broken(Rule::ord_resend, sending.end, model_.now,
                         model_.sender(sending.connection, sending.end) + " began PUBLISH id " +
                             std::to_string(event.packet_id) + " on topic " +
                             model_.quoted(event.text) + " at " + seconds(model_.now) +
                             ", before it had sent id " +
                             std::to_string(window.resends[i].packet_id) +
                             " of the same topic again, first sent at " + seconds(waits->begun_at),
                         {waits->event, model_.event_index});
    window.resends.clear();  // once a connection is enough
    window.resent = 0;
    return;
  }
}

}  // namespace mqttlab::oracle
