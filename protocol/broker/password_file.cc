#include "protocol/broker/password_file.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <algorithm>
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
constexpr std::string_view scheme_scram = "scram-sha-256";
constexpr std::string_view remedy = "write the line with mqttlab-passwd or mosquitto_passwd";

using Sha512 = std::array<std::uint8_t, hash_bytes>;

bool pbkdf2(Bytes password, Bytes salt, int iterations, Sha512& out) {
  return PKCS5_PBKDF2_HMAC(reinterpret_cast<const char*>(password.data()),
                           static_cast<int>(password.size()), salt.data(),
                           static_cast<int>(salt.size()), iterations, EVP_sha512(),
                           static_cast<int>(out.size()), out.data()) == 1;
}

bool sha512(Bytes password, Bytes salt, Sha512& out) {
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
    if (!rest_.starts_with('$')) fail("the password" + where_ + " is not hashed");
    rest_.remove_prefix(1);
    const std::string_view scheme = field();
    Secret secret;
    if (scheme == scheme_scram) {
      secret = scram();
    } else if (scheme == "6" || scheme == "7") {
      secret = hash(scheme == "7");
    } else {
      fail("the hash" + where_ + " has the unknown scheme '$" + std::string(scheme) + "$'");
    }
    if (!rest_.empty()) fail("there is something behind the hash" + where_);
    return secret;
  }

  Hash hash(bool iterated) {
    Hash hash;
    if (iterated) hash.iterations = iterations(1, most_iterations);
    hash.salt = base64("salt");
    hash.hash = base64("hash");
    require_size("hash", hash.hash.size(), hash_bytes, "SHA-512");
    return hash;
  }

  ScramCredentials scram() {
    ScramCredentials credentials;
    credentials.iterations = iterations(least_scram_iterations, most_scram_iterations);
    credentials.salt = base64("salt");
    credentials.stored_key = key("stored key");
    credentials.server_key = key("server key");
    return credentials;
  }

  std::string_view field() {
    const std::size_t end = rest_.find('$');
    const std::string_view text = rest_.substr(0, end);
    rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 1);
    return text;
  }

  int iterations(int least, int most) {
    const std::string_view text = field();
    int value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || value < least || value > most)
      fail("the iterations" + where_ + " are '" + std::string(text) + "', not a number from " +
           std::to_string(least) + " to " + std::to_string(most));
    return value;
  }

  std::vector<std::uint8_t> base64(std::string_view what) {
    auto bytes = from_base64(field());
    if (!bytes || bytes->empty()) fail("the " + std::string(what) + where_ + " is not base64");
    return *std::move(bytes);
  }

  ScramKey key(std::string_view what) {
    ScramKey key;
    const auto bytes = base64(what);
    require_size(what, bytes.size(), key.size(), "SHA-256");
    std::ranges::copy(bytes, key.begin());
    return key;
  }

  void require_size(std::string_view what, std::size_t size, std::size_t expected,
                    std::string_view function) const {
    if (size != expected)
      fail("the " + std::string(what) + where_ + " has " + std::to_string(size) + " bytes, " +
           std::string(function) + " has " + std::to_string(expected));
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
    const auto* credentials = std::get_if<ScramCredentials>(&secret);
    if (credentials && file.pattern_.salt.empty()) file.pattern_ = *credentials;
    if (!file.users_.emplace(name, std::move(secret)).second)
      throw_line_error(source, line.number, "user '" + name + "' is there twice",
                       "remove one of the lines");
  }
  return file;
}

bool PasswordFile::accepts(std::string_view user, Bytes password) const {
  const auto at = users_.find(user);
  const auto fits = [password](const Secret& secret) {
    const auto* hash = std::get_if<Hash>(&secret);
    if (hash) return hash->accepts(password);
    const auto& own = std::get<ScramCredentials>(secret);
    const auto given = ScramCredentials::derive(text_of(password), own.salt, own.iterations);
    return same_key(given.stored_key, own.stored_key);
  };
  if (at != users_.end()) return fits(at->second);
  if (!users_.empty()) static_cast<void>(fits(users_.begin()->second));
  return false;
}

ScramCredentials PasswordFile::scram(std::string_view user, Bytes secret) const {
  // Made for known users too, so that they take no less time.
  ScramCredentials invented = pattern_;
  if (invented.salt.empty()) invented.salt.resize(16);
  ScramKey block = scram_hmac(secret, user);
  for (std::size_t i = 0; i < invented.salt.size(); ++i) {
    if (i > 0 && i % block.size() == 0) block = scram_hmac(secret, text_of(block));
    invented.salt[i] = block[i % block.size()];
  }
  invented.stored_key = scram_hmac(secret, text_of(block));  // a hash of no key that anybody knows
  invented.server_key = scram_hmac(secret, text_of(invented.stored_key));
  const auto at = users_.find(user);
  const auto* own = at == users_.end() ? nullptr : std::get_if<ScramCredentials>(&at->second);
  return own ? *own : invented;
}

bool PasswordFile::Hash::accepts(Bytes password) const {
  Sha512 computed;
  const bool hashed = iterations > 0 ? pbkdf2(password, salt, iterations, computed)
                                     : sha512(password, salt, computed);
  return hashed && CRYPTO_memcmp(computed.data(), hash.data(), hash_bytes) == 0;
}

namespace {

// A blank or a '#' before the name, or a ':' in it, would make it another user's line, or none.
std::string checked_line(std::string line, std::string_view user) {
  const auto lines = text_lines(line);
  if (lines.size() != 1 || lines.front().text != line || user.find(':') != std::string_view::npos)
    throw std::invalid_argument("a password file cannot have the user '" + std::string(user) + "'");
  static_cast<void>(PasswordFile::parse(line, "the new line"));
  return line;
}

}  // namespace

std::string password_line(std::string_view user, Bytes password, Bytes salt, int iterations) {
  Sha512 hash;
  if (!pbkdf2(password, salt, iterations, hash))
    throw std::invalid_argument("PBKDF2 with " + std::to_string(iterations) + " iterations failed");
  return checked_line(std::string(user) + ":$7$" + std::to_string(iterations) + '$' +
                          to_base64(salt) + '$' + to_base64(hash),
                      user);
}

std::string scram_line(std::string_view user, const ScramCredentials& credentials) {
  return checked_line(std::string(user) + ":$" + std::string(scheme_scram) + '$' +
                          std::to_string(credentials.iterations) + '$' +
                          to_base64(credentials.salt) + '$' + to_base64(credentials.stored_key) +
                          '$' + to_base64(credentials.server_key),
                      user);
}

}  // namespace mqttlab
