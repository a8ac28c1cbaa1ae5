#include "protocol/session/flow.h"

#include <cassert>
#include <utility>

namespace mqttlab {

OutboundFlow::OutboundFlow(std::uint16_t window, PacketIds& ids)
    : window_(window), receive_maximum_(window), ids_(ids) {
  assert(window > 0);
}

bool OutboundFlow::can_send() const {
  // Younger messages wait until the older ones have been sent again, or they would overtake them.
  return resend_publish_ == 0 && resend_pubrel_ == 0 && quota() > 0 &&  // MQTT-4.9.0-2
         exchanges_.size() < window_ && !ids_.exhausted();
}

std::uint16_t OutboundFlow::send(OutMessage message, LinkOutput& out, Time now) {
  assert(can_send() && message.qos != QoS::at_most_once);
  // MQTT-4.3.2-1, MQTT-4.3.3-1; MQTT-2.3.1-2 to -4, MQTT-2.2.1-3 and -4
  const std::uint16_t id = ids_.take();
  out.publish(message, id, false, now);  // MQTT-3.3.1-3; v5 MQTT-4.3.2-2, MQTT-4.3.3-2
  const auto stage = message.qos == QoS::at_least_once ? Stage::await_puback : Stage::await_pubrec;
  exchanges_.add(id, {std::move(message), stage, true});  // MQTT-4.3.2-3, MQTT-4.3.3-3
  ++in_quota_;
  return id;
}

void OutboundFlow::restore(std::uint16_t id, OutMessage message, Stage stage) {
  ids_.claim(id);
  exchanges_.add(id, {std::move(message), stage});
}

void OutboundFlow::new_link(std::uint16_t receive_maximum) {
  receive_maximum_ = receive_maximum;  // MQTT-4.9.0-1, MQTT-3.3.4-7, MQTT-3.3.4-9
  in_quota_ = 0;
  for (std::uint16_t id = exchanges_.oldest(); id != 0; id = exchanges_.younger(id))
    exchanges_.find(id)->takes_quota = false;
  resend_pubrel_ = resend_publish_ = exchanges_.oldest();  // MQTT-4.4.0-1, MQTT-4.6.0-1
}

bool OutboundFlow::can_resend() const {
  return resend_pubrel_ != 0 || (resend_publish_ != 0 && quota() > 0);
}

void OutboundFlow::resend(LinkOutput& out, std::size_t limit_bytes, Time now) {
  for (; resend_pubrel_ != 0 && out.outbox.size() < limit_bytes;
       resend_pubrel_ = exchanges_.younger(resend_pubrel_)) {
    const Exchange& exchange = *exchanges_.find(resend_pubrel_);
    // Never PUBLISH again after PUBREL (MQTT-4.3.3-1; MQTT-4.3.3-6), and no PUBREL waits for the
    // quota (MQTT-4.9.0-3, MQTT-3.3.4-8, MQTT-3.3.4-10).
    if (exchange.stage == Stage::await_pubcomp) out.pubrel(resend_pubrel_);
  }
  if (resend_pubrel_ != 0) return;
  for (; resend_publish_ != 0 && quota() > 0 && out.outbox.size() < limit_bytes;
       resend_publish_ = exchanges_.younger(resend_publish_)) {
    Exchange& exchange = *exchanges_.find(resend_publish_);
    if (exchange.stage == Stage::await_pubcomp) continue;
    // MQTT-3.3.1-1; whatever has become of its interval, MQTT-4.3.3-7
    out.publish(exchange.message, resend_publish_, true, now);
    exchange.takes_quota = true;
    ++in_quota_;
  }
}

OutboundFlow::Finished OutboundFlow::puback(std::uint16_t id) {
  const Exchange* exchange = exchanges_.find(id);
  if (!exchange || exchange->stage != Stage::await_puback) return std::nullopt;
  const std::uint64_t token = exchange->message.token;
  finish(id);
  return token;
}

OutboundFlow::Finished OutboundFlow::pubrec(std::uint16_t id, ReasonCode reason, LinkOutput& out) {
  const bool error = is_error(reason);
  Exchange* exchange = exchanges_.find(id);
  if (!exchange) {
    if (!error)
      out.pubrel(id, out.v5() ? ReasonCode::packet_identifier_not_found : ReasonCode::success);
    return std::nullopt;
  }
  if (exchange->stage == Stage::await_puback) return std::nullopt;
  // 5.0 sends nothing twice on one link; in 3.1.1 a PUBREC that comes again asks for PUBREL again.
  if (exchange->stage == Stage::await_pubcomp && (error || out.v5())) return std::nullopt;
  if (error) {  // MQTT-4.4.0-2
    const std::uint64_t token = exchange->message.token;
    finish(id);
    return token;
  }
  exchange->message.encoded = {};          // the receiver owns the message now
  exchange->stage = Stage::await_pubcomp;  // MQTT-4.3.3-5
  out.pubrel(id);                          // MQTT-4.3.3-4, MQTT-4.6.0-4
  return std::nullopt;
}

OutboundFlow::Finished OutboundFlow::pubcomp(std::uint16_t id) {
  const Exchange* exchange = exchanges_.find(id);
  if (!exchange || exchange->stage != Stage::await_pubcomp) return std::nullopt;
  const std::uint64_t token = exchange->message.token;
  finish(id);
  return token;
}

void OutboundFlow::finish(std::uint16_t id) {
  if (resend_pubrel_ == id) resend_pubrel_ = exchanges_.younger(id);
  if (resend_publish_ == id) resend_publish_ = exchanges_.younger(id);
  if (exchanges_.find(id)->takes_quota) --in_quota_;
  exchanges_.remove(id);
  ids_.release(id);
}

void OutboundFlow::abandon(std::uint16_t id) {
  Exchange& exchange = *exchanges_.find(id);
  if (exchange.stage == Stage::await_puback) return finish(id);
  exchange.message = {.encoded = {}, .record = exchange.message.record};
  exchange.stage = Stage::await_pubcomp;  // MQTT-4.3.3-1, MQTT-2.2.1-3, MQTT-2.2.1-4
}

std::vector<OutboundFlow::Exchange> OutboundFlow::take_all() {
  std::vector<Exchange> all;
  all.reserve(exchanges_.size());
  for (std::uint16_t id = exchanges_.oldest(); id != 0; id = exchanges_.younger(id)) {
    all.push_back(std::move(*exchanges_.find(id)));
    ids_.release(id);
  }
  exchanges_.clear();
  resend_pubrel_ = resend_publish_ = in_quota_ = 0;
  return all;
}

std::vector<std::uint64_t> OutboundFlow::clear() {
  std::vector<std::uint64_t> tokens;
  tokens.reserve(exchanges_.size());
  for (const Exchange& exchange : take_all()) tokens.push_back(exchange.message.token);
  return tokens;
}

InboundFlow::Verdict InboundFlow::publish(std::uint16_t id, QoS qos) {
  if (!on_link_.contains(id)) {
    if (on_link_.size() >= receive_maximum_) return Verdict::over_limit;  // U-3.3.4-4
    on_link_.insert(id);
  }
  if (qos != QoS::exactly_once) return Verdict::fresh;         // MQTT-4.3.2-5
  return seen_.insert(id) ? Verdict::fresh : Verdict::repeat;  // MQTT-4.3.3-10
}

void InboundFlow::answered(std::uint16_t id) {
  seen_.erase(id);  // MQTT-4.3.3-9
  on_link_.erase(id);
}

bool InboundFlow::pubrel(std::uint16_t id) {
  on_link_.erase(id);
  return seen_.erase(id);  // MQTT-4.3.3-12
}

void InboundFlow::clear() {
  seen_.clear();
  on_link_.clear();
}

}  // namespace mqttlab
