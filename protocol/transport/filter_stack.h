// FilterStack: the filters between one connection and the Peer that it carries.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "protocol/transport/filter.h"
#include "protocol/transport/tls_filter.h"

namespace mqttlab {

/// Which filters a connection has at this end, and how they are made.
struct FilterPlan {
  std::shared_ptr<const TlsContext> tls = {};  ///< null: no TLS
  std::string server_name = {};                ///< as for TlsContext::connection()
  /// Makes the end of a WebSocket, inside TLS if there is that, too. Empty: none.
  std::function<std::unique_ptr<Filter>(Establish establish, Time now)> web_socket = {};
};

class FilterStack {
 public:
  /// `establish` is called when all filters stand; if there are none, here, and then it gives a
  /// Peer.
  FilterStack(const FilterPlan& plan, Establish establish, Time now);
  FilterStack(const FilterStack&) = delete;
  FilterStack& operator=(const FilterStack&) = delete;

  /// Whose bytes the host moves: the outermost filter, or the carried Peer itself.
  [[nodiscard]] Peer& peer() const { return *peer_; }
  /// As for a Filter: advance() of peer() also moves bytes, and its deadline() is the host's
  /// business.
  [[nodiscard]] bool has_filters() const { return tls_ || web_socket_; }
  [[nodiscard]] bool is_established() const { return established_; }
  /// What the filters found wrong with the other end; empty: nothing.
  [[nodiscard]] std::string failure() const;
  [[nodiscard]] Overhead overhead() const;

 private:
  std::unique_ptr<Filter> web_socket_, tls_;  // inside out
  Peer* peer_ = nullptr;
  bool established_ = false;
};

}  // namespace mqttlab
