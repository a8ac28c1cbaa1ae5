// ScramClient: the client's half of SCRAM-SHA-256 (RFC 5802, RFC 7677), without channel binding.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "protocol/session/authenticator.h"
#include "protocol/session/scram_credentials.h"
#include "protocol/session/scram_message.h"

namespace mqttlab {

class ScramClient final : public Authenticator {
 public:
  /// `user` is valid UTF-8 and not empty.
  ScramClient(std::string user, std::string password, ScramNonces nonces);

  [[nodiscard]] std::string_view method() const override { return scram_sha_256; }
  [[nodiscard]] std::string start() override;
  /// Nothing if the server's message is malformed, is no answer to ours, or asks for a number of
  /// iterations out of bounds.
  [[nodiscard]] std::optional<std::string> next(Bytes data) override;
  /// True if the server has shown that it knows our credentials.
  [[nodiscard]] bool finish(Bytes data) override;

 private:
  // The slow part, kept for the conversations to come: a server's salt seldom changes.
  struct Salted {
    int iterations = 0;
    std::vector<std::uint8_t> salt;
    ScramKey password{};
  };

  std::string user_, password_;
  ScramNonces nonces_;
  Salted salted_;
  std::string nonce_, first_bare_;
  enum class State : std::uint8_t { idle, started, answered } state_ = State::idle;
  ScramKey expected_{};  // of the server, if answered
};

}  // namespace mqttlab
