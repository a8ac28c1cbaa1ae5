// Tokens are made here, by OpenSSL, with each thing wrong once.
#include "protocol/broker/jwt.h"

#include <gtest/gtest.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <vector>

#include "protocol/broker/jwt_access.h"
#include "protocol/session/octets.h"

namespace mqttlab::test {
namespace {

constexpr Time epoch = 1'700'000'000 * second;
const std::string secret = "a secret of thirty-two bytes, no less";

std::string encoded(std::string_view text) { return to_base64(bytes_of(text), Base64::url); }

// A key pair that signs as RFC 7518 and RFC 8037 want it.
class Signer {
 public:
  explicit Signer(EVP_PKEY* key) : key_(key, EVP_PKEY_free) {}
  [[nodiscard]] std::string public_pem() const {
    const std::unique_ptr<BIO, decltype(&BIO_free)> out(BIO_new(BIO_s_mem()), BIO_free);
    PEM_write_bio_PUBKEY(out.get(), key_.get());
    char* data = nullptr;
    const long size = BIO_get_mem_data(out.get(), &data);
    return {data, static_cast<std::size_t>(size)};
  }
  [[nodiscard]] std::string sign(std::string_view text) const {
    const bool hashed = EVP_PKEY_is_a(key_.get(), "ED25519") == 0;
    EVP_MD_CTX* context = EVP_MD_CTX_new();
    EVP_DigestSignInit(context, nullptr, hashed ? EVP_sha256() : nullptr, nullptr, key_.get());
    std::vector<std::uint8_t> signature(512);
    std::size_t size = signature.size();
    EVP_DigestSign(context, signature.data(), &size, bytes_of(text).data(), text.size());
    EVP_MD_CTX_free(context);
    signature.resize(size);
    if (EVP_PKEY_is_a(key_.get(), "EC") == 1) signature = raw(signature);
    return to_base64(signature, Base64::url);
  }

 private:
  static std::vector<std::uint8_t> raw(const std::vector<std::uint8_t>& der) {
    const unsigned char* at = der.data();
    ECDSA_SIG* sig = d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size()));
    std::vector<std::uint8_t> out(64);
    BN_bn2binpad(ECDSA_SIG_get0_r(sig), out.data(), 32);
    BN_bn2binpad(ECDSA_SIG_get0_s(sig), out.data() + 32, 32);
    ECDSA_SIG_free(sig);
    return out;
  }
  std::shared_ptr<EVP_PKEY> key_;
};

const Signer& rsa() {
  static const Signer signer(EVP_RSA_gen(2048));
  return signer;
}
const Signer& ec() {
  static const Signer signer(EVP_EC_gen("P-256"));
  return signer;
}
const Signer& ed25519() {
  static const Signer signer(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  return signer;
}

std::string hmac(std::string_view text, const std::string& key = secret) {
  std::vector<std::uint8_t> out(32);
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), bytes_of(text).data(), text.size(),
       out.data(), nullptr);
  return to_base64(out, Base64::url);
}

constexpr std::string_view hs256 = R"({"alg":"HS256","typ":"JWT"})";
constexpr std::string_view good_claims =
    R"({"sub":"meter-7","exp":1700000060,"nbf":1699999990,"iss":"plant","aud":"mqtt"})";

std::string hs256_token(std::string_view claims, std::string_view header = hs256) {
  const std::string text = encoded(header) + "." + encoded(claims);
  return text + "." + hmac(text);
}

JwtConfig hs256_config() {
  JwtConfig config;
  config.key = secret;
  config.issuer = "plant";
  config.audience = "mqtt";
  config.unix_time = epoch;
  return config;
}

std::string fault(const std::string& token, Time now = 0) {
  static const JwtVerifier verifier(hs256_config());
  const auto [claims, why] = verifier.verify(token, now);
  EXPECT_EQ(claims.has_value(), why.empty());
  return std::string(why);
}

TEST(Jwt, AGoodTokenTellsWhoAndForHowLong) {
  const JwtVerifier verifier(hs256_config());
  const auto result = verifier.verify(hs256_token(good_claims), 5 * second);
  ASSERT_TRUE(result.claims) << result.fault;
  EXPECT_EQ(result.claims->subject, "meter-7");
  EXPECT_EQ(result.claims->valid_until, 60 * second);
}

