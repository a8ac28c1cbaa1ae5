// ClientScript: one Client in virtual time, with the test as its server.
//
//   ClientScript lab({.client_id = "c"});
//   lab.connect();
//   lab.publish("a", QoS::at_least_once);
//   lab.server().send(Puback{lab.server().expect<Publish>().packet_id});
//   lab.after(2 * millisecond);
#pragma once

#include <memory>
#include <optional>

#include "protocol/client/client.h"
#include "tests/support/script.h"

namespace mqttlab::testing {

inline constexpr auto v5_0 = ProtocolVersion::v5_0;
inline ClientConfig persistent() { return {.client_id = "c", .clean_session = false}; }
inline ClientConfig v5(bool clean_session = false) {
  return {.client_id = "c", .version = v5_0, .clean_session = clean_session};
}
inline Properties only(PropertyId id, std::uint32_t number) { return Properties().add(id, number); }

using Filters = std::vector<std::string>;
inline Filters filters_of(const Subscribe& subscribe) {
  Filters filters;
  for (const auto& s : subscribe.subscriptions) filters.emplace_back(s.filter.text());
  return filters;
}

class ClientScript {
 public:
  explicit ClientScript(ClientConfig config, std::uint64_t seed = 1)
      : actor_(log_.add_actor(config.client_id)), client_(std::move(config), seed, &log_, actor_) {}

  /// Dials at once; the client must want it.
  Script& dial() {
    EXPECT_TRUE(client_.wants_link());
    client_.dialing(now_);
    server_.emplace(client_.dialed(now_), Sender::server, now_, client_.config().version);
    return *server_;
  }
  /// Starts the client, dials, and answers its CONNECT.
  Connect connect(bool session_present = false, Properties properties = {}) {
    client_.start(now_);
    const Connect connect = dial().expect<Connect>();
    server().send(Connack{.session_present = session_present, .properties = properties});
    EXPECT_TRUE(client_.connected());
    return connect;
  }
  /// The link breaks; the next one comes up after the client's backoff.
  Connect reconnect(bool session_present, Properties properties = {}) {
    server().close(CloseCause::reset);
    redial();
    return connect(session_present, std::move(properties));
  }
  void redial() {
    for (int step = 0; !client_.wants_link() && client_.deadline() != never && step < 10; ++step) {
      until(client_.deadline());
    }
  }

  Script& server() { return *server_; }
  Client& client() { return client_; }
  trace::Log& log() { return log_; }
  [[nodiscard]] const Time& now() const { return now_; }

  /// Lets time pass; timers run exactly when due. A timer that does not move on fails the test.
  void after(Time duration) { until(now_ + duration); }
  void until(Time instant) {
    while (client_.deadline() <= instant) {
      const Time due = client_.deadline();
      now_ = std::max(now_, due);
      client_.advance(now_);
      if (client_.deadline() <= due) {
        ADD_FAILURE() << "advance(deadline()) made no progress at " << due << " ns";
        return;
      }
    }
    now_ = std::max(now_, instant);
  }

  Token publish(std::string_view topic, QoS qos, std::string_view payload = "x") {
    return token(client_.publish(text(topic), text(payload), qos, false, now_));
  }
  Token subscribe(std::string_view filter, QoS qos = QoS::exactly_once) {
    return token(client_.subscribe({{text(filter), qos}}, now_));
  }
  Token unsubscribe(std::string_view filter) {
    return token(client_.unsubscribe({text(filter)}, now_));
  }

  /// The next event that is an E; others before it are thrown away. Fails without one.
  template <typename E>
  E event() {
    while (auto event = client_.poll(now_)) {
      if (const E* wanted = std::get_if<E>(&*event)) return *wanted;
    }
    ADD_FAILURE() << "no such event";
    return E{};
  }
  /// Every completion that waits, in order; other events are thrown away.
  std::vector<std::pair<Token, Outcome>> completions() {
    std::vector<std::pair<Token, Outcome>> all;
    while (auto event = client_.poll(now_)) {
      if (const auto* done = std::get_if<Completed>(&*event)) {
        all.emplace_back(done->token, done->outcome);
      }
    }
    return all;
  }
  /// Topics of the messages that wait, taken in order; other events are thrown away.
  std::vector<std::string> take_messages() {
    std::vector<std::string> topics;
    while (auto event = client_.poll(now_)) {
      if (const auto* m = std::get_if<Received>(&*event)) topics.emplace_back(m->topic.text());
    }
    return topics;
  }

 private:
  static Token token(std::variant<Token, Misuse> answer) {
    if (const Token* token = std::get_if<Token>(&answer)) return *token;
    ADD_FAILURE() << "refused: Misuse " << static_cast<int>(std::get<Misuse>(answer));
    return 0;
  }
  Time now_ = 0;
  trace::Log log_;
  trace::Actor actor_;
  Client client_;
  std::optional<Script> server_;
};

}  // namespace mqttlab::testing
