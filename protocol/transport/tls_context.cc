#include "protocol/transport/tls_context.h"

#include <openssl/pem.h>
#include <openssl/ssl.h>

#include <stdexcept>
#include <utility>

namespace mqttlab {
namespace {

void require(bool valid, const char* field, const std::string& problem) {
  if (!valid) throw std::invalid_argument("TlsSettings: " + std::string(field) + " " + problem);
}

/// What OpenSSL has to say about the last failure.
std::string reason() {
  const unsigned long error = ERR_peek_last_error();
  const char* const words = error ? ERR_reason_error_string(error) : nullptr;
  return words ? " (OpenSSL: " + std::string(words) + ")" : "";
}

void check(const TlsSettings& settings) {
  const bool server = settings.role == TlsSettings::Role::server;
  require(settings.oldest <= settings.newest, "oldest",
          "is above newest; leave one at its default");
  require(settings.handshake_timeout > 0, "handshake_timeout",
          "is " + std::to_string(settings.handshake_timeout) + " ns; it must be positive");
  require(settings.certificate_pem.empty() == settings.key_pem.empty(),
          settings.key_pem.empty() ? "key_pem" : "certificate_pem",
          "is empty; certificate and key come together");
  require(!server || !settings.certificate_pem.empty(), "certificate_pem",
          "is empty; a server needs one");
  const bool verifies =
      server ? settings.client_certificate != ClientCertificate::none : !settings.insecure;
  require(!verifies || !settings.ca_pem.empty(), "ca_pem",
          server ? "is empty; give the authority whose clients are let in"
                 : "is empty; give the authority of the server's certificate, or say insecure");
  require(verifies || settings.crl_pem.empty(), "crl_pem",
          "is given, but no certificate is asked for; drop it, or ask for one");
  require(!server || (settings.server_name.empty() && !settings.insecure), "server_name",
          "and insecure are a client's; drop them");
  require(server || settings.client_certificate == ClientCertificate::none, "client_certificate",
          "is what a server asks for; a client gives its own as certificate_pem");
  require(server || settings.insecure || !settings.server_name.empty(), "server_name",
          "is empty; give the name or address in the server's certificate, or say insecure");
}

int give_pass_phrase(char* out, int size, int, void* user) {
  const auto& phrase = *static_cast<const std::string*>(user);
  if (phrase.empty() || phrase.size() > static_cast<std::size_t>(size)) return -1;
  phrase.copy(out, phrase.size());
  return static_cast<int>(phrase.size());
}

/// Each block of a PEM text that `read` takes, in order; throws if there is anything else.
template <typename T, typename Make, typename Read>
std::vector<OpenSslPtr<T>> read_all(const std::string& pem, const char* field, Make make,
                                    Read read) {
  std::vector<OpenSslPtr<T>> all;
  const auto in = reader_of(pem);
  for (;;) {
    OpenSslPtr<T> one(make());
    T* target = one.get();
    if (!read(in.get(), &target, nullptr, nullptr)) break;
    all.push_back(std::move(one));
  }
  const unsigned long error = ERR_peek_last_error();
  require(!all.empty() && ERR_GET_REASON(error) == PEM_R_NO_START_LINE, field,
          "block " + std::to_string(all.size() + 1) + " cannot be read as PEM" + reason() +
              "; give the file's text, from -----BEGIN to -----END");
  ERR_clear_error();
  return all;
}

std::vector<OpenSslPtr<X509>> read_certificates(const TlsSettings& settings, const std::string& pem,
                                                const char* field) {
  return read_all<X509>(
      pem, field, [&] { return X509_new_ex(library_of(settings.crypto), nullptr); },
      [](BIO* in, X509** out, pem_password_cb* phrase, void* user) {
        return PEM_read_bio_X509(in, out, phrase, user);
      });
}

void wipe(std::string& secret) {
  OPENSSL_cleanse(secret.data(), secret.size());
  secret.clear();
}

void log_key(const SSL* ssl, const char* line) {
  static_cast<const TlsSettings*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)))->key_log(line);
}

int choose_protocol(SSL*, const unsigned char** out, unsigned char* out_size,
                    const unsigned char* offered, unsigned offered_size, void* user) {
  const auto& known = *static_cast<const std::vector<unsigned char>*>(user);
  unsigned char* chosen = nullptr;
  const int match = SSL_select_next_proto(
      &chosen, out_size, known.data(), static_cast<unsigned>(known.size()), offered, offered_size);
  *out = chosen;
  return match == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

int number_of(TlsVersion version) {
  return version == TlsVersion::v1_2 ? TLS1_2_VERSION : TLS1_3_VERSION;
}

}  // namespace

