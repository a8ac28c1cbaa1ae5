#include "protocol/client/session.h"

#include <utility>

#include "protocol/client/config.h"
#include "protocol/client/image.h"

namespace mqttlab::client {

namespace {
// Of topic, properties and payload.
std::size_t bytes_of(const OutMessage& message) { return message.encoded.size() - 2; }
}  // namespace

Session::Session(const ClientConfig& config)
    : is_new_(config.clean_session),
      queue_messages_(config.queue_messages),
      queue_bytes_(config.queue_bytes),
      outbox_bytes_(config.outbox_bytes),
      ids_(config.test_packet_id_max),
      outbound_(config.window, ids_),
      inbound_(config.version == ProtocolVersion::v5_0 ? config.receive_maximum : 65'535),
      subscriptions_(config.version, ids_) {}

bool Session::has_room(const OutMessage& message) const {
  const std::size_t bytes = bytes_of(message);
  return queue_.size() < queue_messages_ && bytes <= queue_bytes_ &&
         queued_bytes_ <= queue_bytes_ - bytes;
}

bool Session::can_send(const LinkOutput& out) const {
  return queue_.empty() && outbound_.can_send() && out.outbox.size() < outbox_bytes_;
}

void Session::push(OutMessage message, Queue::const_iterator place) {
  queued_bytes_ += bytes_of(message);
  queue_.insert(place, std::move(message));
}

std::optional<ReasonCode> Session::refusal(const OutMessage& message, const LinkOutput& out) {
  const Terms& terms = out.terms();
  if (message.qos > terms.maximum_qos) return ReasonCode::qos_not_supported;  // v5 MQTT-3.2.2-11
  if (message.retain && !terms.retain_available) {
    return ReasonCode::retain_not_supported;  // v5 MQTT-3.2.2-14
  }
  if (!out.fits(message)) return ReasonCode::packet_too_large;  // v5 MQTT-3.2.2-15
  return std::nullopt;
}

std::vector<Completed> Session::write(LinkOutput& out, Time now) {
  std::vector<Completed> over;
  outbound_.resend(out, outbox_bytes_, now);
  while (!queue_.empty() && outbound_.can_send() && out.outbox.size() < outbox_bytes_) {
    OutMessage message = std::move(queue_.front());
    queue_.pop_front();
    queued_bytes_ -= bytes_of(message);
    if (message.expires_at <= now) {
      over.push_back({.token = message.token, .outcome = Outcome::expired});
    } else if (const auto reason = refusal(message, out)) {
      over.push_back({.token = message.token, .outcome = Outcome::refused, .reason = *reason});
    } else {
      outbound_.send(std::move(message), out, now);
    }
  }
  return over;
}

std::vector<Completed> Session::expire(Time now) {
  std::vector<Completed> over;
  std::erase_if(queue_, [&](const OutMessage& message) {
    if (message.expires_at > now) return false;
    over.push_back({.token = message.token, .outcome = Outcome::expired});
    queued_bytes_ -= bytes_of(message);
    return true;
  });
  return over;
}

std::vector<Completed> Session::cut_to_terms(const LinkOutput& out) {
  std::vector<Completed> over;
  outbound_.drop_if([&](const OutMessage& message) {
    const auto reason = refusal(message, out);
    if (reason) {
      over.push_back({.token = message.token, .outcome = Outcome::refused, .reason = *reason});
    }
    return reason.has_value();
  });
  return over;
}

Session::Failed Session::link_ended(std::uint32_t expiry_s, Time now) {
  // v3 MQTT-3.1.2-6; and only then: v3 MQTT-3.1.2-4, MQTT-4.1.0-1, v5 MQTT-3.1.2-23
  if (expiry_s == 0) return end();
  if (expiry_s != endless_expiry_s) expires_at_ = now + expiry_s * second;
  return {};
}

Session::Failed Session::link_accepted(bool session_present, const Terms& terms) {
  Failed failed;
  if (session_present) {
    inbound_.new_link();
    subscriptions_.new_link();
  } else {
    failed = lose();  // v5 MQTT-3.2.2-5
  }
  is_new_ = false;
  outbound_.new_link(terms.receive_maximum);  // v5 MQTT-3.3.4-7
  return failed;
}

void Session::save(Image& image) const {
  const auto add = [&image](const OutMessage& message, std::uint16_t id, Stage stage) {
    const bool is_there = message.encoded.size() > 0;
    image.messages.push_back({is_there ? Slice::copy_of(message.encoded.topic()) : Slice(),
                              message.encoded.payload(),
                              is_there ? message.encoded.properties() : Properties(), message.qos,
                              message.retain, message.expires_at, message.token, id, stage});
  };
  image.has_session = !is_new_;
  image.last_packet_id = ids_.last();
  outbound_.for_each([&](std::uint16_t id, const Exchange& exchange) {
    add(exchange.message, id, exchange.stage);
  });
  for (const OutMessage& message : queue_) add(message, 0, Stage::await_puback);
  image.taken = inbound_.seen();
  subscriptions_.save(image);
}

void Session::restore(const Image& image) {
  is_new_ = !image.has_session;
  ids_.begin_after(image.last_packet_id);
  for (const Image::Message& kept : image.messages) {
    OutMessage message;
    if (!kept.topic.empty())
      message.encoded = EncodedPublish(kept.topic, kept.payload, kept.properties);
    message.qos = kept.qos;
    message.retain = kept.retain;
    message.expires_at = kept.expires_at;
    message.token = kept.token;
    if (kept.packet_id == 0) {
      enqueue(std::move(message));
    } else {
      outbound_.restore(kept.packet_id, std::move(message), kept.stage);
    }
  }
  for (const std::uint16_t id : image.taken) inbound_.restore(id);
  subscriptions_.restore(image);
}

Session::Failed Session::end() {
  is_new_ = true;
  expires_at_ = never;
  inbound_.clear();
  return outbound_.clear();
}

Session::Failed Session::lose() {
  is_new_ = true;
  expires_at_ = never;
  Failed failed;
  inbound_.clear();
  subscriptions_.session_lost();
  auto open = outbound_.take_all();
  for (auto exchange = open.rbegin(); exchange != open.rend(); ++exchange) {
    if (exchange->stage == Stage::await_pubcomp) {
      failed.insert(failed.begin(), exchange->message.token);
    } else {
      push(std::move(exchange->message), queue_.begin());
    }
  }
  return failed;
}

}  // namespace mqttlab::client
