// OpenSslPtr: owners of OpenSSL's objects.
#pragma once

#include <openssl/bio.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string_view>

#include "protocol/session/quiet_errors.h"

namespace mqttlab {

struct OpenSslFree {
  void operator()(BIO* it) const { BIO_free(it); }
  void operator()(EVP_PKEY* it) const { EVP_PKEY_free(it); }
  void operator()(GENERAL_NAMES* it) const { GENERAL_NAMES_free(it); }
  void operator()(SSL* it) const { SSL_free(it); }
  void operator()(SSL_CTX* it) const { SSL_CTX_free(it); }
  void operator()(X509* it) const { X509_free(it); }
  void operator()(X509_CRL* it) const { X509_CRL_free(it); }
  void operator()(X509_EXTENSION* it) const { X509_EXTENSION_free(it); }
  void operator()(X509_REVOKED* it) const { X509_REVOKED_free(it); }
  void operator()(ASN1_TIME* it) const { ASN1_TIME_free(it); }
  void operator()(unsigned char* it) const { OPENSSL_free(it); }
};
template <typename T>
using OpenSslPtr = std::unique_ptr<T, OpenSslFree>;

/// A source of `text`, which must outlive it.
[[nodiscard]] inline OpenSslPtr<BIO> reader_of(std::string_view text) {
  return OpenSslPtr<BIO>(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

}  // namespace mqttlab
