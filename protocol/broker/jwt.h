// JwtVerifier: signed JSON Web Tokens (RFC 7519) in the compact form of JWS (RFC 7515).
#pragma once

#include <openssl/evp.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/peer.h"

namespace mqttlab {

enum class JwtAlgorithm : std::uint8_t {
  hs256,  ///< HMAC with SHA-256 (RFC 7518, 3.2); the key is a secret of 32 bytes or more
  rs256,  ///< RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518, 3.3); 2,048 bits or more
  es256,  ///< ECDSA on P-256 with SHA-256 (RFC 7518, 3.4)
  eddsa,  ///< Ed25519 (RFC 8037, 3.1)
};

struct JwtConfig {
  /// The only one that is accepted: what a token says of itself is compared, never followed.
  JwtAlgorithm algorithm = JwtAlgorithm::hs256;
  std::string key;       ///< HS256: the secret's bytes; all others: the public key in PEM
  std::string issuer;    ///< what `iss` must be; empty: anything
  std::string audience;  ///< what `aud` must name; empty: anything
  Time unix_time = 0;    ///< the core's Time 0, in ns since 1970
  Time leeway = 0;       ///< by which clocks may differ, ns; an hour at most
};

class JwtVerifier {
 public:
  static constexpr std::size_t most_bytes = 8'192;  ///< of a token
  static constexpr int most_depth = 8;              ///< of JSON in it

  /// Of a token that is valid now: `sub`, and the instant at which it ends to be.
  struct Claims {
    std::string subject;
    Time valid_until = never;
  };
  /// Claims, or what is wrong with the token in a word or two.
  struct Result {
    std::optional<Claims> claims;
    std::string_view fault;
  };

  /// Throws std::invalid_argument if the key is none for the algorithm (with a remedy), or a time
  /// is out of bounds.
  explicit JwtVerifier(JwtConfig config);

  /// A token must have `exp` and a `sub` that can be a user name, and not be used before `nbf`.
  [[nodiscard]] Result verify(std::string_view token, Time now) const;

  /// Whether a text has the shape of a token.
  [[nodiscard]] static bool is_token(std::string_view text);

 private:
  struct FreeKey {
    void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  };
  [[nodiscard]] bool signature_fits(std::string_view text, Bytes signature) const;
  [[nodiscard]] Result judge(std::string_view payload, Time now) const;

  JwtConfig config_;
  std::unique_ptr<EVP_PKEY, FreeKey> public_key_;  // null for HS256
};

}  // namespace mqttlab
