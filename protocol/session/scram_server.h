// ScramServer: one conversation of the server's half of SCRAM-SHA-256 (RFC 5802, RFC 7677), without
// channel binding.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/session/scram_credentials.h"

namespace mqttlab {

class ScramServer {
 public:
  /// The credentials of a user. For a user that does not exist: some that no password fits, the
  /// same ones each time, so that only a failure at the end tells anything.
  using Find = std::function<ScramCredentials(std::string_view user)>;

  /// The answer to the client's first message; `nonce` is the server's part of the nonce. Nothing
  /// if the message is malformed, binds a channel or asks for another's identity.
  [[nodiscard]] std::optional<std::string> first(Bytes message, std::string_view nonce,
                                                 const Find& find);
  /// The answer to its second message, by which it has proved to be user_name(). Nothing if it has
  /// not.
  [[nodiscard]] std::optional<std::string> finish(Bytes message);
  [[nodiscard]] const std::string& user_name() const { return user_name_; }

 private:
  std::string user_name_, nonce_, channel_, messages_;
  ScramCredentials credentials_;
};

}  // namespace mqttlab
