// ScramAccess: enhanced authentication by SCRAM-SHA-256.
#pragma once

#include <map>

#include "protocol/broker/access_provider.h"
#include "protocol/broker/password_file.h"
#include "protocol/session/scram_message.h"
#include "protocol/session/scram_server.h"

namespace mqttlab {

/// Users are those of a password file that have SCRAM credentials there. The identity is the name
/// that SCRAM has proved, whatever user name CONNECT has; re-authentication must prove it again.
class ScramAccess final : public AccessProvider {
 public:
  /// `random` is the source of nonces, and of what unknown users are shown. Over
  /// `max_conversations` at a time, clients are told that the server is busy.
  ScramAccess(PasswordFile users, Random random, std::size_t max_conversations = 10'000);

  [[nodiscard]] bool knows(const AccessRequest& request) const override;
  Decision ask(const AccessRequest& request) override;
  [[nodiscard]] bool supports(std::string_view method) const override {
    return method == scram_sha_256;
  }
  void gone(LinkId link) override { conversations_.erase(link); }
  [[nodiscard]] std::size_t conversations() const { return conversations_.size(); }

 private:
  [[nodiscard]] Decision begin(const AccessRequest& request);
  [[nodiscard]] Decision finish(const AccessRequest& request);

  PasswordFile users_;
  ScramNonces nonces_;
  std::string secret_;
  std::size_t max_conversations_;
  std::map<LinkId, ScramServer> conversations_;
};

}  // namespace mqttlab
