// AccessPolicy: which ways of proving who one is a broker takes, and what one may then do.
#pragma once

#include <memory>
#include <optional>

#include "protocol/broker/access_provider.h"
#include "protocol/broker/acl_file.h"
#include "protocol/broker/jwt_access.h"
#include "protocol/broker/password_file.h"
#include "protocol/session/random.h"

namespace mqttlab {

/// The identity that any of these ways gives (the user name, the name proved by SCRAM, a token's
/// `sub`, a certificate's name) is what the ACL calls the user.
struct AccessPolicy {
  /// Without it every user name is believed, unless there is another way to prove it.
  std::optional<PasswordFile> passwords;
  std::optional<AclFile> acl;  ///< without it everybody may do everything
  bool anonymous = false;      ///< clients that name nobody may connect
  bool scram = false;          ///< SCRAM-SHA-256, with what `passwords` has for it
  std::optional<JwtConfig> tokens;
  JwtUserName token_user_name = JwtUserName::optional;
  /// A client certificate is enough. Not looked at if there is a token, or a method.
  bool certificates = false;
  /// Asked about whom none of these but `passwords` knows; may be null.
  std::shared_ptr<AccessProvider> others;
};

/// Throws std::invalid_argument if the tokens' key is none, or SCRAM has no password file.
[[nodiscard]] std::unique_ptr<Access> make_access(AccessPolicy policy, Random random);

}  // namespace mqttlab
