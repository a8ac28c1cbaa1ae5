#include "protocol/broker/password_file.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <array>
#include <charconv>
#include <optional>
#include <stdexcept>
#include <utility>

#include "protocol/broker/text_lines.h"
#include "protocol/session/octets.h"

namespace mqttlab {
namespace {

constexpr std::size_t hash_bytes = 64;  // of SHA-512
constexpr int most_iterations = 10'000'000;
constexpr std::string_view remedy = "write the line with mosquitto_passwd";

using Hash = std::array<std::uint8_t, hash_bytes>;

bool pbkdf2(Bytes password, Bytes salt, int iterations, Hash& out) {
  return PKCS5_PBKDF2_HMAC(reinterpret_cast<const char*>(password.data()),
                           static_cast<int>(password.size()), salt.data(),
                           static_cast<int>(salt.size()), iterations, EVP_sha512(),
                           static_cast<int>(out.size()), out.data()) == 1;
}

bool sha512(Bytes password, Bytes salt, Hash& out) {
  std::vector<std::uint8_t> text(password.begin(), password.end());
  text.insert(text.end(), salt.begin(), salt.end());
  return EVP_Digest(text.data(), text.size(), out.data(), nullptr, EVP_sha512(), nullptr) == 1;
}

}  // namespace

// One line's fields, cut off from the left.
class PasswordFile::Parser {
 public:
  Parser(const TextLine& line, std::string_view source) : line_(line), source_(source) {}

  std::pair<std::string, Secret> user() {
    const std::size_t colon = line_.text.find(':');
    if (colon == std::string_view::npos || colon == 0)
      fail("no user name before a ':' in '" + std::string(line_.text) + "'");
    const std::string name(line_.text.substr(0, colon));
    rest_ = line_.text.substr(colon + 1);
    where_ = " of user '" + name + "'";
    return {name, secret()};
  }

 private:
  Secret secret() {
    Secret secret;
    if (!rest_.starts_with('$')) fail("the password" + where_ + " is not hashed");
    rest_.remove_prefix(1);
    const std::string_view scheme = field();
    if (scheme == "7") {
      secret.iterations = iterations();
    } else if (scheme != "6") {
      fail("the hash" + where_ + " has the unknown scheme '$" + std::string(scheme) + "$'");
    }
    secret.salt = base64("salt");
    secret.hash = base64("hash");
    if (!rest_.empty()) fail("there is something behind the hash" + where_);
    if (secret.hash.size() != hash_bytes)
      fail("the hash" + where_ + " has " + std::to_string(secret.hash.size()) +
           " bytes, SHA-512 has " + std::to_string(hash_bytes));
    return secret;
  }

  std::string_view field() {
    const std::size_t end = rest_.find('$');
    const std::string_view text = rest_.substr(0, end);
    rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 1);
    return text;
  }

  int iterations() {
    const std::string_view text = field();
    int value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || value < 1 ||
        value > most_iterations)
      fail("the iterations" + where_ + " are '" + std::string(text) + "', not a number from 1 to " +
           std::to_string(most_iterations));
    return value;
  }

  std::vector<std::uint8_t> base64(std::string_view what) {
    auto bytes = from_base64(field());
    if (!bytes || bytes->empty()) fail("the " + std::string(what) + where_ + " is not base64");
    return *std::move(bytes);
  }

  [[noreturn]] void fail(const std::string& what) const {
    throw_line_error(source_, line_.number, what, remedy);
  }

  TextLine line_;
  std::string_view source_;
  std::string_view rest_;
  std::string where_;
};

PasswordFile PasswordFile::parse(std::string_view text, std::string_view source) {
  PasswordFile file;
  for (const TextLine& line : text_lines(text)) {
    auto [name, secret] = Parser(line, source).user();
    if (!file.users_.emplace(name, std::move(secret)).second)
      throw_line_error(source, line.number, "user '" + name + "' is there twice",
                       "remove one of the lines");
  }
  return file;
}

bool PasswordFile::accepts(std::string_view user, Bytes password) const {
  const auto at = users_.find(user);
  if (at != users_.end()) return at->second.accepts(password);
  if (!users_.empty()) static_cast<void>(users_.begin()->second.accepts(password));
  return false;
}

bool PasswordFile::Secret::accepts(Bytes password) const {
  Hash computed;
  const bool hashed = iterations > 0 ? pbkdf2(password, salt, iterations, computed)
                                     : sha512(password, salt, computed);
  return hashed && CRYPTO_memcmp(computed.data(), hash.data(), hash_bytes) == 0;
}

}  // namespace mqttlab
