#include "protocol/broker/jwt_access.h"

#include "protocol/session/octets.h"

namespace mqttlab {

bool JwtAccess::knows(const AccessRequest& request) const {
  return request.kind == AccessRequest::Kind::authenticate && request.method.empty() &&
         request.has_password && JwtVerifier::is_token(text_of(request.password));
}

Decision JwtAccess::ask(const AccessRequest& request) {
  const auto [claims, fault] = verifier_.verify(text_of(request.password), request.now);
  const bool may_lack_name = user_name_ == JwtUserName::optional && request.user_name.empty();
  if (!claims ||
      (user_name_ != JwtUserName::any && !may_lack_name && request.user_name != claims->subject))
    return {Verdict::denied, ReasonCode::bad_user_name_or_password};
  Decision decision = Verdict::granted;
  decision.user_name = claims->subject;
  decision.valid_until = claims->valid_until;
  return decision;
}

}  // namespace mqttlab
