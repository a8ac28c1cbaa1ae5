// JwtAccess: clients whose password is a signed token.
#pragma once

#include "protocol/broker/access_provider.h"
#include "protocol/broker/jwt.h"

namespace mqttlab {

/// What the user name of CONNECT may be beside a token. (A client of 3.1.1 must send one.)
enum class JwtUserName : std::uint8_t {
  any,          ///< it says nothing
  optional,     ///< missing, empty or the token's `sub`
  same_as_sub,  ///< the token's `sub`
};

/// The identity is the token's `sub`; the connection ends with the token.
class JwtAccess final : public AccessProvider {
 public:
  /// Throws std::invalid_argument as JwtVerifier does.
  explicit JwtAccess(JwtConfig config, JwtUserName user_name = JwtUserName::optional)
      : verifier_(std::move(config)), user_name_(user_name) {}

  [[nodiscard]] bool knows(const AccessRequest& request) const override;
  Decision ask(const AccessRequest& request) override;

 private:
  JwtVerifier verifier_;
  JwtUserName user_name_;
};

}  // namespace mqttlab
