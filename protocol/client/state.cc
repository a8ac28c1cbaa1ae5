#include "protocol/client/state.h"

#include <cassert>
#include <utility>

namespace mqttlab {

Client::State::State(ClientConfig config_, std::uint64_t seed, trace::Log* log_,
                     trace::Actor actor_)
    : config(std::move(config_)),
      log(log_),
      actor(actor_),
      session(config),
      redial(config, Random(seed, "client/" + config.client_id + "/backoff")) {}

bool Client::State::has_room(const Publish& message) const {
  return session.has_room(message.topic.size() + message.payload.size()) ||
         (connected() && session.can_send(link->output()));
}

bool Client::State::has_room_for_request() const {
  return session.subscriptions().unanswered() < config.queue_messages;
}

Token Client::State::publish(const Publish& message, Time now) {
  const Token token = next_token++;
  trace_publish(trace::Kind::publish_called, message, 0, token, now);
  OutMessage out;
  out.encoded = EncodedPublish(message.topic, message.payload);
  out.qos = message.qos;
  out.retain = message.retain;
  out.token = token;
  if (out.qos != QoS::at_most_once) {
    session.enqueue(std::move(out));
    write(now);
  } else if (connected() && link->output().outbox.size() < config.outbox_bytes) {
    link->output().publish(out, 0, false, now);  // MQTT-4.3.1-1
    link->track(token);
  } else {
    complete(token, Outcome::failed, now);
  }
  return token;
}

void Client::State::write(Time now) {
  if (connected()) session.write(link->output(), now);
}

std::optional<ClientEvent> Client::State::poll(Time now) {
  auto taken = inbox.take();
  if (!taken) return std::nullopt;
  if (const auto* message = std::get_if<Received>(&taken->first)) trace_delivered(*message, now);
  acknowledge(taken->second);
  answer_repeats();
  if (link) link->read_on(now);
  return std::move(taken->first);
}

void Client::State::advance(Time now) {
  if (redial.is_dialing() && now >= redial.attempt_deadline()) {
    attempt_failed(CloseCause::timeout, now);
  }
  redial.advance(now);
  if (link) link->advance(now);
}

Peer& Client::State::dialed(Time now) {
  if (link) link->closed(CloseCause::local, now);  // a host that forgot to say so
  ++links;
  if (redial.is_dialing()) {
    redial.dialed();
    link = std::make_unique<client::Link>(*this, config, links, redial.attempt_deadline(), now);
  } else {
    link = std::make_unique<client::Link>(*this, config, links);
  }
  return *link;
}

void Client::State::attempt_failed(CloseCause cause, Time now) {
  redial.ended(now);
  inbox.add(Disconnected{
      std::nullopt, cause == CloseCause::timeout ? "no answer to the dial" : "the dial failed"});
}

bool Client::State::may_read() const {
  return inbox.size() < config.inbox_messages && inbox.bytes() < config.inbox_bytes;
}

void Client::State::connack(const Connack& packet, Time now) {
  if (packet.code != ConnectReturn::accepted) {
    return link->give_up(Refused{packet.code}, now);
  }
  if (packet.session_present && config.clean_session) {
    return link->violated({0x82, "MQTT-3.2.2-1"}, now);
  }
  link->accepted(now);
  redial.accepted(now);
  inbox.add(Connected{packet.session_present});
  for (const Token token : session.link_accepted(packet.session_present, link->output().terms())) {
    complete(token, Outcome::failed, now);
  }
  write(now);
}

void Client::State::packet(Packet packet, Time now) {
  OutboundFlow& outbound = session.outbound();
  if (const auto* publish = std::get_if<Publish>(&packet)) {
    return received(*publish);
  }
  if (const auto* puback = std::get_if<Puback>(&packet)) {
    complete(outbound.puback(puback->packet_id), now);
  } else if (const auto* pubrec = std::get_if<Pubrec>(&packet)) {
    complete(outbound.pubrec(pubrec->packet_id, pubrec->reason, link->output()), now);
  } else if (const auto* pubrel = std::get_if<Pubrel>(&packet)) {
    session.inbound().pubrel(pubrel->packet_id);  // unknown ids are answered too (MQTT-4.3.3-2)
    encode(Pubcomp{pubrel->packet_id}, config.version, link->output().outbox);
  } else if (const auto* pubcomp = std::get_if<Pubcomp>(&packet)) {
    complete(outbound.pubcomp(pubcomp->packet_id), now);
  } else if (const auto* suback = std::get_if<Suback>(&packet)) {
    auto completed = session.subscriptions().suback(*suback);
    if (!completed) return link->violated(completed.violation(), now);
    if (*completed) inbox.add(std::move(**completed));
  } else if (const auto* unsuback = std::get_if<Unsuback>(&packet)) {
    if (auto completed = session.subscriptions().unsuback(*unsuback)) {
      inbox.add(std::move(*completed));
    }
  }
  write(now);
}

void Client::State::received(const Publish& publish) {
  const client::OwedAck ack{link->number(), publish.packet_id, publish.qos};
  // The id counts as seen from now on, taken by the application or not: a later link's repeat is
  // answered only, never delivered again.
  if (publish.qos == QoS::exactly_once &&
      session.inbound().publish(publish.packet_id, publish.qos) == InboundFlow::Verdict::repeat) {
    inbox.add_repeat(ack);
    return answer_repeats();
  }
  inbox.add(Received{publish.topic, publish.payload, publish.qos, publish.retain, publish.dup},
            ack);
}

void Client::State::acknowledge(const client::OwedAck& ack) {
  if (!connected() || ack.link != link->number()) return;
  if (ack.qos == QoS::at_least_once) {
    encode(Puback{ack.packet_id}, config.version, link->output().outbox);
  } else if (ack.qos == QoS::exactly_once) {
    encode(Pubrec{ack.packet_id}, config.version, link->output().outbox);
  }
}

void Client::State::answer_repeats() {
  while (const auto ack = inbox.take_repeat()) acknowledge(*ack);
}

void Client::State::written(const std::vector<Token>& sent, Time now) {
  for (const Token token : sent) complete(token, Outcome::done, now);
  write(now);
}

void Client::State::ended(ClientEvent how, const std::vector<Token>& unsent, Time now) {
  redial.ended(now);
  for (const Token token : unsent) complete(token, Outcome::failed, now);
  for (const Token token : session.link_ended()) complete(token, Outcome::failed, now);
  inbox.add(std::move(how));
}

void Client::State::complete(Token token, Outcome outcome, Time now) {
  inbox.add(Completed{token, outcome, {}});
  if (!log) return;
  trace::Event event;
  event.at = now;
  event.kind = trace::Kind::publish_completed;
  event.code = static_cast<std::uint8_t>(outcome);
  event.actor = actor;
  event.detail = static_cast<std::uint32_t>(token);
  log->append(event);
}

void Client::State::complete(std::optional<Token> token, Time now) {
  if (token) complete(*token, Outcome::done, now);
}

template <typename Message>
trace::Event Client::State::event_of(trace::Kind kind, const Message& message, Time now) {
  trace::Event event;
  event.at = now;
  event.kind = kind;
  event.actor = actor;
  event.message = trace::Log::identity(message.topic.text(), message.payload.bytes());
  event.flags = static_cast<std::uint8_t>((static_cast<unsigned>(message.qos) << 1) |
                                          (message.retain ? trace::flag_retain : 0U));
  event.text = log->intern(message.topic.text());
  event.payload_bytes = static_cast<std::uint32_t>(message.payload.size());
  return event;
}

void Client::State::trace_publish(trace::Kind kind, const Publish& message, std::uint8_t code,
                                  Token token, Time now) {
  if (!log) return;
  trace::Event event = event_of(kind, message, now);
  event.code = code;
  event.detail = static_cast<std::uint32_t>(token);
  log->append(event);
}

void Client::State::trace_delivered(const Received& message, Time now) {
  if (!log) return;
  trace::Event event = event_of(trace::Kind::delivered, message, now);
  if (message.dup) event.flags |= trace::flag_dup;
  log->append(event);
}

}  // namespace mqttlab
