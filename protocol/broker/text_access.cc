#include "protocol/broker/text_access.h"

namespace mqttlab {

Decision TextAccess::ask(const AccessRequest& request) {
  return granted(request) ? Verdict::granted : Verdict::denied;
}

bool TextAccess::granted(const AccessRequest& request) const {
  AclFile::Client client{request.client_id, std::nullopt};
  const AclFile* const acl = request.rights ? request.rights : acl_ ? &*acl_ : nullptr;
  if (request.has_user_name) client.user_name = request.user_name;
  switch (request.kind) {
    case AccessRequest::Kind::authenticate:
      if (!request.has_user_name) return anonymous_;
      if (!passwords_) return true;
      return request.has_password && passwords_->accepts(request.user_name, request.password);
    case AccessRequest::Kind::publish:
      return !acl || acl->may_publish(client, request.topic);
    case AccessRequest::Kind::subscribe:
      return !acl || acl->may_subscribe(client, request.topic);
  }
  return false;
}

}  // namespace mqttlab
