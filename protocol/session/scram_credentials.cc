#include "protocol/session/scram_credentials.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <stdexcept>

#include "protocol/session/octets.h"

namespace mqttlab {
namespace {

// OpenSSL fails here only without memory or without its own SHA-256.
void require(bool done) {
  if (!done) throw std::runtime_error("OpenSSL cannot compute a SHA-256");
}

}  // namespace

ScramKey scram_hmac(Bytes key, std::string_view text) {
  ScramKey out;
  require(HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), bytes_of(text).data(),
               text.size(), out.data(), nullptr) != nullptr);
  return out;
}

ScramKey scram_hash(Bytes text) {
  ScramKey out;
  require(EVP_Digest(text.data(), text.size(), out.data(), nullptr, EVP_sha256(), nullptr) == 1);
  return out;
}

ScramKey operator^(const ScramKey& a, const ScramKey& b) {
  ScramKey out;
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = a[i] ^ b[i];
  return out;
}

std::optional<ScramKey> scram_key(std::string_view text) {
  const auto bytes = from_base64(text);
  ScramKey key;
  if (!bytes || bytes->size() != key.size()) return std::nullopt;
  std::ranges::copy(*bytes, key.begin());
  return key;
}

bool same_key(const ScramKey& a, const ScramKey& b) {
  return CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

ScramKey salted_password(std::string_view password, Bytes salt, int iterations) {
  ScramKey out;
  require(PKCS5_PBKDF2_HMAC(password.data(), static_cast<int>(password.size()), salt.data(),
                            static_cast<int>(salt.size()), iterations, EVP_sha256(),
                            static_cast<int>(out.size()), out.data()) == 1);
  return out;
}

ScramCredentials ScramCredentials::derive(std::string_view password, Bytes salt, int iterations) {
  const ScramKey salted = salted_password(password, salt, iterations);
  return {iterations,
          {salt.begin(), salt.end()},
          scram_hash(scram_hmac(salted, "Client Key")),
          scram_hmac(salted, "Server Key")};
}

}  // namespace mqttlab