// The example of RFC 7515, appendix A.1: a signature that was not made here.
TEST(Jwt, TheSignatureOfRfc7515IsRight) {
  JwtConfig config;
  config.key = mqttlab::text_of(*from_base64(
      "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow",
      Base64::url));
  const std::string token =
      "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9."
      "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVl"
      "fQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
  EXPECT_EQ(JwtVerifier(config).verify(token, 0).fault, "bad sub") << "its only fault for us";
  config.key[0] ^= 1;
  EXPECT_EQ(JwtVerifier(config).verify(token, 0).fault, "wrong signature");
}

TEST(Jwt, EachClaimWrongOnce) {
  const auto claims = [](std::string_view wrong, std::string_view instead) {
    std::string text(good_claims);
    return hs256_token(text.replace(text.find(wrong), wrong.size(), instead));
  };
  EXPECT_EQ(fault(claims("1700000060", "1700000000")), "expired");
  EXPECT_EQ(fault(claims("1700000060", "-1")), "expired");
  EXPECT_EQ(fault(claims("1700000060", "\"1700000060\"")), "bad exp");
  EXPECT_EQ(fault(claims("1700000060", "null")), "bad exp");
  EXPECT_EQ(fault(claims("\"exp\"", "\"ex\"")), "bad exp") << "a token for ever";
  EXPECT_EQ(fault(claims("1699999990", "1700000001")), "too early");
  EXPECT_EQ(fault(claims("1699999990", "1e300")), "too early");
  EXPECT_EQ(fault(claims("1699999990", "[]")), "bad nbf");
  EXPECT_EQ(fault(claims("\"nbf\"", "\"nb\"")), "");
  EXPECT_EQ(fault(claims("plant", "Plant")), "wrong iss");
  EXPECT_EQ(fault(claims("\"plant\"", "[\"plant\"]")), "wrong iss");
  EXPECT_EQ(fault(claims("\"iss\"", "\"is\"")), "wrong iss");
  EXPECT_EQ(fault(claims("mqtt", "mqt")), "wrong aud");
  EXPECT_EQ(fault(claims("\"aud\"", "\"au\"")), "wrong aud");
  EXPECT_EQ(fault(claims("\"mqtt\"", "[\"web\",\"mqtt\"]")), "");
  EXPECT_EQ(fault(claims("\"mqtt\"", "[\"web\"]")), "wrong aud");
  EXPECT_EQ(fault(claims("\"mqtt\"", "{\"mqtt\":1}")), "wrong aud");
  EXPECT_EQ(fault(claims("\"sub\"", "\"su\"")), "bad sub");
  EXPECT_EQ(fault(claims("meter-7", "")), "bad sub");
  EXPECT_EQ(fault(claims("\"meter-7\"", "7")), "bad sub");
  EXPECT_EQ(fault(claims("meter-7", "a\\u0000b")), "bad sub");
  EXPECT_EQ(fault(claims("meter-7", "a\xff")), "bad payload");
  EXPECT_EQ(fault(claims("{", "{\"sub\":\"admin\",")), "bad payload") << "a claim twice";
  EXPECT_EQ(fault(claims("{", "[")), "bad payload");
  EXPECT_EQ(fault(claims("}", "},{}")), "bad payload");
  EXPECT_EQ(fault(claims("1700000060", "1e999")), "bad payload");
  const auto nested = [](int depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  EXPECT_EQ(fault(claims("{", "{\"x\":" + nested(7) + ",")), "");
  EXPECT_EQ(fault(claims("{", "{\"x\":" + nested(9) + ",")), "bad payload");
  EXPECT_EQ(fault(claims("{", "{\"x\":" + nested(2'500) + ",")), "bad payload");
  EXPECT_EQ(fault(claims("{", "{\"x\":" + nested(4'000) + ",")), "too long");
}

TEST(Jwt, EachPartWrongOnce) {
  const std::string good = hs256_token(good_claims);
  EXPECT_EQ(fault(good), "");
  EXPECT_EQ(fault(""), "not a token");
  EXPECT_EQ(fault("password"), "not a token");
  EXPECT_EQ(fault(good + ".x"), "not a token");
  EXPECT_EQ(fault(good.substr(0, good.rfind('.'))), "not a token");
  EXPECT_EQ(fault(good.substr(0, good.rfind('.') + 1)), "wrong signature");
  EXPECT_EQ(fault("eyJ" + good), "bad header");
  EXPECT_EQ(fault(good + "="), "wrong signature");
  for (std::size_t at = 3; at < good.size(); ++at) {
    std::string changed = good;
    changed[at] = changed[at] == 'A' ? 'B' : 'A';
    EXPECT_NE(fault(changed), "") << changed;
  }
}

// The algorithm is the configuration's; none of these may be taken from the token (RFC 8725, 3.1).
TEST(Jwt, TheTokenDoesNotChooseItsAlgorithm) {
  for (const char* alg : {"none", "None", "HS512", "hs256", "RS256", ""}) {
    const std::string header = R"({"alg":")" + std::string(alg) + R"("})";
    EXPECT_EQ(fault(hs256_token(good_claims, header)), "wrong alg") << alg;
    const std::string unsigned_token = encoded(header) + "." + encoded(good_claims) + ".";
    EXPECT_EQ(fault(unsigned_token), "wrong alg") << alg;
  }
  EXPECT_EQ(fault(hs256_token(good_claims, R"({"typ":"JWT"})")), "wrong alg");
  EXPECT_EQ(fault(hs256_token(good_claims, R"({"alg":["HS256"]})")), "wrong alg");
  EXPECT_EQ(fault(hs256_token(good_claims, R"({"alg":"none","alg":"HS256"})")), "bad header");
  EXPECT_EQ(fault(hs256_token(good_claims, R"({"alg":"HS256","crit":["b64"],"b64":false})")),
            "unknown crit");

  // A public key is no secret: who signs with it as one is refused.
  JwtConfig config = hs256_config();
  config.algorithm = JwtAlgorithm::rs256;
  config.key = rsa().public_pem();
  const std::string text = encoded(hs256) + "." + encoded(good_claims);
  EXPECT_EQ(JwtVerifier(config).verify(text + "." + hmac(text, config.key), 0).fault, "wrong alg");
  const std::string lie = encoded(R"({"alg":"RS256"})") + "." + encoded(good_claims);
  EXPECT_EQ(JwtVerifier(config).verify(lie + "." + hmac(lie, config.key), 0).fault,
            "wrong signature");
}

TEST(Jwt, PublicKeyAlgorithms) {
  struct Case {
    JwtAlgorithm algorithm;
    std::string header;
    const Signer& signer;
  };
  const Case cases[] = {{JwtAlgorithm::rs256, R"({"alg":"RS256"})", rsa()},
                        {JwtAlgorithm::es256, R"({"alg":"ES256"})", ec()},
                        {JwtAlgorithm::eddsa, R"({"alg":"EdDSA"})", ed25519()}};
  for (const Case& each : cases) {
    JwtConfig config = hs256_config();
    config.algorithm = each.algorithm;
    config.key = each.signer.public_pem();
    const JwtVerifier verifier(config);
    const std::string text = encoded(each.header) + "." + encoded(good_claims);
    const std::string signature = each.signer.sign(text);
    EXPECT_EQ(verifier.verify(text + "." + signature, 0).fault, "") << each.header;
    const auto refused = [&](const std::string& instead) {
      EXPECT_EQ(verifier.verify(text + "." + instead, 0).fault, "wrong signature") << instead;
    };
    for (std::size_t at = 0; at < signature.size(); at += 7) {
      std::string changed = signature;
      changed[at] = changed[at] == 'A' ? 'B' : 'A';
      refused(changed);
    }
    refused("");
    refused(signature.substr(4));
    refused(encoded(std::string(64, '\0')));
    refused(each.signer.sign(text + "x"));
    for (const Case& other : cases) {
      if (other.algorithm != each.algorithm) refused(other.signer.sign(text));
      config.key = other.signer.public_pem();
      if (other.algorithm == each.algorithm) continue;
      EXPECT_THROW(JwtVerifier{config}, std::invalid_argument) << other.header;
    }
  }
  EXPECT_EQ(ERR_peek_error(), 0u) << "what failed is no concern of TLS";
}

TEST(Jwt, KeysThatAreTooWeakOrNoneAreRefused) {
  JwtConfig config;
  config.key = std::string(31, 'x');
  EXPECT_THROW(JwtVerifier{config}, std::invalid_argument);
  config.algorithm = JwtAlgorithm::rs256;
  for (const std::string& key : {std::string(), secret, Signer(EVP_RSA_gen(1024)).public_pem(),
                                 rsa().public_pem().substr(9)}) {
    config.key = key;
    EXPECT_THROW(JwtVerifier{config}, std::invalid_argument) << key;
  }
  config.algorithm = JwtAlgorithm::es256;
  config.key = Signer(EVP_EC_gen("P-384")).public_pem();
  EXPECT_THROW(JwtVerifier{config}, std::invalid_argument);
  for (const auto& [unix_time, leeway] :
       {std::pair<Time, Time>{-1, 0}, {never, 0}, {0, -1}, {0, 3'601 * second}}) {
    JwtConfig times = hs256_config();
    times.unix_time = unix_time;
    times.leeway = leeway;
    EXPECT_THROW(JwtVerifier{times}, std::invalid_argument);
  }
}

TEST(Jwt, InstantsAreExactAndLeewayIsForBoth) {
  EXPECT_EQ(fault(hs256_token(good_claims), 60 * second - 1), "");
  EXPECT_EQ(fault(hs256_token(good_claims), 60 * second), "expired");
  EXPECT_EQ(fault(hs256_token(good_claims), -10 * second), "");
  EXPECT_EQ(fault(hs256_token(good_claims), -10 * second - 1), "too early");
  JwtConfig config = hs256_config();
  config.leeway = 5 * second;
  const JwtVerifier lenient(config);
  EXPECT_EQ(lenient.verify(hs256_token(good_claims), 0).claims->valid_until, 65 * second);
  EXPECT_EQ(lenient.verify(hs256_token(good_claims), 65 * second).fault, "expired");
  EXPECT_EQ(lenient.verify(hs256_token(good_claims), -15 * second).fault, "");
  EXPECT_EQ(lenient.verify(hs256_token(good_claims), -15 * second - 1).fault, "too early");

  const auto until = [&](const std::string& exp) {
    const std::string claims = R"({"sub":"a","iss":"plant","aud":"mqtt","exp":)" + exp + "}";
    const auto result = lenient.verify(hs256_token(claims), 0);
    return result.claims ? result.claims->valid_until : -1;
  };
  EXPECT_EQ(until("1700000001.5"), 6'500 * millisecond);
  EXPECT_EQ(until("18446744073709551615"), never);
  EXPECT_EQ(until("9e9"), never);
  EXPECT_EQ(until("1e300"), never);
}

AccessRequest with_token(const std::string& token) {
  AccessRequest request;
  request.has_password = true;
  request.password = bytes_of(token);
  return request;
}

TEST(JwtAccess, TheSubjectIsTheIdentityAndTheConnectionEndsWithTheToken) {
  JwtAccess access(hs256_config());
  const std::string good = hs256_token(good_claims);
  const Decision granted = access.ask(with_token(good));
  EXPECT_EQ(granted.verdict, Verdict::granted);
  EXPECT_EQ(granted.user_name, "meter-7");
  EXPECT_EQ(granted.valid_until, 60 * second);
  AccessRequest late = with_token(good);
  late.now = 60 * second;
  const Decision denied = access.ask(late);
  EXPECT_EQ(denied.verdict, Verdict::denied);
  EXPECT_EQ(denied.reason, ReasonCode::bad_user_name_or_password);
}

TEST(JwtAccess, WhatTheUserNameMayBe) {
  const std::string good = hs256_token(good_claims);
  const auto verdict = [&](JwtUserName rule, std::optional<std::string_view> user_name) {
    AccessRequest request = with_token(good);
    request.has_user_name = user_name.has_value();
    request.user_name = user_name.value_or("");
    return JwtAccess(hs256_config(), rule).ask(request).verdict == Verdict::granted;
  };
  for (const auto rule : {JwtUserName::any, JwtUserName::optional, JwtUserName::same_as_sub}) {
    EXPECT_TRUE(verdict(rule, "meter-7"));
    EXPECT_EQ(verdict(rule, "admin"), rule == JwtUserName::any);
    EXPECT_EQ(verdict(rule, ""), rule != JwtUserName::same_as_sub);
    EXPECT_EQ(verdict(rule, std::nullopt), rule != JwtUserName::same_as_sub);
  }
}

TEST(JwtAccess, KnowsOnlyConnectsWithATokenAndWithoutAMethod) {
  const JwtAccess access(hs256_config());
  const std::string token = hs256_token(good_claims), plain = "wonder land";
  EXPECT_TRUE(access.knows(with_token(token)));
  EXPECT_FALSE(access.knows(with_token(plain)));
  EXPECT_FALSE(access.knows({}));
  AccessRequest publish = with_token(token), method = with_token(token);
  publish.kind = AccessRequest::Kind::publish;
  method.method = "SCRAM-SHA-256";
  EXPECT_FALSE(access.knows(publish));
  EXPECT_FALSE(access.knows(method));
}

}  // namespace
}  // namespace mqttlab::test
