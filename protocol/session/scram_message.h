// ScramFields: one message of SCRAM, read from the left (RFC 5802, 7).
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/peer.h"
#include "protocol/session/random.h"

namespace mqttlab {

/// Where the parts of nonces come from: printable, without commas, and never the same again.
using ScramNonces = std::function<std::string()>;
/// 18 bytes of `random` each, in base64.
[[nodiscard]] ScramNonces scram_nonces(Random random);

/// `a=value` fields between commas. What is wrong is nullopt, and so is everything behind it.
class ScramFields {
 public:
  /// Longer messages are refused, and so is what is not UTF-8.
  static constexpr std::size_t most_bytes = 2'048;
  explicit ScramFields(Bytes message);

  /// The value of the next field, which must be `name`.
  std::optional<std::string_view> take(char name);
  /// The text before the next comma, whatever it is: the parts of a gs2-header.
  std::optional<std::string_view> take_plain();
  /// Skips extensions up to the field `stop`, or to the end: unknown ones say nothing to us.
  void skip_extensions(char stop = '\0');
  [[nodiscard]] bool at_end() const { return good_ && !rest_; }
  [[nodiscard]] std::string_view rest() const { return rest_.value_or(""); }

 private:
  bool good_ = true;
  std::optional<std::string_view> rest_;  // nothing: the last field has been taken
};

/// A nonce as it may stand in a message.
[[nodiscard]] bool scram_printable(std::string_view nonce);
/// A user name with its '=' and ',' escaped, and back.
[[nodiscard]] std::string scram_escaped(std::string_view name);
[[nodiscard]] std::optional<std::string> scram_unescaped(std::string_view text);

}  // namespace mqttlab
