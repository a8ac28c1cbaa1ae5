#include "protocol/transport/certificate_authority.h"

#include <openssl/pem.h>

#include <stdexcept>
#include <utility>

namespace mqttlab {
namespace {

void require(bool done, const std::string& what) {
  if (!done) throw std::runtime_error("CertificateAuthority: OpenSSL does not " + what);
}

template <typename Write>
std::string pem_of(Write write) {
  const OpenSslPtr<BIO> out(BIO_new(BIO_s_mem()));
  require(write(out.get()) == 1, "write PEM");
  char* text = nullptr;
  const long size = BIO_get_mem_data(out.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

OpenSslPtr<EVP_PKEY> make_key(const Crypto& crypto, KeyKind kind) {
  OSSL_LIB_CTX* const library = library_of(crypto);
  OpenSslPtr<EVP_PKEY> key(kind == KeyKind::p256
                               ? EVP_PKEY_Q_keygen(library, nullptr, "EC", "P-256")
                               : EVP_PKEY_Q_keygen(library, nullptr, "ED25519"));
  require(key != nullptr, "make a key");
  return key;
}

/// Ed25519 hashes by itself.
const EVP_MD* digest_for(KeyKind kind) { return kind == KeyKind::p256 ? EVP_sha256() : nullptr; }

OpenSslPtr<ASN1_TIME> time_of(std::int64_t instant_s) {
  OpenSslPtr<ASN1_TIME> time(ASN1_TIME_set(nullptr, instant_s));
  require(time != nullptr, "take the time " + std::to_string(instant_s));
  return time;
}

void add_extension(X509* certificate, X509* issuer, int kind, const std::string& value) {
  const QuietErrors quiet;
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const OpenSslPtr<X509_EXTENSION> extension(
      X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str()));
  if (!extension || X509_add_ext(certificate, extension.get(), -1) != 1)
    throw std::invalid_argument("CertificateAuthority: \"" + value +
                                "\" cannot be in a certificate; names are \"DNS:broker\", "
                                "\"IP:10.0.0.1\", \"email:a@b\", \"URI:urn:x\"");
}

OpenSslPtr<X509> make_certificate(const Crypto& crypto, const std::string& common_name,
                                  Validity validity, long serial, EVP_PKEY* key) {
  constexpr std::size_t most_characters = 64;
  OpenSslPtr<X509> certificate(X509_new_ex(library_of(crypto), nullptr));
  X509* const it = certificate.get();
  require(X509_set_version(it, X509_VERSION_3) == 1 &&
              ASN1_INTEGER_set(X509_get_serialNumber(it), serial) == 1 &&
              X509_set1_notBefore(it, time_of(validity.from_s).get()) == 1 &&
              X509_set1_notAfter(it, time_of(validity.until_s).get()) == 1 &&
              X509_set_pubkey(it, key) == 1,
          "make a certificate");
  const QuietErrors quiet;
  const bool named =
      !common_name.empty() && common_name.size() <= most_characters &&
      X509_NAME_add_entry_by_NID(X509_get_subject_name(it), NID_commonName, MBSTRING_UTF8,
                                 reinterpret_cast<const unsigned char*>(common_name.data()),
                                 static_cast<int>(common_name.size()), -1, 0) == 1;
  if (!named)
    throw std::invalid_argument("CertificateAuthority: the common name \"" + common_name +
                                "\" must be UTF-8 of 1 to 64 bytes");
  return certificate;
}

OpenSslPtr<X509> read_certificate(const std::string& pem) {
  const QuietErrors quiet;
  return OpenSslPtr<X509>(PEM_read_bio_X509(reader_of(pem).get(), nullptr, nullptr, nullptr));
}

}  // namespace

CertificateAuthority::CertificateAuthority(const std::string& common_name, Validity validity,
                                           KeyKind kind, Crypto crypto)
    : crypto_(std::move(crypto)), kind_(kind), key_(make_key(crypto_, kind)) {
  certificate_ = make_certificate(crypto_, common_name, validity, ++serial_, key_.get());
  X509* const it = certificate_.get();
  X509_set_issuer_name(it, X509_get_subject_name(it));
  add_extension(it, it, NID_basic_constraints, "critical,CA:TRUE");
  add_extension(it, it, NID_key_usage, "critical,keyCertSign,cRLSign");
  add_extension(it, it, NID_subject_key_identifier, "hash");
  require(X509_sign(it, key_.get(), digest_for(kind_)) > 0, "sign");
  certificate_pem_ = pem_of([&](BIO* out) { return PEM_write_bio_X509(out, it); });
}

Credentials CertificateAuthority::issue(const std::string& common_name, Validity validity,
                                        const std::vector<std::string>& names) {
  const auto key = make_key(crypto_, kind_);
  const auto certificate = make_certificate(crypto_, common_name, validity, ++serial_, key.get());
  X509* const it = certificate.get();
  X509_set_issuer_name(it, X509_get_subject_name(certificate_.get()));
  add_extension(it, certificate_.get(), NID_basic_constraints, "critical,CA:FALSE");
  add_extension(it, certificate_.get(), NID_key_usage, "critical,digitalSignature");
  add_extension(it, certificate_.get(), NID_ext_key_usage, "serverAuth,clientAuth");
  add_extension(it, certificate_.get(), NID_authority_key_identifier, "keyid:always");
  std::string all;
  for (const std::string& one : names) {
    // Each is one name: a comma would begin another, and a line break another setting.
    if (one.find_first_of(",\r\n") != std::string::npos)
      throw std::invalid_argument("CertificateAuthority: \"" + one +
                                  "\" has a comma or a line break; give each name by itself");
    all += (all.empty() ? "" : ",") + one;
  }
  if (!all.empty()) add_extension(it, certificate_.get(), NID_subject_alt_name, all);
  require(X509_sign(it, key_.get(), digest_for(kind_)) > 0, "sign");
  return {pem_of([&](BIO* out) { return PEM_write_bio_X509(out, it); }), pem_of([&](BIO* out) {
            return PEM_write_bio_PrivateKey(out, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
          })};
}

std::string CertificateAuthority::crl_pem(const std::vector<std::string>& certificates_pem,
                                          Validity validity) const {
  const OpenSslPtr<X509_CRL> crl(X509_CRL_new_ex(library_of(crypto_), nullptr));
  X509_CRL* const it = crl.get();
  require(X509_CRL_set_version(it, X509_CRL_VERSION_2) == 1 &&
              X509_CRL_set_issuer_name(it, X509_get_subject_name(certificate_.get())) == 1 &&
              X509_CRL_set1_lastUpdate(it, time_of(validity.from_s).get()) == 1 &&
              X509_CRL_set1_nextUpdate(it, time_of(validity.until_s).get()) == 1,
          "make a revocation list");
  for (const std::string& pem : certificates_pem) {
    const auto certificate = read_certificate(pem);
    if (!certificate)
      throw std::invalid_argument(
          "CertificateAuthority: what is to be revoked is no certificate "
          "in PEM");
    OpenSslPtr<X509_REVOKED> revoked(X509_REVOKED_new());
    X509_REVOKED_set_serialNumber(revoked.get(), X509_get_serialNumber(certificate.get()));
    X509_REVOKED_set_revocationDate(revoked.get(), time_of(validity.from_s).get());
    require(X509_CRL_add0_revoked(it, revoked.release()) == 1, "revoke");
  }
  X509_CRL_sort(it);
  require(X509_CRL_sign(it, key_.get(), digest_for(kind_)) > 0, "sign");
  return pem_of([&](BIO* out) { return PEM_write_bio_X509_CRL(out, it); });
}

}  // namespace mqttlab
