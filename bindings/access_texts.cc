#include "bindings/access_texts.h"

namespace mqttlab::bindings {

std::unique_ptr<Access> AccessTexts::make(Random random) const {
  AccessPolicy policy;
  policy.anonymous = anonymous;
  policy.scram = scram;
  policy.certificates = certificates;
  if (passwords) policy.passwords = PasswordFile::parse(passwords->first, passwords->second);
  if (acl) policy.acl = AclFile::parse(acl->first, acl->second);
  policy.tokens = tokens;
  const bool asks = passwords || acl || tokens || scram || certificates || delays || !anonymous;
  return asks ? make_access(std::move(policy), std::move(random)) : nullptr;
}

}  // namespace mqttlab::bindings
