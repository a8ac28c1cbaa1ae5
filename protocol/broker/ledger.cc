#include "protocol/broker/ledger.h"

namespace mqttlab {

void Ledger::dropped(trace::DropReason reason, std::string_view client_id, std::uint64_t identity,
                     QoS qos, Time now) {
  ++gauges.messages_dropped;
  ++gauges.dropped_for[static_cast<std::size_t>(reason)];
  if (!log_) return;
  trace::Event event;
  event.at = now;
  event.kind = trace::Kind::dropped;
  event.end = trace::End::broker;
  event.actor = actor_;
  event.code = static_cast<std::uint8_t>(reason);
  event.flags = static_cast<std::uint8_t>(static_cast<unsigned>(qos) << 1);
  event.message = identity;
  event.text = log_->intern(client_id);
  log_->append(event);
}

void Ledger::session_ended(std::string_view client_id, Time now) {
  if (!log_) return;
  trace::Event event;
  event.at = now;
  event.kind = trace::Kind::session_ended;
  event.end = trace::End::broker;
  event.actor = actor_;
  event.text = log_->intern(client_id);
  log_->append(event);
}

}  // namespace mqttlab
