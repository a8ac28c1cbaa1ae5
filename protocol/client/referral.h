// Referral: where the server has sent this client (MQTT 5.0, 4.11).
#pragma once

#include <string>
#include <string_view>

#include "protocol/client/client.h"

namespace mqttlab::client {

/// 0x9C and 0x9D in CONNACK or DISCONNECT, with a Server Reference. 0x9C ("use another server")
/// holds for one attempt, and the link that comes of it; 0x9D ("server moved") until further
/// notice.
class Referral {
 public:
  /// An attempt, or a link, has ended so.
  void ended(const ClientEvent& how);
  /// The Server Reference; empty: the client is not sent anywhere.
  [[nodiscard]] std::string_view servers() const { return servers_; }

 private:
  std::string servers_;
  bool permanent_ = false;
};

}  // namespace mqttlab::client
