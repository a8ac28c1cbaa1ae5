// What a TLS link costs while it is idle.
#include <malloc.h>

#include "tests/support/tls_pair.h"

namespace mqttlab::testing {
namespace {

TEST(TlsMemory, AnIdleLinkIsSmall) {
  const TestCertificates made;
  const auto settings = made.mutual();
  const auto server = std::make_shared<TlsContext>(settings.first);
  const auto client = std::make_shared<TlsContext>(settings.second);
  constexpr std::size_t pairs = 200;
  std::vector<Talker> talkers(2 * pairs);
  std::vector<std::unique_ptr<TlsFilter>> ends;
  ends.reserve(2 * pairs);
  std::size_t before = 0;
  constexpr std::size_t warm = 20;  // until OpenSSL has made what it makes once
  for (std::size_t i = 0; i < 2 * pairs; i += 2) {
    if (i == 2 * warm) before = mallinfo2().uordblks;
    for (std::size_t k : {i, i + 1}) {
      const auto carry = [talker = &talkers[k]](const Introduction&, Time) { return talker; };
      ends.push_back(std::make_unique<TlsFilter>(k == i ? server : client, carry, 0));
    }
    Duplex(*ends[i], *ends[i + 1]).run();
    ASSERT_TRUE(ends[i]->is_established() && ends[i + 1]->is_established());
    ASSERT_EQ(ends[i]->buffer_bytes() + ends[i + 1]->buffer_bytes(), 0u);
  }
  const std::size_t after = mallinfo2().uordblks;
  if (after == 0) GTEST_SKIP() << "a sanitizer's memory is not counted";
  const std::size_t bytes = (after - before) / (pairs - warm);
  RecordProperty("idle_pair_bytes", static_cast<int>(bytes));
  std::cout << "an idle pair with X.509 at both ends: " << bytes << " bytes, of which filters 2 x "
            << sizeof(TlsFilter) << "\n";
  EXPECT_LT(bytes, 48u << 10);
}

}  // namespace
}  // namespace mqttlab::testing
