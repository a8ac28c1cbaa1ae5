// Topic names and filters: exhaustive against plain references.
#include "protocol/wire/topic.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/wire/samples.h"

namespace mqttlab {
namespace {

using Levels = std::vector<std::string>;

// Every sequence of 1 to `most` levels of the alphabet.
std::vector<Levels> all_sequences(const Levels& alphabet, std::size_t most) {
  std::vector<Levels> out, last{{}};
  for (std::size_t n = 1; n <= most; ++n) {
    std::vector<Levels> grown;
    for (const Levels& levels : last) {
      for (const std::string& level : alphabet) {
        grown.push_back(levels);
        grown.back().push_back(level);
      }
    }
    out.insert(out.end(), grown.begin(), grown.end());
    last = std::move(grown);
  }
  return out;
}

std::string joined(const Levels& levels) {
  std::string out = levels[0];
  for (std::size_t i = 1; i < levels.size(); ++i) out += "/" + levels[i];
  return out;
}

// MQTT 4.7 as a recursion over levels.
bool naive_match(const Levels& filter, std::size_t f, const Levels& topic, std::size_t t) {
  if (f == filter.size()) return t == topic.size();
  if (filter[f] == "#") return true;
  if (t == topic.size()) return false;
  if (filter[f] != "+" && filter[f] != topic[t]) return false;
  return naive_match(filter, f + 1, topic, t + 1);
}

bool naive_match(const Levels& filter, const Levels& topic) {
  const bool wild_front = filter[0] == "+" || filter[0] == "#";
  if (wild_front && topic[0][0] == '$') return false;  // MQTT-4.7.2-1
  return naive_match(filter, 0, topic, 0);
}

TEST(Topic, MatchesLikeTheReferenceOverEverySmallFilterAndTopic) {
  const auto filters = all_sequences({"a", "b", "", "$x", "+", "#"}, 4);
  const auto topics = all_sequences({"a", "b", "", "$x"}, 4);
  std::size_t matched = 0;
  for (const Levels& filter : filters) {
    const std::string filter_text = joined(filter);
    if (!valid_topic_filter(filter_text)) continue;
    for (const Levels& topic : topics) {
      const std::string topic_text = joined(topic);
      if (topic_text.empty()) continue;
      const bool match = matches(filter_text, topic_text);
      ASSERT_EQ(match, naive_match(filter, topic)) << filter_text << " on " << topic_text;
      matched += match;
    }
  }
  EXPECT_GT(matched, 1'000u);
}

TEST(Topic, ExamplesOfTheStandard) {
  EXPECT_TRUE(matches("sport/tennis/#", "sport/tennis"));
  EXPECT_TRUE(matches("sport/+", "sport/"));
  EXPECT_FALSE(matches("sport/+", "sport"));
  EXPECT_TRUE(matches("+/+", "/finance"));
  EXPECT_TRUE(matches("/+", "/finance"));
  EXPECT_FALSE(matches("+", "/finance"));
  EXPECT_FALSE(matches("#", "$SYS/load"));         // MQTT-4.7.2-1
  EXPECT_FALSE(matches("+/load", "$SYS/load"));    // MQTT-4.7.2-1
  EXPECT_TRUE(matches("$SYS/#", "$SYS/load"));     // MQTT-4.7.2-1
  EXPECT_FALSE(matches("ACCOUNTS", "Accounts"));   // MQTT-4.7.3-4
  EXPECT_FALSE(matches("\xC3\xA9", "e\xCC\x81"));  // MQTT-4.7.3-4: no normalisation
}

// MQTT-4.7.1-1 to -3, MQTT-4.7.3-1: every string of up to 6 of these characters.
TEST(Topic, ValidityOfEverySmallString) {
  std::vector<std::string> texts{""};
  for (std::size_t i = 0; texts[i].size() < 6; ++i)
    for (const char c : {'a', '/', '+', '#', '$'}) texts.push_back(texts[i] + c);
  for (const std::string& text : texts) {
    bool filter_ok = !text.empty();
    for (std::size_t i = 0; i < text.size(); ++i) {
      const bool begins = i == 0 || text[i - 1] == '/';
      const bool last = i + 1 == text.size();
      if (text[i] == '#' && !(begins && last)) filter_ok = false;
      if (text[i] == '+' && !(begins && (last || text[i + 1] == '/'))) filter_ok = false;
    }
    const bool name_ok = !text.empty() && text.find_first_of("+#") == std::string::npos;
    ASSERT_EQ(valid_topic_filter(text), filter_ok) << text;
    ASSERT_EQ(valid_topic_name(text), name_ok) << text;
  }
}

// MQTT-4.7.3-3
TEST(Topic, AtMost65535Bytes) {
  EXPECT_TRUE(valid_topic_name(std::string(65'535, 'a')));
  EXPECT_FALSE(valid_topic_name(std::string(65'536, 'a')));
  EXPECT_EQ(topic_filter_fault(std::string(65'536, 'a')), "MQTT-4.7.3-3");
}

std::string utf8_of(std::uint32_t code) {
  const auto tail = [&](int shift) { return static_cast<char>(0x80 | (code >> shift & 0x3F)); };
  if (code < 0x80) return {static_cast<char>(code)};
  if (code < 0x800) return {static_cast<char>(0xC0 | code >> 6), tail(0)};
  if (code < 0x10000) return {static_cast<char>(0xE0 | code >> 12), tail(6), tail(0)};
  return {static_cast<char>(0xF0 | code >> 18), tail(12), tail(6), tail(0)};
}

// MQTT-1.5.3-1 and -2: every code point, with the surrogates and U+0000 refused; at every offset
// within a word, for the fast path.
TEST(Utf8, EveryCodePoint) {
  for (std::uint32_t code = 0; code <= 0x10FFFF; ++code) {
    const bool ok = code != 0 && !(code >= 0xD800 && code <= 0xDFFF);
    const std::string text = std::string(code % 17, 'x') + utf8_of(code) + "yyyyyyyyy";
    ASSERT_EQ(valid_utf8(text), ok) << code;
  }
  EXPECT_FALSE(valid_utf8("\xF4\x90\x80\x80"));  // U+110000
}

// Every sequence of up to three bytes is well-formed exactly if it is made of encoded code points;
// overlong forms, lone continuations and cut sequences are not.
TEST(Utf8, EveryThreeBytes) {
  std::set<std::string> wellformed[4];
  wellformed[0].insert("");
  for (std::size_t size = 1; size <= 3; ++size) {
    for (std::size_t lead = 1; lead <= size; ++lead) {
      const std::uint32_t low[] = {0, 1, 0x80, 0x800}, high[] = {0, 0x7F, 0x7FF, 0xFFFF};
      if (size == 3 && lead != 3) continue;  // shorter ones in front are tested at sizes 1 and 2
      for (std::uint32_t code = low[lead]; code <= high[lead]; ++code) {
        if (code >= 0xD800 && code <= 0xDFFF) continue;
        for (const std::string& rest : wellformed[size - lead])
          wellformed[size].insert(utf8_of(code) + rest);
      }
    }
  }
  for (std::uint32_t value = 0; value < 1u << 24; ++value) {
    const char bytes[] = {static_cast<char>(value >> 16), static_cast<char>(value >> 8),
                          static_cast<char>(value)};
    if (static_cast<unsigned char>(bytes[0]) < 0xE0) {
      if ((value & 0xFF) != 0) continue;  // one- and two-byte texts are tested once each
      ASSERT_EQ(valid_utf8({bytes, 2}), wellformed[2].contains(std::string(bytes, 2))) << value;
      ASSERT_EQ(valid_utf8({bytes, 1}), wellformed[1].contains(std::string(bytes, 1))) << value;
    } else {
      ASSERT_EQ(valid_utf8({bytes, 3}), wellformed[3].contains(std::string(bytes, 3))) << value;
    }
  }
}

TEST(Utf8, FourByteSequencesAtTheirBorders) {
  for (const int lead : {0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xFF}) {
    for (int second = 0; second < 256; ++second) {
      for (const int third : {0x7F, 0x80, 0xBF, 0xC0}) {
        const std::string text{static_cast<char>(lead), static_cast<char>(second),
                               static_cast<char>(third), static_cast<char>(0x80)};
        const int low = lead == 0xF0 ? 0x90 : 0x80, high = lead == 0xF4 ? 0x8F : 0xBF;
        const bool ok = lead >= 0xF0 && lead <= 0xF4 && second >= low && second <= high &&
                        third >= 0x80 && third <= 0xBF;
        ASSERT_EQ(valid_utf8(text), ok) << lead << " " << second << " " << third;
        EXPECT_FALSE(valid_utf8(text.substr(0, 3)) && lead >= 0xF0);
      }
    }
  }
}

}  // namespace
}  // namespace mqttlab
