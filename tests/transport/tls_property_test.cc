// What holds whatever two TLS ends, what they carry and what lies between them do.
#include "protocol/session/random.h"
#include "tests/support/tls_pair.h"

namespace mqttlab::testing {
namespace {

class Game {
 public:
  explicit Game(std::uint64_t seed)
      : random_(seed, "game"),
        pair_(settings(random_)),
        talkers_{&pair_.server_talker, &pair_.client_talker} {}

  void play() {
    for (int step = 0; step < 60 && !pair_.wire.over(); ++step) {
      move();
      pair_.wire.wake();
      judge();
    }
    for (Talker* talker : talkers_) {
      talker->room_bytes = 1'000;
      talker->finish_when_said = true;
    }
    pair_.wire.wake();
    pair_.wire.run(pair_.wire.now + 3'600 * second);
    judge();
    // A length that has been changed may announce bytes that never come.
    if (changed_) pair_.wire.end_all(CloseCause::timeout);
    EXPECT_TRUE(pair_.wire.over());
    for (Talker* talker : talkers_) EXPECT_EQ(talker->ends.size(), met(talker));
    EXPECT_EQ(pair_.server.buffer_bytes() + pair_.client.buffer_bytes(), 0u);
    if (!cut_ && !changed_) {
      EXPECT_EQ(pair_.server.failure() + pair_.client.failure(), "");
    }
  }

 private:
  static std::pair<TlsSettings, TlsSettings> settings(Random& random) {
    static const TestCertificates made;
    auto both = made.mutual();
    if (random.below(2)) both.first.newest = TlsVersion::v1_2;
    if (random.below(4) == 0) both.second.certificate_pem = both.second.key_pem = "";
    if (both.second.key_pem.empty()) both.first.client_certificate = ClientCertificate::optional;
    return both;
  }
  std::size_t met(const Talker* talker) const {
    return talker == &pair_.server_talker ? pair_.server_meets.size() : pair_.client_meets.size();
  }
  std::size_t size() { return random_.below(3) ? 1 + random_.below(300) : random_.below(40'000); }

  void move() {
    Talker& talker = *talkers_[random_.below(2)];
    switch (random_.below(9)) {
      case 0:
        talker.to_say += std::string(size(), static_cast<char>('a' + random_.below(26)));
        break;
      case 1:
        talker.room_bytes = random_.below(2) ? 0 : size();
        break;
      case 2:
        talker.piece_bytes = 1 + size();
        talker.most_pieces = 1 + random_.below(80);
        break;
      case 3:
        pair_.wire.segment = 1 + size();
        break;
      case 4:
        pair_.wire.buffer = 1 + size();
        break;
      case 5:
        pair_.wire.now += random_.below(3 * second);
        break;
      case 6:
        if (random_.below(12) == 0) talker.finish_when_said = true;
        break;
      case 7:
        if (random_.below(12) == 0) cut();
        break;
      case 8:
        if (random_.below(12) == 0) change_a_byte();
        break;
    }
  }
  void cut() {
    const CloseCause causes[]{CloseCause::fin, CloseCause::reset, CloseCause::timeout};
    pair_.wire.end_all(causes[random_.below(3)]);
    cut_ = true;
  }
  void change_a_byte() {
    auto& arriving = pair_.wire.end(static_cast<int>(random_.below(2))).arriving;
    if (arriving.empty()) return;
    arriving[random_.below(arriving.size())] ^= 1u << random_.below(8);
    changed_ = true;
  }

  void judge() {
    EXPECT_TRUE(pair_.client_talker.to_say.starts_with(pair_.server_talker.heard));
    EXPECT_TRUE(pair_.server_talker.to_say.starts_with(pair_.client_talker.heard));
    for (const TlsFilter* end : {&pair_.server, &pair_.client})
      EXPECT_LE(end->buffer_bytes(), 16u * 1024 + 2 * 36 * 1024);
    for (Talker* talker : talkers_) EXPECT_LE(talker->ends.size(), met(talker));
  }

  Random random_;
  TlsPair pair_;
  std::array<Talker*, 2> talkers_;
  bool cut_ = false, changed_ = false;
};

TEST(TlsProperty, HoldsForAnySequenceOfEvents) {
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Game(seed).play();
    if (::testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace mqttlab::testing
