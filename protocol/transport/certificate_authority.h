// CertificateAuthority: a small X.509 authority for simulated worlds, tests and first steps.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "protocol/transport/openssl_ptr.h"
#include "protocol/transport/seeded_crypto.h"

namespace mqttlab {

enum class KeyKind : std::uint8_t {
  ed25519,  ///< signatures of one length that take no random numbers
  p256,     ///< ECDSA: what browsers take
};

/// From when until when something is valid, in seconds since 1970.
struct Validity {
  std::int64_t from_s = 0, until_s = 0;
};

/// An owner's certificate chain and its key, as PEM.
struct Credentials {
  std::string certificate_pem, key_pem;
};

class CertificateAuthority {
 public:
  /// Throws std::invalid_argument for a name of no or more than 64 characters (X.509's limit).
  CertificateAuthority(const std::string& common_name, Validity validity,
                       KeyKind kind = KeyKind::ed25519, Crypto crypto = {});

  /// The authority's own certificate.
  [[nodiscard]] const std::string& certificate_pem() const { return certificate_pem_; }
  /// A certificate for servers and clients, with a new key. `names`: subject alternative names with
  /// their kind, such as "DNS:broker", "IP:10.0.0.1", "email:a@b", "URI:urn:x". Throws
  /// std::invalid_argument naming what cannot be in a certificate.
  [[nodiscard]] Credentials issue(const std::string& common_name, Validity validity,
                                  const std::vector<std::string>& names = {});
  /// A revocation list with these certificates, which this authority has issued.
  [[nodiscard]] std::string crl_pem(const std::vector<std::string>& certificates_pem,
                                    Validity validity) const;

 private:
  Crypto crypto_;  // outlives what was made with it
  KeyKind kind_;
  long serial_ = 0;
  OpenSslPtr<EVP_PKEY> key_;
  OpenSslPtr<X509> certificate_;
  std::string certificate_pem_;
};

}  // namespace mqttlab
