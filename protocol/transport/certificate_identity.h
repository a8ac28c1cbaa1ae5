// CertificateIdentity: who an X.509 certificate says its owner is.
#pragma once

#include <openssl/types.h>

#include <cstdint>
#include <string>

namespace mqttlab {

/// Which part of a client's certificate is its identity.
enum class CertificateIdentity : std::uint8_t {
  common_name,  ///< the subject's only CN
  subject,      ///< the whole subject, as RFC 2253 writes it
  email,        ///< the first subject alternative name of its kind
  dns,
  uri,
};

/// What errors call it: "common name", "e-mail address", ...
[[nodiscard]] const char* name(CertificateIdentity identity);

/// UTF-8; empty if the certificate has none, an ambiguous one, or one with a zero byte.
[[nodiscard]] std::string identity_of(const X509* certificate, CertificateIdentity identity);

}  // namespace mqttlab
