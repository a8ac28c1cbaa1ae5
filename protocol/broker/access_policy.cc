#include "protocol/broker/access_policy.h"

#include <stdexcept>

#include "protocol/broker/access_chain.h"
#include "protocol/broker/certificate_access.h"
#include "protocol/broker/scram_access.h"
#include "protocol/broker/text_access.h"

namespace mqttlab {

std::unique_ptr<Access> make_access(AccessPolicy policy, Random random) {
  std::vector<std::shared_ptr<AccessProvider>> providers;
  if (policy.scram) {
    if (!policy.passwords) throw std::invalid_argument("scram needs a password file");
    providers.push_back(std::make_unique<ScramAccess>(*policy.passwords, random));
  }
  if (policy.tokens)
    providers.push_back(
        std::make_unique<JwtAccess>(*std::move(policy.tokens), policy.token_user_name));
  if (policy.certificates) providers.push_back(std::make_unique<CertificateAccess>());
  if (policy.others) providers.push_back(std::move(policy.others));
  // A user name that one can prove is no longer believed for nothing.
  if (!providers.empty() && !policy.passwords) policy.passwords = PasswordFile();
  return std::make_unique<AccessChain>(
      std::move(providers), std::make_unique<TextAccess>(std::move(policy.passwords),
                                                         std::move(policy.acl), policy.anonymous));
}

}  // namespace mqttlab
