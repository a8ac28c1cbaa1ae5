// Every exchange of both versions, on every kind of session, cut at every byte of each direction
// and resumed; some cut again at every byte of the resume. Nothing is lost that was promised, QoS 2
// arrives once, each call completes once, the oracle finds nothing. What was played is counted.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <map>

#include "tests/core/cut_story.h"

namespace mqttlab::testing {
namespace {

/// Stories played, by exchange and version; printed at the end of the program.
class Counts final : public ::testing::Environment {
 public:
  struct Row {
    std::uint64_t kinds = 0, bytes = 0, cut = 0, stalled = 0, cut_twice = 0;
  };
  static Row& row(const Exchange& exchange, const SessionKind& kind) {
    return rows()[{exchange.name, kind.version == ProtocolVersion::v5_0 ? "5.0" : "3.1.1"}];
  }
  void TearDown() override {
    if (rows().empty()) return;
    std::printf("%-20s %-7s %8s %8s %8s %8s %8s\n", "exchange", "version", "sessions", "bytes",
                "cut", "stalled", "twice");
    Row sum;
    for (const auto& [key, row] : rows()) {
      print(key.first, key.second, row);
      sum.kinds += row.kinds;
      sum.bytes += row.bytes;
      sum.cut += row.cut;
      sum.stalled += row.stalled;
      sum.cut_twice += row.cut_twice;
    }
    print("all", "", sum);
  }

 private:
  using Rows = std::map<std::pair<std::string, std::string>, Row>;
  static Rows& rows() {
    static Rows rows;
    return rows;
  }
  static void print(const std::string& exchange, const std::string& version, const Row& row) {
    std::printf("%-20s %-7s %8ju %8ju %8ju %8ju %8ju\n", exchange.c_str(), version.c_str(),
                std::uintmax_t{row.kinds}, std::uintmax_t{row.bytes}, std::uintmax_t{row.cut},
                std::uintmax_t{row.stalled}, std::uintmax_t{row.cut_twice});
  }
};
const auto* const counts = ::testing::AddGlobalTestEnvironment(new Counts);

/// Every how many bytes a link is cut: 1, unless CUT_STRIDE says otherwise.
std::uint64_t stride() {
  const char* text = std::getenv("CUT_STRIDE");
  return text ? std::max(1, std::atoi(text)) : 1;
}

/// Calls `what` for every fault in a stream of these lengths.
template <typename What>
void at_every_byte(Lengths lengths, std::uint64_t stride, What what) {
  for (const bool up : {true, false}) {
    const std::uint64_t length = up ? lengths.up : lengths.down;
    for (std::uint64_t at = 0; at <= length && !::testing::Test::HasFailure(); at += stride)
      what(Fault{up, at});
  }
}

class EveryByte : public ::testing::TestWithParam<CutCase> {
 protected:
  [[nodiscard]] Lengths play(const Fault& first, const Fault& second = {}) const {
    CutStory story(*GetParam().exchange, *GetParam().kind, first, second);
    story.play();
    return story.lengths(second.at == Wire::nowhere && first.at != Wire::nowhere ? 2 : 1);
  }
};

INSTANTIATE_TEST_SUITE_P(, EveryByte, ::testing::ValuesIn(cut_cases()),
                         [](const auto& info) { return info.param.name(); });

TEST_P(EveryByte, CutAndJudged) {
  const auto& [exchange, kind] = GetParam();
  const Lengths whole = play({});
  Counts::Row& row = Counts::row(*exchange, *kind);
  row.kinds += 1;
  row.bytes += whole.up + whole.down;
  at_every_byte(whole, stride(), [&](Fault fault) {
    SCOPED_TRACE(words(fault));
    const Lengths resumed = play(fault);
    row.cut += 1;
    if (exchange->cut_twice && kind->kept()) {
      at_every_byte(resumed, 2 * stride() + 1, [&](const Fault& second) {
        SCOPED_TRACE("then " + words(second));
        (void)play(fault, second);
        row.cut_twice += 1;
      });
    }
    fault.stall = true;
    SCOPED_TRACE(words(fault));
    (void)play(fault);
    row.stalled += 1;
  });
}

}  // namespace
}  // namespace mqttlab::testing
