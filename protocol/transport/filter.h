// What TLS and WebSocket have in common: a Peer towards the transport that carries another Peer.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "protocol/peer.h"

namespace mqttlab {

/// What a transport knows about the other end by the time it is established.
struct Introduction {
  std::string certificate;  ///< identity in the client's X.509 certificate; empty: none
};

/// Called once, when the transport is established: the Peer that it carries, or null if nobody
/// wants it any more; then the transport closes in order. Whoever gives it owns it, and keeps it
/// until the filter has told it closed().
using Establish = std::function<Peer*(const Introduction& introduction, Time now)>;

/// Bytes that filters have put beside those they carry.
struct Overhead {
  std::uint64_t web_socket_bytes = 0, tls_bytes = 0;
  Overhead& operator+=(const Overhead& other) {
    web_socket_bytes += other.web_socket_bytes;
    tls_bytes += other.tls_bytes;
    return *this;
  }
};

/// A Peer that carries another one. Two rules beyond Peer's:
/// - advance(now) also moves bytes: a host calls it after the inner Peer has been given something
///   to write, or room to read, by anyone but this transport.
/// - a transport that ends before it is established has carried nobody: failure() says why.
class Filter : public Peer {
 public:
  [[nodiscard]] virtual bool is_established() const = 0;
  /// What this end found wrong with the other, in words, without secrets; empty: nothing.
  [[nodiscard]] virtual const std::string& failure() const = 0;
  /// Bytes that this end has put beside those it carries, so far: handshakes, headers, goodbyes.
  [[nodiscard]] virtual std::uint64_t overhead_bytes() const = 0;
};

}  // namespace mqttlab
