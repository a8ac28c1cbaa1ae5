// TlsContext: what this end of TLS is and whom it trusts; shared by all its links.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/peer.h"
#include "protocol/transport/certificate_identity.h"
#include "protocol/transport/openssl_ptr.h"
#include "protocol/transport/seeded_crypto.h"

namespace mqttlab {

enum class TlsVersion : std::uint8_t { v1_2, v1_3 };
enum class ClientCertificate : std::uint8_t { none, optional, required };

/// PEM fields are texts: files are read by hosts.
struct TlsSettings {
  enum class Role : std::uint8_t { server, client };
  Role role = Role::server;
  /// This end's certificate, then those between it and the authority. A client may have none.
  std::string certificate_pem = {};
  std::string key_pem = {};
  std::string key_pass_phrase = {};
  /// The authorities that this end trusts: of a server for its clients, of a client for its server.
  std::string ca_pem = {};
  /// Revocation lists; if there are any, each certificate's authority must have one.
  std::string crl_pem = {};
  TlsVersion oldest = TlsVersion::v1_2;
  TlsVersion newest = TlsVersion::v1_3;
  /// Protocols by preference ("mqtt", "http/1.1"). A server refuses a client that offers only
  /// others; an end that offers none is taken. Empty: ALPN is not used.
  std::vector<std::string> alpn = {};
  Time handshake_timeout = 10 * second;
  /// Gets each secret as a line for Wireshark. Whoever has the lines reads along.
  std::function<void(std::string_view line)> key_log = {};

  // Of servers:
  ClientCertificate client_certificate = ClientCertificate::none;
  CertificateIdentity identity = CertificateIdentity::common_name;

  // Of clients:
  /// Host name or IP address that the server's certificate must be for; a host name is sent (SNI).
  std::string server_name = {};
  bool insecure = false;  ///< takes any certificate: encrypted, with whom nobody knows

  // Of simulated links:
  Crypto crypto = {};
  /// Unix time less the link's Time at present, in ns: when certificates are judged. Null: at the
  /// machine's time.
  std::function<Time()> unix_offset = {};
};

class TlsContext {
 public:
  /// Throws std::invalid_argument naming the field, what is wrong with it and the remedy.
  explicit TlsContext(TlsSettings settings);
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  /// Without the key and its pass phrase, which are forgotten once read.
  [[nodiscard]] const TlsSettings& settings() const { return settings_; }
  [[nodiscard]] bool is_server() const { return settings_.role == TlsSettings::Role::server; }
  /// One end of a new connection, in its role. `server_name`: instead of the settings' own; empty:
  /// that one.
  [[nodiscard]] OpenSslPtr<SSL> connection(const std::string& server_name = {}) const;

 private:
  void use_certificate();
  void use_authorities();
  void use_alpn();
  TlsSettings settings_;
  std::vector<unsigned char> alpn_;  // as ALPN writes it: each name behind its length
  OpenSslPtr<SSL_CTX> context_;
};

}  // namespace mqttlab
