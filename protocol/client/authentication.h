// Authentication: what the two ends of one link say to each other in AUTH (MQTT 5.0, 4.12).
#pragma once

#include <memory>
#include <optional>

#include "protocol/client/client.h"

namespace mqttlab::client {

class Authentication {
 public:
  /// Without an authenticator nobody may send AUTH.
  explicit Authentication(std::shared_ptr<Authenticator> authenticator)
      : authenticator_(std::move(authenticator)) {}

  /// Method and first data, for a CONNECT.
  void open(Properties& connect);
  /// Begins a re-authentication, if there is a method and no conversation under way.
  [[nodiscard]] std::optional<Auth> again();

  struct Step {
    std::optional<Violation> violation = {};  ///< the server broke a rule
    bool failed = false;                      ///< this is not a server to go on with
    bool done = false;                        ///< both ends are content
    std::optional<Auth> answer = {};
  };
  [[nodiscard]] Step auth(const Auth& packet);
  /// A CONNACK that accepts.
  [[nodiscard]] Step accepted(const Connack& packet);

 private:
  [[nodiscard]] std::optional<Violation> other_method(const Properties& properties) const;
  [[nodiscard]] Step finish(const Properties& properties);
  [[nodiscard]] Auth packet(ReasonCode reason, std::string_view data) const;

  enum class State : std::uint8_t { idle, connecting, again };
  std::shared_ptr<Authenticator> authenticator_;
  State state_ = State::idle;
};

}  // namespace mqttlab::client
