#include "protocol/link/link.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <set>

namespace mqttlab {
namespace {

template <typename Call>
std::string complaint(const Call& call) {
  try {
    call();
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "(none)";
}

void expect_in(const std::string& message, std::initializer_list<std::string_view> parts) {
  for (const auto part : parts)
    EXPECT_NE(message.find(part), std::string::npos) << part << " is not in: " << message;
}

TEST(LinkSpec, NamesFieldValueAndRange) {
  struct Case {
    void (*spoil)(LinkSpec&);
    std::string_view field;
  };
  const Case cases[] = {
      {[](LinkSpec& link) { link.up.rate_bps = -1; }, "up.rate_bps"},
      {[](LinkSpec& link) { link.up.rate_bps = 0.5; }, "up.rate_bps"},
      {[](LinkSpec& link) { link.down.delay = -1; }, "down.delay"},
      {[](LinkSpec& link) { link.down.jitter = -1; }, "down.jitter"},
      {[](LinkSpec& link) { link.up.queue_packets = 0; }, "up.queue_packets"},
      {[](LinkSpec& link) { link.up.loss = 1.01; }, "up.loss"},
      {[](LinkSpec& link) { link.up.loss = std::nan(""); }, "up.loss"},
      {[](LinkSpec& link) {
         link.up.burst = GilbertElliott{-0.1, 1, 0, 1};
       },
       "good_to_bad"},
      {[](LinkSpec& link) {
         link.up.burst = GilbertElliott{0, 2, 0, 1};
       },
       "bad_to_good"},
      {[](LinkSpec& link) {
         link.up.burst = GilbertElliott{0, 1, 2, 1};
       },
       "loss_good"},
      {[](LinkSpec& link) {
         link.up.burst = GilbertElliott{0, 1, 0, 2};
       },
       "loss_bad"},
      {[](LinkSpec& link) {
         link.cycle = Cycle{0, 1, 0};
       },
       "cycle.up"},
      {[](LinkSpec& link) {
         link.cycle = Cycle{1, 0, 0};
       },
       "cycle.down"},
      {[](LinkSpec& link) {
         link.cycle = Cycle{1, 1, 1.5};
       },
       "cycle.spread"},
      {[](LinkSpec& link) { link.up.reorder = 2; }, "up.reorder"},
      {[](LinkSpec& link) { link.down.reorder_by = -1; }, "down.reorder_by"},
      {[](LinkSpec& link) { link.up.duplicate = -1; }, "up.duplicate"},
      {[](LinkSpec& link) { link.up.corrupt = std::nan(""); }, "up.corrupt"},
      {[](LinkSpec& link) { link.nat = Nat{.idle = 0}; }, "nat.idle"},
  };
  for (const auto& [spoil, field] : cases) {
    LinkSpec link;
    link.name = "wire";
    EXPECT_NO_THROW(link.check());
    spoil(link);
    expect_in(complaint([&] { link.check(); }), {"'wire'", field, "must be"});
  }
}

TEST(CapacityTrace, ReadsTimesAndItsLength) {
  const auto trace = CapacityTrace::parse("t", "0\n5\r\n5\n\n 12\n");
  EXPECT_EQ(trace->opportunities,
            (std::vector<Time>{0, 5 * millisecond, 5 * millisecond, 12 * millisecond}));
  EXPECT_EQ(trace->length, 12 * millisecond);
}

TEST(CapacityTrace, NamesTheBadLine) {
  const auto message = [](std::string_view text) {
    return complaint([&] { (void)CapacityTrace::parse("trace.up", text); });
  };
  expect_in(message("1\n2\nthree\n4\n"), {"'trace.up'", "line 3", "'three'", "time in ms"});
  expect_in(message("1\n-2\n"), {"line 2", "'-2'"});
  expect_in(message("1 2\n"), {"line 1", "'1 2'"});
  expect_in(message("1\n1.5\n"), {"line 2", "'1.5'"});
  expect_in(message("5\n4\n"), {"line 2", "earlier"});
  expect_in(message("99999999999999999999\n"), {"line 1"});
  expect_in(message("1\n" + std::string(5'000, 'x')), {"line 2", "..."});
  EXPECT_LT(message("1\n" + std::string(5'000, 'x')).size(), 300U);
  expect_in(message(""), {"no lines"});
  expect_in(message("0\n0\n"), {"0 ms"});
}

TEST(LinkProfiles, AreValidNamedOnceAndCited) {
  std::set<std::string> names;
  for (const auto& profile : link_profiles()) {
    EXPECT_NO_THROW(profile.spec.check());
    EXPECT_TRUE(names.insert(profile.spec.name).second) << profile.spec.name;
    EXPECT_GT(profile.source.size(), 40U) << profile.spec.name;
  }
  EXPECT_EQ(names, (std::set<std::string>{"gprs", "edge", "umts", "lte", "nb-iot", "lte-m",
                                          "geo-satellite", "6lowpan", "wifi", "ethernet"}));
}

}  // namespace
}  // namespace mqttlab
