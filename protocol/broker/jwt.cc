#include "protocol/broker/jwt.h"

#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>
#include <stdexcept>
#include <vector>

#include "protocol/session/octets.h"
#include "protocol/session/quiet_errors.h"
#include "protocol/wire/topic.h"

namespace mqttlab {
namespace {

using Json = nlohmann::json;

constexpr std::size_t hs256_bytes = 32, es256_bytes = 64;
constexpr int least_rsa_bits = 2'048;
constexpr Time most_s = 9'000'000'000;  // what 63 bits of nanoseconds can hold
constexpr Time most_leeway = 3'600 * second;

std::string_view name_of(JwtAlgorithm algorithm) {
  constexpr std::array<std::string_view, 4> names{"HS256", "RS256", "ES256", "EdDSA"};
  return names[static_cast<std::size_t>(algorithm)];
}

/// An object with each name once (RFC 7519, 4), of limited depth; discarded if it is none.
Json parse_object(std::string_view text) {
  bool good = true;
  std::set<std::string> names;
  const auto watch = [&](int depth, Json::parse_event_t event, Json& parsed) {
    good = good && depth <= JwtVerifier::most_depth;
    if (event == Json::parse_event_t::key && depth == 1)
      good = good && names.insert(parsed.get<std::string>()).second;
    return good;
  };
  Json object = Json::parse(text, watch, false);
  return good && object.is_object() ? object : Json(Json::value_t::discarded);
}

std::optional<Json> decode_object(std::string_view base64url) {
  const auto bytes = from_base64(base64url, Base64::url);
  if (!bytes) return std::nullopt;
  Json object = parse_object(text_of(*bytes));
  if (object.is_discarded()) return std::nullopt;
  return object;
}

const std::string* text_in(const Json& object, const char* name) {
  const auto at = object.find(name);
  return at == object.end() ? nullptr : at->get_ptr<const std::string*>();
}

/// A NumericDate (RFC 7519, 2) as Time of an origin at `unix_time`; far ones become `never`.
std::optional<Time> instant(const Json& value, Time unix_time) {
  if (!value.is_number()) return std::nullopt;
  const double seconds = value.get<double>();
  if (seconds >= static_cast<double>(most_s)) return never;
  if (seconds < 0) return -unix_time;
  // Whole seconds are exact in a double; their parts of a second are good to a microsecond.
  const double whole = std::floor(seconds);
  return static_cast<Time>(whole) * second +
         static_cast<Time>((seconds - whole) * static_cast<double>(second)) - unix_time;
}

bool names_audience(const Json& claims, const std::string& wanted) {
  const auto at = claims.find("aud");
  if (at == claims.end()) return false;
  if (!at->is_array()) return *at == wanted;
  return std::ranges::any_of(*at, [&](const Json& one) { return one == wanted; });
}

/// r and s, 32 bytes each (RFC 7518, 3.4), in the form that OpenSSL takes. Empty if they cannot be.
std::vector<std::uint8_t> der_of(Bytes signature) {
  if (signature.size() != es256_bytes) return {};
  const int half = es256_bytes / 2;
  const std::unique_ptr<ECDSA_SIG, decltype(&ECDSA_SIG_free)> sig(ECDSA_SIG_new(), ECDSA_SIG_free);
  ECDSA_SIG_set0(sig.get(), BN_bin2bn(signature.data(), half, nullptr),
                 BN_bin2bn(signature.data() + half, half, nullptr));
  unsigned char* out = nullptr;
  const int size = i2d_ECDSA_SIG(sig.get(), &out);
  const std::unique_ptr<unsigned char, void (*)(unsigned char*)> owner(
      out, [](unsigned char* memory) { OPENSSL_free(memory); });
  return size > 0 ? std::vector<std::uint8_t>(out, out + size) : std::vector<std::uint8_t>{};
}

EVP_PKEY* read_public_key(const std::string& pem) {
  const QuietErrors quiet;
  const std::unique_ptr<BIO, decltype(&BIO_free)> text(
      BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), BIO_free);
  return PEM_read_bio_PUBKEY(text.get(), nullptr, nullptr, nullptr);
}

bool fits(const EVP_PKEY* key, JwtAlgorithm algorithm) {
  switch (algorithm) {
    case JwtAlgorithm::hs256:
      return false;
    case JwtAlgorithm::rs256:
      return EVP_PKEY_is_a(key, "RSA") == 1 && EVP_PKEY_get_bits(key) >= least_rsa_bits;
    case JwtAlgorithm::es256: {
      std::array<char, 32> group{};
      return EVP_PKEY_is_a(key, "EC") == 1 &&
             EVP_PKEY_get_group_name(key, group.data(), group.size(), nullptr) == 1 &&
             std::string_view(group.data()) == "prime256v1";
    }
    case JwtAlgorithm::eddsa:
      return EVP_PKEY_is_a(key, "ED25519") == 1;
  }
  return false;
}

}  // namespace

