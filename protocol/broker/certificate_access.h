// CertificateAccess: clients that a transport knows by their X.509 certificate.
#pragma once

#include "protocol/broker/access_provider.h"

namespace mqttlab {

/// Lets in every client with a certificate, as the certificate's identity, whatever user name and
/// password it has: whom the transport trusts has been decided there.
class CertificateAccess final : public AccessProvider {
 public:
  [[nodiscard]] bool knows(const AccessRequest& request) const override {
    return request.kind == AccessRequest::Kind::authenticate && request.method.empty() &&
           !request.certificate.empty();
  }
  Decision ask(const AccessRequest& request) override {
    Decision decision = Verdict::granted;
    decision.user_name = request.certificate;
    return decision;
  }
};

}  // namespace mqttlab
