// TextAccess: an Access that answers at once, from a password file and an ACL file.
#pragma once

#include <optional>

#include "protocol/broker/access.h"
#include "protocol/broker/acl_file.h"
#include "protocol/broker/password_file.h"

namespace mqttlab {

class TextAccess final : public Access {
 public:
  /// Without passwords every user name is believed; without an ACL everybody may do everything.
  /// Rights that come with a request count instead of the ACL.
  /// `anonymous`: clients without a user name may connect.
  TextAccess(std::optional<PasswordFile> passwords, std::optional<AclFile> acl, bool anonymous)
      : passwords_(std::move(passwords)), acl_(std::move(acl)), anonymous_(anonymous) {}
  Decision ask(const AccessRequest& request) override;

 private:
  [[nodiscard]] bool granted(const AccessRequest& request) const;
  std::optional<PasswordFile> passwords_;
  std::optional<AclFile> acl_;
  bool anonymous_;
};

}  // namespace mqttlab
