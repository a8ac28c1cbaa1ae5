// SeededCrypto: an OpenSSL library context whose random numbers come from a seed. For simulated
// links and tests only: whoever knows the seed reads along.
#pragma once

#include <openssl/types.h>

#include <cstdint>
#include <memory>

namespace mqttlab {

class SeededCrypto {
 public:
  /// Same seed and same order of use, same keys and bytes, in every process and build with the same
  /// OpenSSL. The process's own library context is not touched. Throws std::runtime_error if
  /// OpenSSL lacks what this needs.
  explicit SeededCrypto(std::uint64_t seed);

  [[nodiscard]] OSSL_LIB_CTX* get() const { return library_.get(); }

 private:
  struct Unload {
    void operator()(OSSL_PROVIDER* provider) const;
    void operator()(OSSL_LIB_CTX* library) const;
  };
  std::unique_ptr<OSSL_LIB_CTX, Unload> library_;
  std::unique_ptr<OSSL_PROVIDER, Unload> algorithms_, generators_;  // unloaded before library_
};

/// Null: the machine's entropy.
using Crypto = std::shared_ptr<const SeededCrypto>;
[[nodiscard]] inline OSSL_LIB_CTX* library_of(const Crypto& crypto) {
  return crypto ? crypto->get() : nullptr;
}

}  // namespace mqttlab
