#include "protocol/live/world/errand.h"

#include <utility>

#include "protocol/live/clock.h"

namespace mqttlab::live {
namespace {

constexpr Time patience = 5 * second;

}  // namespace

ClientConfig passing_client(const ClientConfig& like) {
  ClientConfig config;
  config.client_id = like.client_id;
  config.version = like.version;
  config.user_name = like.user_name;
  config.password = like.password;
  config.authenticator = like.authenticator;
  config.reconnect = false;
  config.connect_timeout = patience;
  return config;
}

Errand::Errand(boost::asio::io_context& io, const DialConfig& target, ClientConfig config,
               std::uint64_t seed, Step step, std::function<void()> over)
    : step_(std::move(step)),
      when_over_(std::move(over)),
      runner_(io, target, std::move(config), seed, [this](const ClientEvent& event) { on(event); }),
      patience_(io, [this] { end(); }) {
  runner_.closed = [this] {
    if (runner_.is_idle()) end();
  };
  patience_.set(steady_now() + patience);
  runner_.client().start(steady_now());
  runner_.wake();
}

void Errand::on(const ClientEvent& event) {
  if (std::holds_alternative<Connected>(event)) connected_ = true;
  if (std::holds_alternative<Refused>(event)) refused_ = true;
  if (connected_ && step_(event, runner_.client())) runner_.client().stop(steady_now());
}

void Errand::end() {
  patience_.cancel();
  if (std::exchange(over_, true)) return;
  trouble_ = runner_.trouble().empty() ? "no answer" : runner_.trouble();
  when_over_();
}

Errand::Step ask_version(std::string& into) {
  return [&into](const ClientEvent& event, Client& client) {
    const Time now = steady_now();
    if (std::holds_alternative<Connected>(event)) {
      (void)client.subscribe({{Slice::copy_of("$SYS/broker/version"), QoS::at_most_once}}, now);
    } else if (const auto* received = std::get_if<Received>(&event)) {
      into = received->payload.text();
      return true;
    } else if (const auto* answer = std::get_if<Completed>(&event)) {
      // What is retained comes behind SUBACK, so before the answer to what is asked after it.
      if (answer->codes.empty() || answer->codes.front() >= suback_failure) return true;
      (void)client.unsubscribe({Slice::copy_of("$SYS/broker/version")}, now);
    }
    return false;
  };
}

Errand::Step clear_retained(std::vector<std::string> topics) {
  return [topics = std::move(topics), left = topics.size()](const ClientEvent& event,
                                                            Client& client) mutable {
    if (std::holds_alternative<Connected>(event)) {
      left = 0;
      for (const std::string& topic : topics) {
        const auto call =
            client.publish(Slice::copy_of(topic), {}, QoS::at_least_once, true, steady_now());
        if (std::holds_alternative<Token>(call)) ++left;
      }
    } else if (std::holds_alternative<Completed>(event)) {
      --left;
    }
    return left == 0;
  };
}

Errand::Step leave_at_once() {
  return [](const ClientEvent&, Client&) { return true; };
}

}  // namespace mqttlab::live
