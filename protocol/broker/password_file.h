// PasswordFile: user names and password hashes, as `mosquitto_passwd` writes them, and SCRAM's.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "protocol/peer.h"
#include "protocol/session/scram_credentials.h"

namespace mqttlab {

/// One user a line: `name:$7$iterations$salt$hash` (PBKDF2 with SHA-512), `name:$6$salt$hash`
/// (SHA-512 of password and salt) or `name:$scram-sha-256$iterations$salt$stored_key$server_key`;
/// salt, hash and keys in base64. Empty lines and `#` lines do not count.
class PasswordFile {
 public:
  /// `source` names the text in errors. Throws std::invalid_argument naming source, line and
  /// remedy.
  [[nodiscard]] static PasswordFile parse(std::string_view text, std::string_view source);

  /// True if the user exists and this is its password. Hashes are compared in constant time, and an
  /// unknown user takes as long as a known one.
  [[nodiscard]] bool accepts(std::string_view user, Bytes password) const;
  [[nodiscard]] std::size_t size() const { return users_.size(); }

  /// A user's credentials for SCRAM. For a name without any: some that no password fits, the same
  /// ones each time for one `secret`, with the first SCRAM user's iterations and length of salt.
  [[nodiscard]] ScramCredentials scram(std::string_view user, Bytes secret) const;

 private:
  struct Hash {
    int iterations = 0;  // 0: one SHA-512 of password and salt
    std::vector<std::uint8_t> salt;
    std::vector<std::uint8_t> hash;
    [[nodiscard]] bool accepts(Bytes password) const;
  };
  using Secret = std::variant<Hash, ScramCredentials>;
  class Parser;
  std::map<std::string, Secret, std::less<>> users_;
  ScramCredentials pattern_;  // of what unknown names are shown
};

/// The line of a password file that gives `user` this password, as PBKDF2 with SHA-512.
/// Throws std::invalid_argument if no line can have this user name, or these iterations.
[[nodiscard]] std::string password_line(std::string_view user, Bytes password, Bytes salt,
                                        int iterations);
/// The line of a password file that gives `user` these credentials.
/// Throws std::invalid_argument if no line can have this user name, or no file these credentials.
[[nodiscard]] std::string scram_line(std::string_view user, const ScramCredentials& credentials);

}  // namespace mqttlab
