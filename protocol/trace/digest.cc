#include "protocol/trace/digest.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <new>
#include <stdexcept>

namespace mqttlab::trace {
namespace {

constexpr std::size_t buffer_bytes = 64 << 10;
constexpr std::size_t shown_bytes = 16;

void check(int openssl_result) {
  if (openssl_result != 1) throw std::runtime_error("OpenSSL cannot compute SHA-256");
}

}  // namespace

struct Digest::Context {
  Context() : sha256(EVP_MD_CTX_new()) {
    if (sha256 == nullptr) throw std::bad_alloc();
  }
  ~Context() { EVP_MD_CTX_free(sha256); }
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
  EVP_MD_CTX* sha256;
};

Digest::Digest() : context_(std::make_unique<Context>()), buffer_(buffer_bytes) {
  check(EVP_DigestInit_ex(context_->sha256, EVP_sha256(), nullptr));
}

Digest::~Digest() = default;

void Digest::add(std::string_view text) {
  add(std::uint64_t{text.size()});
  while (!text.empty()) {
    if (used_ == buffer_.size()) flush();
    const std::size_t part = std::min(text.size(), buffer_.size() - used_);
    std::copy_n(text.begin(), part, buffer_.begin() + static_cast<std::ptrdiff_t>(used_));
    used_ += part;
    text.remove_prefix(part);
  }
}

std::string Digest::hex() const {
  const Context copy;
  check(EVP_MD_CTX_copy_ex(copy.sha256, context_->sha256));
  check(EVP_DigestUpdate(copy.sha256, buffer_.data(), used_));
  std::array<std::uint8_t, EVP_MAX_MD_SIZE> hash{};
  check(EVP_DigestFinal_ex(copy.sha256, hash.data(), nullptr));
  std::string text;
  for (std::size_t i = 0; i < shown_bytes; ++i) {
    text += "0123456789abcdef"[hash[i] >> 4];
    text += "0123456789abcdef"[hash[i] & 0x0F];
  }
  return text;
}

void Digest::flush() {
  check(EVP_DigestUpdate(context_->sha256, buffer_.data(), used_));
  used_ = 0;
}

}  // namespace mqttlab::trace
