#include "protocol/client/state.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "protocol/client/config.h"
#include "protocol/client/image.h"
#include "protocol/client/opening.h"

namespace mqttlab {

Client::State::State(ClientConfig config_, std::uint64_t seed, trace::Log* log_,
                     trace::Actor actor_)
    : config(std::move(config_)),
      log(log_),
      actor(actor_),
      session(config),
      redial(config, Random(seed, "client/" + config.client_id + "/backoff")),
      client_id(config.client_id) {}

void Client::State::start() {
  if (redial.start()) begin_anew = config.clean_session;
}

std::optional<Misuse> Client::State::stop(const Disconnect& how, Time now) {
  const auto* rule = find_reason(static_cast<std::uint8_t>(how.reason), PacketType::disconnect);
  if (!rule || !may_send(*rule, PacketType::disconnect, Sender::client)) {
    return Misuse::bad_argument;  // MQTT-3.14.2-1
  }
  if (!client::v5(config) && how != Disconnect{}) return Misuse::bad_argument;
  constexpr auto place = place_of(PacketType::disconnect);
  if (Properties::fault(how.properties.bytes().bytes(), place, Sender::client)) {
    return Misuse::bad_argument;
  }
  const auto interval = how.properties.get<PropertyId::session_expiry_interval>();
  if (interval.value_or(0) != 0 && client::session_expiry_s(config) == 0) {
    return Misuse::bad_argument;  // U-3.14.2.2.2-2
  }
  redial.stop();
  if (!link) return std::nullopt;
  if (!link->finished()) expiry_s = interval.value_or(expiry_s);
  link->disconnect(how, now);
  return std::nullopt;
}

std::optional<Misuse> Client::State::reauthenticate(Time now) {
  if (!connected()) return Misuse::not_connected;
  return link->reauthenticate(now) ? std::nullopt : std::optional(Misuse::bad_argument);
}

std::optional<Misuse> Client::State::objection(const OutMessage& message, Time now) {
  if (connected()) {
    if (const auto reason = client::Session::refusal(message, link->output())) {
      return misuse_of(*reason);
    }
  }
  if (!has_room_for_completion()) return Misuse::queue_full;
  if (message.qos == QoS::at_most_once || session.has_room(message)) return std::nullopt;
  if (connected() && session.can_send(link->output())) return std::nullopt;
  for (Completed& over : session.expire(now)) complete(std::move(over), now);
  return session.has_room(message) ? std::nullopt : std::optional(Misuse::queue_full);
}

Token Client::State::publish(const Publish& message, OutMessage out, Time now) {
  const Token token = next_token++;
  trace_publish(trace::Kind::publish_called, message, 0, token, now);
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
  if (!connected()) return;
  add(session.subscriptions().write(link->output()));
  for (Completed& over : session.write(link->output(), now)) complete(std::move(over), now);
}

// A QoS 2 message that the application has not taken is not this end's yet: the server is to send
// it again.
client::Image Client::State::image() const {
  client::Image image;
  image.client_id = client_id;
  image.expiry_s = links == 0 ? client::session_expiry_s(config) : expiry_s;
  image.last_token = next_token - 1;
  session.save(image);
  std::erase_if(image.taken, [this](std::uint16_t id) { return inbox.holds(id); });
  return image;
}

void Client::State::restore(const client::Image& image, Time now) {
  client_id = image.client_id;
  next_token = std::max(next_token, image.last_token + 1);
  session.restore(image);
  fail(session.link_ended(image.expiry_s, now), now);
}

bool Client::State::wants_link() const {
  // One socket at a time: the host closes the old link before it dials again. An application that
  // takes no events gets no links either, each of which would bring more of them.
  return redial.wants_dial() && may_read() && (!link || link->is_closed());
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
  if (now >= session.expires_at()) fail(session.lose(), now);
  if (link) link->advance(now);
}

Peer& Client::State::dialed(Time now) {
  if (link) link->closed(CloseCause::local, now);  // a host that forgot to say so
  ++links;
  if (redial.is_dialing()) {
    redial.dialed();
    if (std::exchange(begin_anew, false)) fail(session.end(), now);  // v5 MQTT-3.1.2-4
    session.link_begins();
    expiry_s = client::session_expiry_s(config);
    link = std::make_unique<client::Link>(
        *this, config, links, client::connect_packet(config, client_id, session.is_new()),
        redial.attempt_deadline(), now);
  } else {
    link = std::make_unique<client::Link>(*this, config, links);
  }
  return *link;
}

void Client::State::attempt_failed(CloseCause cause, Time now) {
  Disconnected how{std::nullopt,
                   cause == CloseCause::timeout ? "no answer to the dial" : "the dial failed"};
  attempt_ended(how, now);
  inbox.add(std::move(how));
}

void Client::State::attempt_ended(const ClientEvent& how, Time now) {
  const auto* lost = std::get_if<Disconnected>(&how);
  const bool taken_over =
      lost && lost->server && lost->server->reason == ReasonCode::session_taken_over;
  redial.ended(taken_over, now);
  referral.ended(how);
}

bool Client::State::may_read() const {
  return inbox.size() < config.inbox_messages && inbox.bytes() < config.inbox_bytes;
}

void Client::State::connack(const Connack& packet, Time now) {
  if (packet.code != ConnectReturn::accepted || is_error(packet.reason)) {
    return link->give_up(Refused{packet.code, packet.reason, packet.properties}, now);
  }
  if (packet.session_present && session.is_new()) {  // v5 MQTT-3.2.2-4
    return link->violated(protocol_error(client::v5(config) ? "MQTT-3.2.2-2" : "MQTT-3.2.2-1"),
                          now);
  }
  if (client::v5(config) && client_id.empty()) {
    const auto assigned = packet.properties.get<PropertyId::assigned_client_identifier>();
    if (!assigned || assigned->empty()) return link->violated(protocol_error("MQTT-3.1.3-7"), now);
    client_id = assigned->text();
  }
  if (!link->accept(packet, now)) return;
  redial.accepted(now);
  const Terms& terms = link->output().terms();
  expiry_s = terms.session_expiry_s.value_or(expiry_s);
  inbox.add(Connected{packet.session_present, packet});
  fail(session.link_accepted(packet.session_present, terms), now);
  for (Completed& over : session.cut_to_terms(link->output())) complete(std::move(over), now);
  write(now);
}

void Client::State::packet(Packet packet, Time now) {
  OutboundFlow& outbound = session.outbound();
  if (auto* publish = std::get_if<Publish>(&packet)) {
    return received(std::move(*publish), now);
  }
  if (const auto* puback = std::get_if<Puback>(&packet)) {
    settle(outbound.puback(puback->packet_id), *puback, now);
  } else if (const auto* pubrec = std::get_if<Pubrec>(&packet)) {
    settle(outbound.pubrec(pubrec->packet_id, pubrec->reason, link->output()), *pubrec, now);
  } else if (const auto* pubrel = std::get_if<Pubrel>(&packet)) {
    const bool known = session.inbound().pubrel(pubrel->packet_id);
    const auto reason = known ? ReasonCode::success : ReasonCode::packet_identifier_not_found;
    // Unknown ids are answered too (MQTT-4.3.3-2; v5 MQTT-4.3.3-11).
    encode(Pubcomp{pubrel->packet_id, reason}, config.version, link->output().outbox);
  } else if (const auto* pubcomp = std::get_if<Pubcomp>(&packet)) {
    settle(outbound.pubcomp(pubcomp->packet_id), *pubcomp, now);
  } else if (const auto* disconnect = std::get_if<Disconnect>(&packet)) {
    std::string words(name(disconnect->reason, PacketType::disconnect));
    return link->give_up(Disconnected{{}, "the server disconnected: " + words, *disconnect}, now);
  } else if (const auto* suback = std::get_if<Suback>(&packet)) {
    auto events = session.subscriptions().suback(*suback);
    if (!events) return link->violated(events.violation(), now);
    add(std::move(*events));
  } else if (const auto* unsuback = std::get_if<Unsuback>(&packet)) {
    auto events = session.subscriptions().unsuback(*unsuback);
    if (!events) return link->violated(events.violation(), now);
    add(std::move(*events));
  }
  write(now);
}

void Client::State::add(std::vector<ClientEvent> events) {
  for (ClientEvent& event : events) inbox.add(std::move(event));
}

void Client::State::received(Publish publish, Time now) {
  const client::OwedAck ack{link->number(), publish.packet_id, publish.qos};
  if (publish.qos != QoS::at_most_once) {
    // The id counts as seen from now on, taken by the application or not: a later link's repeat is
    // answered only, never delivered again.
    switch (session.inbound().publish(publish.packet_id, publish.qos)) {
      case InboundFlow::Verdict::fresh:
        break;
      case InboundFlow::Verdict::repeat:
        inbox.add_repeat(ack);
        return answer_repeats();
      case InboundFlow::Verdict::over_limit:
        return link->violated({0x93, "U-3.3.4-4"}, now);  // MQTT-3.3.4-9
    }
  }
  inbox.add(Received{std::move(publish.topic), std::move(publish.payload), publish.qos,
                     publish.retain, publish.dup, std::move(publish.properties)},
            ack);
}

void Client::State::acknowledge(const client::OwedAck& ack) {
  if (!connected() || ack.link != link->number()) return;
  if (ack.qos == QoS::at_least_once) {
    // MQTT-3.3.4-1, MQTT-4.5.0-2; v3 MQTT-4.3.2-2, v5 MQTT-4.3.2-4
    encode(Puback{ack.packet_id}, config.version, link->output().outbox);
    session.inbound().answered(ack.packet_id);
  } else if (ack.qos == QoS::exactly_once) {
    // MQTT-3.3.4-1, MQTT-4.5.0-2; v3 MQTT-4.3.3-2, v5 MQTT-4.3.3-8
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
  attempt_ended(how, now);
  fail(unsent, now);
  fail(session.link_ended(expiry_s, now), now);
  inbox.add(std::move(how));
}

void Client::State::fail(const std::vector<Token>& tokens, Time now) {
  for (const Token token : tokens) complete(token, Outcome::failed, now);
}

void Client::State::complete(Token token, Outcome outcome, Time now) {
  complete(Completed{.token = token, .outcome = outcome}, now);
}

void Client::State::complete(Completed completed, Time now) {
  if (completed.token == 0) return;  // told when the exchange was given up
  const auto [token, outcome] = std::pair(completed.token, completed.outcome);
  inbox.add(std::move(completed));
  if (!log) return;
  trace::Event event;
  event.at = now;
  event.kind = trace::Kind::publish_completed;
  event.code = static_cast<std::uint8_t>(outcome);
  event.actor = actor;
  event.detail = static_cast<std::uint32_t>(token);
  log->append(event);
}

template <typename Answer>
void Client::State::settle(std::optional<Token> token, const Answer& answer, Time now) {
  if (!token) return;
  // A server that does not know the id of a PUBREL has seen one before: the message is with it.
  const bool refused = is_error(answer.reason) && !std::is_same_v<Answer, Pubcomp>;
  complete(
      {*token, refused ? Outcome::refused : Outcome::done, {}, answer.reason, answer.properties},
      now);
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
