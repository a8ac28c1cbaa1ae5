// What TLS and WebSocket have in common: a Peer towards the transport that carries another Peer.
#pragma once

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

/// A Peer that carries another one. Two rules beyond Peer's:
/// - advance(now) also moves bytes: a host calls it after the inner Peer has been given something
///   to write, or room to read, by anyone but this transport.
/// - a transport that ends before it is established has carried nobody: failure() says why.
class Filter : public Peer {
 public:
  [[nodiscard]] virtual bool is_established() const = 0;
  /// What this end found wrong with the other, in words, without secrets; empty: nothing.
  [[nodiscard]] virtual const std::string& failure() const = 0;
};

}  // namespace mqttlab