TlsContext::TlsContext(TlsSettings settings) : settings_(std::move(settings)) {
  check(settings_);
  const QuietErrors quiet;
  context_.reset(SSL_CTX_new_ex(library_of(settings_.crypto), nullptr,
                                is_server() ? TLS_server_method() : TLS_client_method()));
  require(context_ != nullptr, "crypto", "cannot be used for TLS" + reason());
  SSL_CTX* const it = context_.get();
  // Everything that the machine's openssl.cnf could decide is decided here: two machines, one run.
  const bool set =
      SSL_CTX_set_min_proto_version(it, number_of(settings_.oldest)) == 1 &&
      SSL_CTX_set_max_proto_version(it, number_of(settings_.newest)) == 1 &&
      SSL_CTX_set_ciphersuites(it,
                               "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:"
                               "TLS_CHACHA20_POLY1305_SHA256") == 1 &&
      SSL_CTX_set_cipher_list(it, "ECDHE+AESGCM:ECDHE+CHACHA20") == 1 &&
      SSL_CTX_set1_groups_list(it, "X25519:P-256:P-384") == 1 &&
      SSL_CTX_set1_sigalgs_list(it,
                                "ed25519:ECDSA+SHA256:ECDSA+SHA384:RSA-PSS+SHA256:RSA-PSS+SHA384:"
                                "RSA-PSS+SHA512:RSA+SHA256:RSA+SHA384:RSA+SHA512") == 1;
  require(set, "crypto", "lacks a cipher, group or signature that TLS needs" + reason());
  SSL_CTX_set_security_level(it, 2);
  SSL_CTX_set_options(it, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_num_tickets(it, 0);
  SSL_CTX_set_session_cache_mode(it, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_mode(it, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN |
                           SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  if (!settings_.certificate_pem.empty()) use_certificate();
  if (!settings_.ca_pem.empty()) use_authorities();
  use_alpn();
  if (settings_.key_log) {
    SSL_CTX_set_app_data(it, &settings_);
    SSL_CTX_set_keylog_callback(it, log_key);
  }
}

void TlsContext::use_certificate() {
  const auto chain = read_certificates(settings_, settings_.certificate_pem, "certificate_pem");
  SSL_CTX* const it = context_.get();
  require(SSL_CTX_use_certificate(it, chain.front().get()) == 1, "certificate_pem",
          "cannot be used" + reason() + "; make a new one, with a key of 2048 bits of RSA or more");
  for (std::size_t i = 1; i < chain.size(); ++i)
    require(SSL_CTX_add1_chain_cert(it, chain[i].get()) == 1, "certificate_pem",
            "block " + std::to_string(i + 1) + " cannot be used" + reason());
  const OpenSslPtr<EVP_PKEY> key(PEM_read_bio_PrivateKey_ex(
      reader_of(settings_.key_pem).get(), nullptr, give_pass_phrase, &settings_.key_pass_phrase,
      library_of(settings_.crypto), nullptr));
  const bool encrypted = settings_.key_pem.find("ENCRYPTED") != std::string::npos;
  require(key != nullptr, "key_pem",
          !encrypted ? "cannot be read as PEM" + reason() + "; give the text of the key's file"
          : settings_.key_pass_phrase.empty()
              ? "is encrypted; give its key_pass_phrase"
              : "cannot be decrypted" + reason() + "; check key_pass_phrase");
  require(X509_check_private_key(chain.front().get(), key.get()) == 1, "key_pem",
          "does not belong to the first certificate of certificate_pem; give the two that were "
          "made together, this end's own certificate first");
  require(SSL_CTX_use_PrivateKey(it, key.get()) == 1, "key_pem", "cannot be used" + reason());
  wipe(settings_.key_pem);
  wipe(settings_.key_pass_phrase);
}

void TlsContext::use_authorities() {
  X509_STORE* const store = SSL_CTX_get_cert_store(context_.get());
  for (const auto& one : read_certificates(settings_, settings_.ca_pem, "ca_pem"))
    require(X509_STORE_add_cert(store, one.get()) == 1, "ca_pem", "cannot be used" + reason());
  if (!settings_.crl_pem.empty()) {
    const auto lists = read_all<X509_CRL>(
        settings_.crl_pem, "crl_pem",
        [&] { return X509_CRL_new_ex(library_of(settings_.crypto), nullptr); },
        [](BIO* in, X509_CRL** out, pem_password_cb* phrase, void* user) {
          return PEM_read_bio_X509_CRL(in, out, phrase, user);
        });
    for (const auto& one : lists)
      require(X509_STORE_add_crl(store, one.get()) == 1, "crl_pem", "cannot be used" + reason());
    X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(context_.get()), X509_V_FLAG_CRL_CHECK);
  }
}

void TlsContext::use_alpn() {
  for (const std::string& protocol : settings_.alpn) {
    require(!protocol.empty() && protocol.size() <= 255, "alpn",
            "has a name of " + std::to_string(protocol.size()) +
                " bytes; use \"mqtt\" or "
                "\"http/1.1\"");
    alpn_.push_back(static_cast<unsigned char>(protocol.size()));
    alpn_.insert(alpn_.end(), protocol.begin(), protocol.end());
  }
  if (alpn_.empty()) return;
  if (is_server()) {
    SSL_CTX_set_alpn_select_cb(context_.get(), choose_protocol, &alpn_);
  } else {
    SSL_CTX_set_alpn_protos(context_.get(), alpn_.data(), static_cast<unsigned>(alpn_.size()));
  }
}

OpenSslPtr<SSL> TlsContext::connection(const std::string& server_name) const {
  OpenSslPtr<SSL> connection(SSL_new(context_.get()));
  if (!connection) throw std::bad_alloc();
  SSL* const it = connection.get();
  if (is_server()) {
    SSL_set_accept_state(it);
    return connection;
  }
  SSL_set_connect_state(it);
  const char* const name = (server_name.empty() ? settings_.server_name : server_name).c_str();
  if (*name == '\0') return connection;
  X509_VERIFY_PARAM* const wanted = SSL_get0_param(it);
  if (const OpenSslPtr<ASN1_OCTET_STRING> address(a2i_IPADDRESS(name)); address) {
    X509_VERIFY_PARAM_set1_ip_asc(wanted, name);
  } else {
    SSL_set_tlsext_host_name(it, name);
    X509_VERIFY_PARAM_set_hostflags(wanted, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    X509_VERIFY_PARAM_set1_host(wanted, name, 0);
  }
  return connection;
}

}  // namespace mqttlab
