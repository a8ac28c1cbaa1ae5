#include "protocol/session/flow.h"

#include <cassert>
#include <utility>

namespace mqttlab {

namespace {

void write_pubrel(std::uint16_t id, Outbox& out) {
  encode(Pubrel{id}, ProtocolVersion::v3_1_1, out);  // the same bytes in every version so far
}

}  // namespace

OutboundFlow::OutboundFlow(std::uint16_t window, PacketIds& ids) : window_(window), ids_(ids) {
  assert(window > 0);
}

bool OutboundFlow::can_send() const {
  // Younger messages wait until the older ones have been sent again, or they would overtake them.
  return resend_ == 0 && exchanges_.size() < window_ && !ids_.exhausted();
}

std::uint16_t OutboundFlow::send(OutMessage message, Outbox& out) {
  assert(can_send() && message.qos != QoS::at_most_once);
  const std::uint16_t id = ids_.take();  // MQTT-4.3.2-1, MQTT-4.3.3-1
  message.encoded.append_to(out, id, false, message.retain);
  const auto stage = message.qos == QoS::at_least_once ? Stage::await_puback : Stage::await_pubrec;
  exchanges_.add(id, {std::move(message), stage});
  return id;
}

bool OutboundFlow::resend(Outbox& out, std::size_t limit_bytes) {
  while (resend_ != 0 && out.size() < limit_bytes) {
    const Exchange& exchange = *exchanges_.find(resend_);
    if (exchange.stage == Stage::await_pubcomp) {
      write_pubrel(resend_, out);  // never PUBLISH again after PUBREL (MQTT-4.3.3-1)
    } else {
      exchange.message.encoded.append_to(out, resend_, true, exchange.message.retain);
    }
    resend_ = exchanges_.younger(resend_);
  }
  return resend_ == 0;
}

std::optional<std::uint64_t> OutboundFlow::puback(std::uint16_t id) {
  const Exchange* exchange = exchanges_.find(id);
  if (!exchange || exchange->stage != Stage::await_puback) return std::nullopt;
  const std::uint64_t token = exchange->message.token;
  finish(id);
  return token;
}

void OutboundFlow::pubrec(std::uint16_t id, Outbox& out) {
  if (Exchange* exchange = exchanges_.find(id)) {
    if (exchange->stage == Stage::await_puback) return;
    OutMessage& message = exchange->message;
    message.topic = message.payload = {};  // the receiver owns the message now
    message.encoded = {};
    exchange->stage = Stage::await_pubcomp;
  }
  write_pubrel(id, out);
}

std::optional<std::uint64_t> OutboundFlow::pubcomp(std::uint16_t id) {
  const Exchange* exchange = exchanges_.find(id);
  if (!exchange || exchange->stage != Stage::await_pubcomp) return std::nullopt;
  const std::uint64_t token = exchange->message.token;
  finish(id);
  return token;
}

void OutboundFlow::finish(std::uint16_t id) {
  if (resend_ == id) resend_ = exchanges_.younger(id);
  exchanges_.remove(id);
  ids_.release(id);
}

std::vector<OutboundFlow::Exchange> OutboundFlow::take_all() {
  std::vector<Exchange> all;
  all.reserve(exchanges_.size());
  for (std::uint16_t id = exchanges_.oldest(); id != 0; id = exchanges_.younger(id)) {
    all.push_back(std::move(*exchanges_.find(id)));
    ids_.release(id);
  }
  exchanges_.clear();
  resend_ = 0;
  return all;
}

std::vector<std::uint64_t> OutboundFlow::clear() {
  std::vector<std::uint64_t> tokens;
  tokens.reserve(exchanges_.size());
  for (const Exchange& exchange : take_all()) tokens.push_back(exchange.message.token);
  return tokens;
}

InboundFlow::Verdict InboundFlow::publish(std::uint16_t id) {
  if (seen_.contains(id)) return Verdict::repeat;
  if (seen_.size() >= window_) return Verdict::over_limit;
  seen_.insert(id);
  return Verdict::fresh;
}

}  // namespace mqttlab