JwtVerifier::JwtVerifier(JwtConfig config) : config_(std::move(config)) {
  if (config_.unix_time < 0 || config_.unix_time > most_s * second)
    throw std::invalid_argument("unix_time is not between 1970 and 2255");
  if (config_.leeway < 0 || config_.leeway > most_leeway)
    throw std::invalid_argument("leeway is not between 0 and an hour");
  const std::string name(name_of(config_.algorithm));
  if (config_.algorithm == JwtAlgorithm::hs256) {
    if (config_.key.size() < hs256_bytes)
      throw std::invalid_argument("the secret of HS256 has " + std::to_string(config_.key.size()) +
                                  " bytes; give it 32 or more (RFC 7518, 3.2)");
    return;
  }
  public_key_.reset(read_public_key(config_.key));
  if (!public_key_ || !fits(public_key_.get(), config_.algorithm))
    throw std::invalid_argument("the key of " + name +
                                " is no public key for it in PEM; write one "
                                "with `openssl pkey -in KEY -pubout`");
}

bool JwtVerifier::is_token(std::string_view text) {
  // A JSON object begins with {" which is eyJ in base64.
  return text.starts_with("eyJ") && std::ranges::count(text, '.') == 2;
}

JwtVerifier::Result JwtVerifier::verify(std::string_view token, Time now) const {
  if (token.size() > most_bytes) return {std::nullopt, "too long"};
  const std::size_t dot = token.find('.'), last = token.rfind('.');
  if (!is_token(token)) return {std::nullopt, "not a token"};
  const auto header = decode_object(token.substr(0, dot));
  if (!header) return {std::nullopt, "bad header"};
  const std::string* algorithm = text_in(*header, "alg");
  if (!algorithm || *algorithm != name_of(config_.algorithm)) return {std::nullopt, "wrong alg"};
  if (header->contains("crit")) return {std::nullopt, "unknown crit"};  // RFC 7515, 4.1.11
  const auto signature = from_base64(token.substr(last + 1), Base64::url);
  if (!signature || !signature_fits(token.substr(0, last), *signature))
    return {std::nullopt, "wrong signature"};
  return judge(token.substr(dot + 1, last - dot - 1), now);
}

bool JwtVerifier::signature_fits(std::string_view text, Bytes signature) const {
  const Bytes signed_bytes = bytes_of(text);
  if (config_.algorithm == JwtAlgorithm::hs256) {
    std::array<std::uint8_t, hs256_bytes> own;
    return signature.size() == own.size() &&
           HMAC(EVP_sha256(), config_.key.data(), static_cast<int>(config_.key.size()),
                signed_bytes.data(), signed_bytes.size(), own.data(), nullptr) != nullptr &&
           CRYPTO_memcmp(own.data(), signature.data(), own.size()) == 0;
  }
  const QuietErrors quiet;
  std::vector<std::uint8_t> der;
  if (config_.algorithm == JwtAlgorithm::es256) signature = der = der_of(signature);
  const EVP_MD* hash = config_.algorithm == JwtAlgorithm::eddsa ? nullptr : EVP_sha256();
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                        EVP_MD_CTX_free);
  return EVP_DigestVerifyInit(context.get(), nullptr, hash, nullptr, public_key_.get()) == 1 &&
         EVP_DigestVerify(context.get(), signature.data(), signature.size(), signed_bytes.data(),
                          signed_bytes.size()) == 1;
}

JwtVerifier::Result JwtVerifier::judge(std::string_view payload, Time now) const {
  const auto claims = decode_object(payload);
  if (!claims) return {std::nullopt, "bad payload"};
  const std::string* subject = text_in(*claims, "sub");
  if (!subject || subject->empty() || !valid_utf8(*subject)) return {std::nullopt, "bad sub"};
  if (!config_.issuer.empty()) {
    const std::string* issuer = text_in(*claims, "iss");
    if (!issuer || *issuer != config_.issuer) return {std::nullopt, "wrong iss"};
  }
  if (!config_.audience.empty() && !names_audience(*claims, config_.audience))
    return {std::nullopt, "wrong aud"};

  const auto ends = claims->find("exp");
  auto valid_until = ends == claims->end() ? std::nullopt : instant(*ends, config_.unix_time);
  if (!valid_until) return {std::nullopt, "bad exp"};
  if (*valid_until < never - config_.leeway) *valid_until += config_.leeway;
  if (now >= *valid_until) return {std::nullopt, "expired"};
  if (const auto starts = claims->find("nbf"); starts != claims->end()) {
    const auto valid_from = instant(*starts, config_.unix_time);
    if (!valid_from) return {std::nullopt, "bad nbf"};
    if (*valid_from - config_.leeway > now) return {std::nullopt, "too early"};
  }
  return {Claims{*subject, *valid_until}, {}};
}

}  // namespace mqttlab
