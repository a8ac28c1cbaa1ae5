// Security: the certificates of a world, and what both ends of its TLS and WebSocket connections
// are made of. All of it comes from the seed: the same bytes in every run.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "protocol/transport/certificate_authority.h"
#include "protocol/transport/filter_stack.h"
#include "protocol/transport/transport.h"
#include "protocol/transport/web_socket_settings.h"
#include "sim/output_file.h"

namespace mqttlab::sim {

class Security {
 public:
  /// Whom the broker's certificate is for.
  static constexpr const char* broker_name = "broker.test";
  /// Time 0 in seconds since 1970, while no clock has leapt: the beginning of 2026. Certificates
  /// are valid from a year before: to a clock that has leapt back further they are of the future.
  static constexpr std::int64_t epoch_s = 1'767'225'600;

  /// `patience`: how long the broker waits for the end of a handshake, or of an upgrade.
  /// `certificates`: it demands one of clients over TLS.
  /// `key_log_path`: file for the secrets of all TLS connections; empty: none.
  /// `unix_offset`: what the wall clocks tell less virtual time, in ns.
  Security(std::uint64_t seed, Time patience, std::string key_log_path, bool certificates,
           std::function<Time()> unix_offset);
  ~Security();
  Security(const Security&) = delete;
  Security& operator=(const Security&) = delete;

  /// Makes what connections of this kind need. Throws std::invalid_argument naming the key log if
  /// that cannot be written.
  void prepare(Transport transport);
  /// TLS of a client with a certificate of its own, of a kind that has been prepared; null for one
  /// without. Throws std::invalid_argument for a name that cannot be in a certificate.
  [[nodiscard]] std::shared_ptr<const TlsContext> own_tls(Transport transport,
                                                          const std::string& client_id);
  /// The filters at either end of a connection, of a kind that has been prepared. This outlives
  /// them.
  [[nodiscard]] FilterPlan server(Transport transport) const;
  [[nodiscard]] FilterPlan client(Transport transport, std::uint32_t connection) const;
  /// Throws std::runtime_error if the key log could not be written.
  void flush();

 private:
  struct Identities;
  [[nodiscard]] TlsSettings settings(Transport transport, TlsSettings::Role role);
  struct Kind {
    std::shared_ptr<const TlsContext> server, client;
    WebSocketClientSettings web_socket;
  };
  const std::uint64_t seed_;
  const Time patience_;
  const bool certificates_;
  const std::string key_log_path_;
  const std::function<Time()> unix_offset_;
  std::unique_ptr<OutputFile> key_log_;  // outlives the contexts, which write to it
  std::unique_ptr<Identities> identities_;
  std::array<Kind, transports> kinds_;
  WebSocketServerSettings web_socket_;
};

}  // namespace mqttlab::sim
