// PasswordFile: user names and password hashes, as `mosquitto_passwd` writes them.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/peer.h"

namespace mqttlab {

/// One user a line: `name:$7$iterations$salt$hash` (PBKDF2 with SHA-512) or `name:$6$salt$hash`
/// (SHA-512 of password and salt); salt and hash in base64. Empty lines and `#` lines do not count.
class PasswordFile {
 public:
  /// `source` names the text in errors. Throws std::invalid_argument naming source, line and
  /// remedy.
  [[nodiscard]] static PasswordFile parse(std::string_view text, std::string_view source);

  /// True if the user exists and this is its password. Hashes are compared in constant time, and an
  /// unknown user takes as long as a known one.
  [[nodiscard]] bool accepts(std::string_view user, Bytes password) const;
  [[nodiscard]] std::size_t size() const { return users_.size(); }

 private:
  struct Secret {
    int iterations = 0;  // 0: one SHA-512 of password and salt
    std::vector<std::uint8_t> salt;
    std::vector<std::uint8_t> hash;
    [[nodiscard]] bool accepts(Bytes password) const;
  };
  class Parser;
  std::map<std::string, Secret, std::less<>> users_;
};

}  // namespace mqttlab
