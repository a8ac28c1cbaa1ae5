// Identity: who is at the other end of a link, as the questions about it say.
#pragma once

#include <optional>

#include "protocol/broker/access.h"
#include "protocol/wire/slice.h"

namespace mqttlab {

struct Identity {
  LinkId link = 0;
  Slice client_id;
  std::optional<Slice> user_name;              ///< CONNECT's, or what a Decision has made of it
  Slice certificate;                           ///< X.509 identity; empty: none
  std::shared_ptr<const AclFile> rights = {};  ///< that a Decision gave

  /// A question in this name; its views are those of the identity.
  [[nodiscard]] AccessRequest request(AccessRequest::Kind kind) const {
    AccessRequest request;
    request.kind = kind;
    request.link = link;
    request.client_id = client_id.text();
    request.has_user_name = user_name.has_value();
    if (user_name) request.user_name = user_name->text();
    request.certificate = certificate.text();
    request.rights = rights.get();
    return request;
  }
};

}  // namespace mqttlab
