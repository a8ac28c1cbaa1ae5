// TLS of simulated links: the same bytes for the same seed, and as many for another.
#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "protocol/session/random.h"
#include "tests/support/tls_pair.h"

namespace mqttlab::testing {
namespace {

struct Streams {
  std::string server, client;
  friend bool operator==(const Streams&, const Streams&) = default;
};

/// A few connections in one world, one after the other; each end speaks.
Streams run_world(std::uint64_t seed, KeyKind kind = KeyKind::ed25519,
                  TlsVersion version = TlsVersion::v1_3) {
  const TestCertificates made(seed, kind);
  auto both = made.mutual();
  both.first.oldest = both.first.newest = version;
  Streams all;
  for (int i = 0; i < 3; ++i) {
    TlsPair pair(both, i * second);
    pair.client_talker.to_say = std::string(40'000, 'x');
    pair.server_talker.to_say = "something";
    pair.client_talker.finish_when_said = true;
    pair.wire.run();
    EXPECT_TRUE(pair.wire.over());
    all.server += pair.wire.end(0).written;
    all.client += pair.wire.end(1).written;
  }
  return all;
}

std::uint64_t digest_of(const Streams& streams) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : streams.server + streams.client)
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return hash;
}

TEST(TlsDeterminism, OneSeedGivesOneStreamWhateverElseTheProcessDoes) {
  for (const TlsVersion version : {TlsVersion::v1_2, TlsVersion::v1_3}) {
    const Streams first = run_world(7, KeyKind::ed25519, version);
    (void)run_world(8);
    unsigned char drawn = 0;
    RAND_bytes(&drawn, 1);
    const std::vector<char> elsewhere(drawn * 1'000);  // other addresses
    EXPECT_TRUE(run_world(7, KeyKind::ed25519, version) == first);
  }
}

TEST(TlsDeterminism, AnotherSeedGivesOtherBytesOfTheSameLengths) {
  for (const TlsVersion version : {TlsVersion::v1_2, TlsVersion::v1_3}) {
    const Streams seven = run_world(7, KeyKind::ed25519, version);
    for (std::uint64_t seed = 8; seed < 20; ++seed) {
      const Streams other = run_world(seed, KeyKind::ed25519, version);
      EXPECT_NE(other.server, seven.server);
      EXPECT_NE(other.client, seven.client);
      EXPECT_EQ(other.server.size(), seven.server.size()) << seed;
      EXPECT_EQ(other.client.size(), seven.client.size()) << seed;
    }
  }
}

// Each process, build and machine with the same OpenSSL: what no run in this process can show. What
// TLS is set to do, and what run_world does, is in this number too.
TEST(TlsDeterminism, OneSeedGivesOneStreamInEveryProcess) {
  if (OpenSSL_version_num() >> 20 != 0x300) GTEST_SKIP() << "the digest is OpenSSL 3.0's";
  EXPECT_EQ(digest_of(run_world(7)), 16'121'905'854'374'521'464u);
}

TEST(TlsDeterminism, LeavesTheProcessItsEntropy) {
  const auto draw = [] {
    std::array<unsigned char, 16> drawn{};
    EXPECT_EQ(RAND_bytes(drawn.data(), drawn.size()), 1);
    return drawn;
  };
  const SeededCrypto one(1);
  const auto before = draw();
  const SeededCrypto same(1);
  EXPECT_NE(draw(), before);
  // And without a seed two handshakes differ.
  const auto stream = [] {
    const TestCertificates made(7);
    auto settings = made.client_settings();
    settings.crypto = nullptr;
    TlsPair pair(made.server_settings(), settings);
    pair.wire.run();
    EXPECT_TRUE(pair.client.is_established());
    return pair.wire.end(1).written;
  };
  EXPECT_NE(stream(), stream());
}

}  // namespace
}  // namespace mqttlab::testing
