// AccessTexts: who may do what, as the contents of files in mosquitto's formats and their names.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "protocol/broker/access_policy.h"
#include "protocol/broker/delayed_access.h"

namespace mqttlab::bindings {

struct AccessTexts {
  using Text = std::pair<std::string, std::string>;  // content, name
  std::optional<Text> passwords;
  std::optional<Text> acl;
  bool anonymous = true;  ///< clients without a user name may connect
  bool scram = false;
  bool certificates = false;  ///< clients over TLS must have one, and are known by it
  std::optional<JwtConfig> tokens;
  std::optional<AccessDelays> delays;

  /// Answers at once; null: everybody may do everything.
  [[nodiscard]] std::unique_ptr<Access> make(Random random) const;
};

}  // namespace mqttlab::bindings
