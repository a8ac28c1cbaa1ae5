// Faults and quantities as a command line says them, and what is said of bad ones.
#include "protocol/link/fault_text.h"

#include <gtest/gtest.h>

#include <functional>
#include <stdexcept>

#include "protocol/link/quantity.h"

namespace mqttlab {
namespace {

using Kind = Trigger::Kind;

std::string complaint(const std::function<void()>& call) {
  try {
    call();
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "(none)";
}

TEST(FaultText, Cuts) {
  const Fault before = parse_fault(Fault::Kind::cut, "down:before=PUBREC#3", "--cut");
  EXPECT_EQ(before.kind, Fault::Kind::cut);
  EXPECT_EQ(before.when.kind, Kind::before);
  EXPECT_EQ(before.when.way, Way::down);
  EXPECT_EQ(before.when.packet, PacketType::pubrec);
  EXPECT_EQ(before.when.count, 3U);
  EXPECT_EQ(before.how, Cut::reset);
  const Fault inside =
      parse_fault(Fault::Kind::cut, "up:inside=PUBLISH#2@17,how=half-open,connection=4", "--cut");
  EXPECT_EQ(inside.when.kind, Kind::inside);
  EXPECT_EQ(inside.when.count, 2U);
  EXPECT_EQ(inside.when.bytes, 17U);
  EXPECT_EQ(inside.when.connection, 4U);
  EXPECT_EQ(inside.how, Cut::half_open);
  EXPECT_EQ(parse_fault(Fault::Kind::cut, "up:inside=CONNECT@2", "--cut").when.count, 1U);
  const Fault bytes = parse_fault(Fault::Kind::cut, "up:after-bytes=100,each,how=fin", "--cut");
  EXPECT_EQ(bytes.when.kind, Kind::bytes);
  EXPECT_EQ(bytes.when.bytes, 100U);
  EXPECT_TRUE(bytes.when.each);
  EXPECT_EQ(parse_fault(Fault::Kind::cut, "at=1.5s", "--cut").when.at, 1'500 * millisecond);
}

TEST(FaultText, BlackholesAndTimesDown) {
  const Fault up = parse_fault(Fault::Kind::blackhole, "up:at=5s,for=10s", "--blackhole");
  EXPECT_TRUE(up.up && !up.down);
  EXPECT_EQ(up.lasts, 10 * second);
  const Fault both = parse_fault(Fault::Kind::blackhole, "both:at=1min", "--blackhole");
  EXPECT_TRUE(both.up && both.down);
  EXPECT_EQ(both.lasts, never);
  const Fault packet =
      parse_fault(Fault::Kind::blackhole, "down:after=CONNACK,both,for=1", "--blackhole");
  EXPECT_TRUE(packet.up && packet.down);
  EXPECT_EQ(packet.when.way, Way::down);
  const Fault down = parse_fault(Fault::Kind::down, "up:after=CONNECT#1,for=200ms", "--down");
  EXPECT_EQ(down.kind, Fault::Kind::down);
  EXPECT_EQ(down.lasts, 200 * millisecond);
}

TEST(FaultText, NamesValuePlaceAndRemedy) {
  const auto bad = [](Fault::Kind kind, const std::string& text) {
    return complaint([&] { (void)parse_fault(kind, text, "--option"); });
  };
  struct Case {
    Fault::Kind kind;
    std::string text, says;
  };
  const auto cut = Fault::Kind::cut, blackhole = Fault::Kind::blackhole, down = Fault::Kind::down;
  for (const auto& [kind, text, says] : {
           Case{cut, "", "known are at"},
           Case{cut, "sideways:at=5s", "write up:"},
           Case{cut, "both:at=5s", "write up:"},
           Case{cut, "before=PUBREC#3", "Write up:"},
           Case{cut, "down:before=PUBRECK#3", "no control packet"},
           Case{cut, "down:before=PUBREC#0", "from 1 on"},
           Case{cut, "down:before=PUBREC#x", "whole number"},
           Case{cut, "up:inside=PUBLISH#2", "inside=PUBLISH#1@2"},
           Case{cut, "up:before=CONNACK#1", "write down:"},
           Case{cut, "down:before=SUBSCRIBE", "write up:"},
           Case{cut, "up:after-bytes=-1", "whole number"},
           Case{cut, "up:how=fin", "no instant"},
           Case{cut, "up:at=5s,after=PUBLISH", "twice"},
           Case{cut, "at=5", "(none)"},
           Case{cut, "at=5 s", "1.5s"},
           Case{cut, "at=-5s", "1.5s"},
           Case{cut, "at=soon", "1.5s"},
           Case{cut, "at=5s,each", "all are concerned"},
           Case{cut, "up:after=PUBLISH,each,connection=2", "exclude"},
           Case{cut, "at=5s,for=3s", "known are"},
           Case{cut, "at=5s,how=gently", "half-open or silent"},
           Case{blackhole, "up:at=5s,how=fin", "for, both"},
           Case{down, "at=5s,both", "known are"},
       }) {
    const std::string said = bad(kind, text);
    EXPECT_NE(said.find(says), std::string::npos) << text << " -> " << said;
    if (says != "(none)") {
      EXPECT_EQ(said.find("--option"), 0U) << said;
    }
  }
}

TEST(FaultText, CyclesAndBursts) {
  const Cycle cycle = parse_cycle("up=30s,down=500ms,spread=20%", "--cycle");
  EXPECT_EQ(cycle.up, 30 * second);
  EXPECT_EQ(cycle.down, 500 * millisecond);
  EXPECT_DOUBLE_EQ(cycle.spread, 0.2);
  const GilbertElliott burst =
      parse_burst("good-to-bad=1%,bad-to-good=0.2,loss-bad=90%", "--burst");
  EXPECT_DOUBLE_EQ(burst.good_to_bad, 0.01);
  EXPECT_DOUBLE_EQ(burst.bad_to_good, 0.2);
  EXPECT_DOUBLE_EQ(burst.loss_bad, 0.9);
  for (const std::string text : {"up=30s", "up=30s,down=0", "up=30s,down=5s,wobble=2", "x"})
    EXPECT_EQ(complaint([&] { (void)parse_cycle(text, "--cycle"); }).find("--cycle"), 0U) << text;
  for (const std::string text : {"loss=2%", "good-to-bad=101%"})
    EXPECT_EQ(complaint([&] { (void)parse_burst(text, "--burst"); }).find("--burst"), 0U) << text;
}

TEST(Quantity, UnitsAndNumbers) {
  EXPECT_EQ(parse_time("250us", "t"), 250 * microsecond);
  EXPECT_EQ(parse_time("2h", "t"), 7'200 * second);
  EXPECT_EQ(parse_time("0.5", "t"), 500 * millisecond);
  EXPECT_DOUBLE_EQ(parse_rate_bps("26.8kbit/s", "r"), 26'800);
  EXPECT_DOUBLE_EQ(parse_rate_bps("2Mbit", "r"), 2e6);
  EXPECT_DOUBLE_EQ(parse_fraction("2%", "f"), 0.02);
  EXPECT_EQ(parse_count("12", 1, "n"), 12U);
  for (const std::string text : {"", "x", "1e400s", "1e30s", "-1s", "1 s", "nan", "1kg"})
    EXPECT_NE(complaint([&] { (void)parse_time(text, "t"); }).find("'" + text + "'"),
              std::string::npos)
        << text;
  EXPECT_NE(complaint([] { (void)parse_fraction("101%", "f"); }).find("2%"), std::string::npos);
  EXPECT_NE(complaint([] { (void)parse_rate_bps("9Tbit", "r"); }).find("kbit"), std::string::npos);
}

}  // namespace
}  // namespace mqttlab
