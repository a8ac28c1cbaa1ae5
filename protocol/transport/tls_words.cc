#include "protocol/transport/tls_words.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

namespace mqttlab {
namespace {

// OpenSSL numbers the alerts that it receives from here on.
constexpr int alerts_from = SSL_AD_REASON_OFFSET, alerts_to = SSL_AD_REASON_OFFSET + 255;

std::string words_of_alert(int alert) {
  switch (alert) {
    case SSL_AD_BAD_CERTIFICATE:
    case SSL_AD_CERTIFICATE_UNKNOWN:
      return "it does not take this end's certificate";
    case SSL_AD_CERTIFICATE_EXPIRED:
      return "this end's certificate has expired, or is not valid yet";
    case SSL_AD_CERTIFICATE_REVOKED:
      return "this end's certificate has been revoked";
    case SSL_AD_UNKNOWN_CA:
      return "it does not know the authority of this end's certificate";
    case SSL_AD_CERTIFICATE_REQUIRED:
      return "it wants a certificate from this end";
    case SSL_AD_PROTOCOL_VERSION:
      return "it speaks other versions of TLS";
    case SSL_AD_NO_APPLICATION_PROTOCOL:
      return "it speaks none of the protocols that this end offers (ALPN)";
    default:
      return SSL_alert_desc_string_long(alert);
  }
}

}  // namespace

std::string words_of_verification(int error) {
  switch (error) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return "has expired";
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return "is not valid yet";
    case X509_V_ERR_CERT_REVOKED:
      return "has been revoked";
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
      return "comes from an unknown authority";
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return "is not for this server name";
    case X509_V_ERR_UNABLE_TO_GET_CRL:
      return "comes from an authority without a revocation list";
    case X509_V_ERR_CRL_HAS_EXPIRED:
      return "cannot be judged: its authority's revocation list has expired";
    case X509_V_ERR_INVALID_PURPOSE:
      return "is not made for this end of TLS";
    default:
      return "cannot be verified: " + std::string(X509_verify_cert_error_string(error));
  }
}

std::string words_of_failure() {
  const unsigned long error = ERR_peek_error();
  const int reason = ERR_GET_REASON(error);
  if (ERR_GET_LIB(error) == ERR_LIB_SSL) {
    if (reason >= alerts_from && reason <= alerts_to)
      return "the other end refused: " + words_of_alert(reason - alerts_from);
    switch (reason) {
      case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
        return "the client has shown no certificate";
      case SSL_R_NO_SHARED_CIPHER:
        return "the two ends have no cipher in common";
      case SSL_R_UNSUPPORTED_PROTOCOL:
        return "the other end speaks only other versions of TLS";
      case SSL_R_NO_APPLICATION_PROTOCOL:
        return "the client asks for other protocols than this end speaks (ALPN)";
      case SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC:
        return "a record has been changed on its way";
      default:
        break;
    }
  }
  const char* const words = error ? ERR_reason_error_string(error) : nullptr;
  return "the other end breaks TLS: " + std::string(words ? words : "no reason given");
}

}  // namespace mqttlab
