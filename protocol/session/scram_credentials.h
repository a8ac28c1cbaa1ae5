// ScramCredentials: what a server keeps of a password for SCRAM-SHA-256 (RFC 5802, RFC 7677).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "protocol/peer.h"

namespace mqttlab {

/// The Authentication Method of MQTT 5.0 by which both ends prove that they know the password,
/// without sending it.
///
/// Names and passwords are taken as the bytes they are: SASLprep (RFC 4013) would change nothing
/// in printable ASCII, and of other UTF-8 both ends must be given the same form.
inline constexpr std::string_view scram_sha_256 = "SCRAM-SHA-256";

/// Fewer are guessed too fast (RFC 7677, 4); more would let one end keep the other busy.
inline constexpr int least_scram_iterations = 4'096, most_scram_iterations = 1'000'000;

using ScramKey = std::array<std::uint8_t, 32>;  ///< as long as a SHA-256

/// HMAC and H of RFC 5802, with SHA-256.
[[nodiscard]] ScramKey scram_hmac(Bytes key, std::string_view text);
[[nodiscard]] ScramKey scram_hash(Bytes text);
[[nodiscard]] ScramKey operator^(const ScramKey& a, const ScramKey& b);
/// A key in base64; nothing if the text is no such key.
[[nodiscard]] std::optional<ScramKey> scram_key(std::string_view text);
/// In constant time.
[[nodiscard]] bool same_key(const ScramKey& a, const ScramKey& b);
/// SaltedPassword: PBKDF2, and thus as slow as `iterations` make it.
[[nodiscard]] ScramKey salted_password(std::string_view password, Bytes salt, int iterations);

struct ScramCredentials {
  int iterations = least_scram_iterations;
  std::vector<std::uint8_t> salt;
  ScramKey stored_key{}, server_key{};

  [[nodiscard]] static ScramCredentials derive(std::string_view password, Bytes salt,
                                               int iterations);
};

}  // namespace mqttlab
