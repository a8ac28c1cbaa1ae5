// Digest: a running SHA-256 over numbers and strings, the same on every platform.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace mqttlab::trace {

class Digest {
 public:
  Digest();  ///< throws std::runtime_error if OpenSSL has no SHA-256
  ~Digest();

  /// Appends a number, least significant byte first.
  template <std::unsigned_integral T>
  void add(T value) {
    std::uint8_t bytes[sizeof(T)];
    for (std::size_t i = 0; i < sizeof(T); ++i)
      bytes[i] = static_cast<std::uint8_t>(value >> (8 * i));
    if (buffer_.size() - used_ < sizeof(T)) flush();
    std::memcpy(buffer_.data() + used_, bytes, sizeof(T));
    used_ += sizeof(T);
  }
  /// Appends length and bytes, so that no two sequences of strings look the same.
  void add(std::string_view text);

  /// The first 16 bytes of the hash so far, in hex; adding may go on.
  [[nodiscard]] std::string hex() const;

 private:
  void flush();
  struct Context;
  std::unique_ptr<Context> context_;
  std::vector<std::uint8_t> buffer_;  // hashing a large buffer at once costs a third of many calls
  std::size_t used_ = 0;
};

}  // namespace mqttlab::trace
