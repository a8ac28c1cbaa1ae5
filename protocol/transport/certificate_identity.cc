#include "protocol/transport/certificate_identity.h"

#include <array>

#include "protocol/transport/openssl_ptr.h"

namespace mqttlab {
namespace {

/// A name with a zero byte reads differently in different programs, so it is no name.
std::string checked(std::string text) {
  return text.find('\0') == std::string::npos ? std::move(text) : std::string();
}

std::string text_of(const ASN1_STRING* string) {
  unsigned char* utf8 = nullptr;
  const int size = ASN1_STRING_to_UTF8(&utf8, string);
  const OpenSslPtr<unsigned char> owner(utf8);
  return size > 0 ? checked({reinterpret_cast<const char*>(utf8), static_cast<std::size_t>(size)})
                  : std::string();
}

std::string common_name(const X509* certificate) {
  const X509_NAME* const subject = X509_get_subject_name(certificate);
  const int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (at < 0 || X509_NAME_get_index_by_NID(subject, NID_commonName, at) >= 0) return {};
  return text_of(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
}

std::string subject(const X509* certificate) {
  const OpenSslPtr<BIO> out(BIO_new(BIO_s_mem()));
  constexpr unsigned long style =
      XN_FLAG_RFC2253 & ~static_cast<unsigned long>(ASN1_STRFLGS_ESC_MSB);
  X509_NAME_print_ex(out.get(), X509_get_subject_name(certificate), 0, style);
  char* text = nullptr;
  const long size = BIO_get_mem_data(out.get(), &text);
  return size > 0 ? checked({text, static_cast<std::size_t>(size)}) : std::string();
}

std::string alternative_name(const X509* certificate, int kind) {
  const OpenSslPtr<GENERAL_NAMES> names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
    int found = 0;
    const void* const value =
        GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names.get(), i), &found);
    if (found == kind) return text_of(static_cast<const ASN1_STRING*>(value));
  }
  return {};
}

}  // namespace

const char* name(CertificateIdentity identity) {
  constexpr std::array names{"common name", "subject", "e-mail address", "DNS name", "URI"};
  return names[static_cast<std::size_t>(identity)];
}

std::string identity_of(const X509* certificate, CertificateIdentity identity) {
  const QuietErrors quiet;
  switch (identity) {
    case CertificateIdentity::common_name:
      return common_name(certificate);
    case CertificateIdentity::subject:
      return subject(certificate);
    case CertificateIdentity::email:
      return alternative_name(certificate, GEN_EMAIL);
    case CertificateIdentity::dns:
      return alternative_name(certificate, GEN_DNS);
    case CertificateIdentity::uri:
      return alternative_name(certificate, GEN_URI);
  }
  return {};
}

}  // namespace mqttlab
