// Client::State: joins the application, the session, the redial policy and the present link.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "protocol/client/client.h"
#include "protocol/client/inbox.h"
#include "protocol/client/link.h"
#include "protocol/client/redial.h"
#include "protocol/client/referral.h"
#include "protocol/client/session.h"
#include "protocol/trace/log.h"

namespace mqttlab {

struct Client::State final : client::LinkOwner {
  State(ClientConfig config, std::uint64_t seed, trace::Log* log, trace::Actor actor);

  // For the application.
  [[nodiscard]] bool connected() const { return link && link->connected(); }
  void start();
  std::optional<Misuse> stop(const Disconnect& how, Time now);
  std::optional<Misuse> reauthenticate(Time now);
  /// What stands against taking the message now.
  [[nodiscard]] std::optional<Misuse> objection(const OutMessage& message, Time now);
  Token publish(const Publish& message, OutMessage out, Time now);
  /// The same for SUBSCRIBE and UNSUBSCRIBE.
  template <typename Request>
  [[nodiscard]] std::optional<Misuse> objection(const Request& packet) const {
    if (connected()) {
      if (const auto reason = client::Subscriptions::refusal(packet, link->output().terms())) {
        return misuse_of(*reason);
      }
    }
    const bool room = session.subscriptions().unanswered() < config.queue_messages;
    return room && has_room_for_completion() ? std::nullopt : std::optional(Misuse::queue_full);
  }
  /// Each call ends in a Completed that somebody must take.
  [[nodiscard]] bool has_room_for_completion() const {
    return inbox.completions() < config.inbox_messages;
  }
  [[nodiscard]] static Misuse misuse_of(ReasonCode reason) {
    return reason == ReasonCode::packet_too_large ? Misuse::too_large : Misuse::not_supported;
  }
  void write(Time now);  ///< puts on the link what may go now
  std::optional<ClientEvent> poll(Time now);
  void advance(Time now);

  // For the host.
  [[nodiscard]] client::Image image() const;
  void restore(const client::Image& image, Time now);
  [[nodiscard]] bool wants_link() const;
  Peer& dialed(Time now);
  void attempt_failed(CloseCause cause, Time now);
  void attempt_ended(const ClientEvent& how, Time now);  ///< or a link

  // From the link.
  [[nodiscard]] bool may_read() const override;
  void connack(const Connack& packet, Time now) override;
  void packet(Packet packet, Time now) override;
  void reauthenticated() override { inbox.add(Reauthenticated{}); }
  void written(const std::vector<Token>& sent, Time now) override;
  void ended(ClientEvent how, const std::vector<Token>& unsent, Time now) override;

  void received(Publish publish, Time now);
  void add(std::vector<ClientEvent> events);
  void acknowledge(const client::OwedAck& ack);
  void answer_repeats();
  void fail(const std::vector<Token>& tokens, Time now);
  void complete(Token token, Outcome outcome, Time now);
  void complete(Completed completed, Time now);  ///< a publish
  /// The answer that has ended the exchange of `token`, if it has ended one.
  template <typename Answer>
  void settle(std::optional<Token> token, const Answer& answer, Time now);
  void trace_publish(trace::Kind kind, const Publish& message, std::uint8_t code, Token token,
                     Time now);
  void trace_delivered(const Received& message, Time now);
  template <typename Message>
  [[nodiscard]] trace::Event event_of(trace::Kind kind, const Message& message, Time now);

  const ClientConfig config;
  trace::Log* log;
  trace::Actor actor;
  client::Session session;
  client::Redial redial;
  client::Referral referral;
  client::Inbox inbox;
  std::unique_ptr<client::Link> link;
  std::uint64_t links = 0;
  std::string client_id;       ///< configured, or assigned by the server
  bool begin_anew = false;     ///< the next link begins a session: start() with clean_session
  std::uint32_t expiry_s = 0;  ///< how long the session outlives the present link
  Token next_token = 1;
};

}  // namespace mqttlab
