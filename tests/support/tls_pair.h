// TlsPair: two TLS ends in memory with a Talker each, and certificates from a seed.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "protocol/transport/certificate_authority.h"
#include "protocol/transport/tls_filter.h"
#include "tests/support/duplex.h"
#include "tests/support/talker.h"

namespace mqttlab::testing {

inline constexpr std::int64_t test_epoch_s = 1'700'000'000, day_s = 86'400;
inline Time test_offset() { return test_epoch_s * second; }
inline constexpr Validity test_validity{test_epoch_s - day_s, test_epoch_s + 30 * day_s};

/// A world's certificates: an authority, its server "broker" and its client "meter-1".
struct TestCertificates {
  Crypto crypto;
  CertificateAuthority authority;
  Credentials server, client;

  explicit TestCertificates(std::uint64_t seed = 1, KeyKind kind = KeyKind::ed25519)
      : crypto(std::make_shared<SeededCrypto>(seed)),
        authority("Test authority", test_validity, kind, crypto),
        server(authority.issue("broker", test_validity,
                               {"DNS:broker.example", "DNS:*.site.example", "IP:10.0.0.1"})),
        client(authority.issue(
            "meter-1", test_validity,
            {"email:meter-1@example.org", "DNS:meter-1.example", "URI:urn:meter:1"})) {}
  [[nodiscard]] TlsSettings server_settings() const {
    return {.certificate_pem = server.certificate_pem,
            .key_pem = server.key_pem,
            .crypto = crypto,
            .unix_offset = test_offset};
  }
  [[nodiscard]] TlsSettings client_settings() const {
    return {.role = TlsSettings::Role::client,
            .ca_pem = authority.certificate_pem(),
            .server_name = "broker.example",
            .crypto = crypto,
            .unix_offset = test_offset};
  }
  /// Both with X.509: the server asks, the client shows its own.
  [[nodiscard]] std::pair<TlsSettings, TlsSettings> mutual() const {
    std::pair both(server_settings(), client_settings());
    both.first.ca_pem = authority.certificate_pem();
    both.first.client_certificate = ClientCertificate::required;
    both.second.certificate_pem = client.certificate_pem;
    both.second.key_pem = client.key_pem;
    return both;
  }
};

class TlsPair {
 public:
  TlsPair(const TlsSettings& server_settings, const TlsSettings& client_settings, Time now = 0)
      : server(std::make_shared<TlsContext>(server_settings), carry(server_talker, server_meets),
               now),
        client(std::make_shared<TlsContext>(client_settings), carry(client_talker, client_meets),
               now),
        wire(server, client) {
    wire.now = now;
  }
  TlsPair(std::pair<TlsSettings, TlsSettings> both, Time now = 0)
      : TlsPair(both.first, both.second, now) {}

  Talker server_talker, client_talker;
  std::vector<Introduction> server_meets, client_meets;  // one at most, or a test fails
  bool wanted = true;                                    // false: nobody is carried
  TlsFilter server, client;
  Duplex wire;

 private:
  Establish carry(Talker& talker, std::vector<Introduction>& meets) {
    return [this, &talker, &meets](const Introduction& introduction, Time) {
      meets.push_back(introduction);
      return wanted ? &talker : nullptr;
    };
  }
};

}  // namespace mqttlab::testing
