// Who may connect, and what they may do: the questions a broker asks, and two providers that answer
// from text.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "protocol/peer.h"
#include "protocol/wire/slice.h"

namespace mqttlab {

enum class Verdict : std::uint8_t { granted, denied, later };

struct AccessRequest {
  enum class Kind : std::uint8_t { authenticate, publish, subscribe };
  Kind kind = Kind::authenticate;
  RequestId request = 0;  ///< what decide() is to name
  LinkId link = 0;
  std::string_view client_id;
  bool has_user_name = false;
  std::string_view user_name;
  bool has_password = false;
  Bytes password;
  std::string_view topic;  ///< topic name to publish to, or topic filter to subscribe to
};

/// Answers a broker's questions. `later` is allowed for `authenticate` only: the answer then comes
/// through Broker::decide(), within BrokerConfig::connect_timeout.
class Access {
 public:
  virtual ~Access() = default;
  virtual Verdict ask(const AccessRequest& request) = 0;
};

}  // namespace mqttlab
