// Each property in each place: whether it may stand there, twice, and with which values. What is
// expected is written down here once more, against the table of the codec.
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <sstream>

#include "tests/wire/samples.h"

namespace mqttlab {
namespace {

using namespace test;
using namespace std::string_literals;

// `uses`: a place, what a second one breaks ("-": nothing), what a bad value breaks; and so on.
struct Expected {
  std::uint8_t id;
  char type;  // 1, 2, 4 bytes; v: variable; s: string; t: topic name; b: binary; p: pair
  std::vector<std::string> good, bad;  // values
  std::string uses;
};

std::vector<Expected> expected() {
  const std::string zero2(2, '\0'), zero4(4, '\0'), one2 = "\0\x01"s, one4 = "\0\0\0\x01"s;
  const std::string max2 = "\xFF\xFF"s, max4 = "\xFF\xFF\xFF\xFF"s;
  const std::vector<std::string> bits{"\0"s, "\x01"s}, no_bits{"\x02"s, "\xFF"s};
  const std::vector<std::string> any2{zero2, one2, max2}, any4{zero4, one4, max4};
  const std::vector<std::string> text{field(""), field("a"), field("\xEF\xBB\xBF")};
  const std::vector<std::string> data{field(""), field("\xFF\0"s)};
  const std::vector<std::string> topics{field("a"), field("a/b")};
  const std::vector<std::string> no_topics{field("a/+"), field("#"), field("")};
  const std::vector<std::string> positive{"\x01"s, "\x7F"s, "\x80\x01"s, "\xFF\xFF\xFF\x7F"s};
  return {
      {0x01, '1', bits, no_bits,
       "publish MQTT-3.3.2.3.2 MQTT-3.3.2.3.2 will U-3.1.3.2.3-1 MQTT-3.1.3.2.3"},
      {0x02, '4', any4, {}, "publish MQTT-3.3.2.3.3 - will U-3.1.3.2.4-1 -"},
      {0x03, 's', text, {}, "publish U-3.3.2.3.9-1 - will U-3.1.3.2.5-1 -"},
      {0x08, 't', topics, no_topics,
       "publish U-3.3.2.3.5-1 MQTT-3.3.2-14 will U-3.1.3.2.6-1 MQTT-3.3.2-14"},
      {0x09, 'b', data, {}, "publish U-3.3.2.3.6-1 - will U-3.1.3.2.7-1 -"},
      {0x0B,
       'v',
       positive,
       {"\0"s},
       "publish - U-3.3.2.3.8-1 subscribe U-3.8.2.1.2-1 U-3.8.2.1.2-2"},
      {0x11,
       '4',
       any4,
       {},
       "connect U-3.1.2.11.2-1 - connack U-3.2.2.3.2-1 - disconnect U-3.14.2.2.2-1 -"},
      {0x12, 's', text, {}, "connack U-3.2.2.3.7-1 -"},
      {0x13, '2', any2, {}, "connack U-3.2.2.3.14-1 -"},
      {0x15,
       's',
       text,
       {},
       "connect U-3.1.2.11.9-1 - connack U-3.2.2.3.17-1 - auth U-3.15.2.2.2-1 -"},
      {0x16,
       'b',
       data,
       {},
       "connect U-3.1.2.11.10-1 - connack U-3.2.2.3.18-1 - auth U-3.15.2.2.3-1 -"},
      {0x17, '1', bits, no_bits, "connect U-3.1.2.11.7-1 U-3.1.2.11.7-2"},
      {0x18, '4', any4, {}, "will U-3.1.3.2.2-1 -"},
      {0x19, '1', bits, no_bits, "connect U-3.1.2.11.6-1 U-3.1.2.11.6-2"},
      {0x1A, 's', text, {}, "connack U-3.2.2.3.15-1 -"},
      {0x1C, 's', text, {}, "connack U-3.2.2.3.16-1 - disconnect U-3.14.2.2.5-1 -"},
      {0x1F,
       's',
       text,
       {},
       "connack U-3.2.2.3.9-1 - puback U-3.4.2.2.2-1 - pubrec U-3.5.2.2.2-1 - "
       "pubrel U-3.6.2.2.2-1 - pubcomp U-3.7.2.2.2-1 - suback U-3.9.2.1.2-1 - "
       "unsuback U-3.11.2.1.2-1 - disconnect U-3.14.2.2.3-1 - auth U-3.15.2.2.4-1 -"},
      {0x21,
       '2',
       {one2, max2},
       {zero2},
       "connect U-3.1.2.11.3-1 U-3.1.2.11.3-2 connack U-3.2.2.3.3-1 U-3.2.2.3.3-2"},
      {0x22, '2', any2, {}, "connect U-3.1.2.11.5-1 - connack U-3.2.2.3.8-1 -"},
      {0x23, '2', {one2, max2}, {zero2}, "publish U-3.3.2.3.4-1 U-3.3.4-2"},  // MQTT-3.3.2-8
      {0x24, '1', bits, no_bits, "connack U-3.2.2.3.4-1 U-3.2.2.3.4-2"},
      {0x25, '1', bits, no_bits, "connack U-3.2.2.3.5-1 U-3.2.2.3.5-2"},
      {0x26,
       'p',
       {field("") + field(""), field("k") + field("v")},
       {},
       "connect - - connack - - publish - - will - - puback - - pubrec - - pubrel - - "
       "pubcomp - - subscribe - - suback - - unsubscribe - - unsuback - - disconnect - - auth - -"},
      {0x27,
       '4',
       {one4, max4},
       {zero4},
       "connect U-3.1.2.11.4-1 U-3.1.2.11.4-2 connack U-3.2.2.3.6-1 U-3.2.2.3.6-2"},
      {0x28, '1', bits, no_bits, "connack U-3.2.2.3.11-1 U-3.2.2.3.11-2"},
      {0x29, '1', bits, no_bits, "connack U-3.2.2.3.12-1 U-3.2.2.3.12-2"},
      {0x2A, '1', bits, no_bits, "connack U-3.2.2.3.13-1 U-3.2.2.3.13-2"},
  };
}

struct Place {
  std::string name;
  bool client, server;  // who may send it
  std::uint8_t first_byte;
  std::string before, after;  // the set
};

const std::vector<Place>& places() {
  static const std::string connect = field("MQTT") + "\x05\x02\0\0"s, id = "\0\x01"s;
  static const std::string will = field("MQTT") + "\x05\x06\0\0"s + set("") + field("i");
  static const std::vector<Place> all{
      {"connect", true, false, 0x10, connect, field("i")},
      {"will", true, false, 0x10, will, field("t") + field("m")},
      {"connack", false, true, 0x20, "\0\0"s, ""},
      {"publish", true, true, 0x30, field("t"), "payload"},
      {"puback", true, true, 0x40, id + "\0"s, ""},
      {"pubrec", true, true, 0x50, id + "\0"s, ""},
      {"pubrel", true, true, 0x62, id + "\0"s, ""},
      {"pubcomp", true, true, 0x70, id + "\0"s, ""},
      {"subscribe", true, false, 0x82, id, field("f") + "\0"s},
      {"suback", false, true, 0x90, id, "\0"s},
      {"unsubscribe", true, false, 0xA2, id, field("f")},
      {"unsuback", false, true, 0xB0, id, "\0"s},
      {"disconnect", true, true, 0xE0, "\0"s, ""},
      {"auth", true, true, 0xF0, "\x18"s, ""},
  };
  return all;
}

// The packet with these properties, and with the method that AUTH and Authentication Data ask for.
Result<Packet> packet(const Place& place, Sender sender, const std::string& properties) {
  const std::string method = "\x15"s + field("m");
  const auto id = properties.empty() ? '\0' : properties[0];
  std::string all = properties;
  if (place.name == "auth" && id != '\x15') all += method;
  if (place.name == "connect" && id == '\x16') all += method;
  return decoded(frame(place.first_byte, place.before + set(all) + place.after), sender, v5);
}

void expect_violation(const Result<Packet>& packet, std::uint8_t reason, std::string_view statement,
                      const std::string& where) {
  ASSERT_FALSE(packet) << where << " " << describe(*packet);
  EXPECT_EQ(packet.violation().reason, reason) << where;
  EXPECT_EQ(packet.violation().statement, statement) << where;
}

struct Use {
  std::string twice, out_of_range;
};
std::map<std::string, Use> uses_of(const Expected& property) {
  std::map<std::string, Use> out;
  std::istringstream in(property.uses);
  for (std::string place, twice, range; in >> place >> twice >> range;) out[place] = {twice, range};
  return out;
}

// MQTT-3.3.4-6 and MQTT-3.14.2-2: what only one end may say.
std::string wrong_end(const Expected& property, const Place& place, Sender sender) {
  if (property.id == 0x0B && place.name == "publish" && sender == Sender::client)
    return "MQTT-3.3.4-6";
  if (property.id == 0x11 && place.name == "disconnect" && sender == Sender::server)
    return "MQTT-3.14.2-2";
  return {};
}

void probe(const Expected& property, const Place& place, Sender sender) {
  const std::string id(1, static_cast<char>(property.id)), good = property.good.front();
  const std::string where = place.name + " " + std::to_string(property.id);
  const auto uses = uses_of(property);
  const auto use = uses.find(place.name);
  if (use == uses.end())
    return expect_violation(packet(place, sender, id + good), 0x81, "U-2.2.2.2-1", where);
  if (const std::string fault = wrong_end(property, place, sender); !fault.empty())
    return expect_violation(packet(place, sender, id + good), 0x82, fault, where);
  for (const std::string& value : property.good) {
    const auto read = packet(place, sender, id + value);
    ASSERT_TRUE(read) << where << " " << read.violation().statement;
    EXPECT_TRUE(decoded(encoded(*read, v5), sender, v5)) << where;
  }
  const std::uint8_t reason = property.type == 't' ? 0x81 : property.id == 0x23 ? 0x94 : 0x82;
  for (const std::string& value : property.bad)
    expect_violation(packet(place, sender, id + value), reason, use->second.out_of_range, where);
  const auto twice = packet(place, sender, id + good + id + good);
  if (use->second.twice == "-")
    EXPECT_TRUE(twice) << where;
  else
    expect_violation(twice, 0x82, use->second.twice, where);
}

TEST(Property, EachInEveryPlaceOnceTwiceAndAtTheEdgesOfItsRange) {
  const auto all = expected();
  ASSERT_EQ(all.size(), 27u);
  for (const Expected& property : all) {
    for (const Place& place : places()) {
      if (place.client) probe(property, place, Sender::client);
      if (place.server) probe(property, place, Sender::server);
    }
  }
}

TEST(Property, IdentifiersThatTheStandardDoesNotHave) {
  std::set<int> known;
  for (const Expected& property : expected()) known.insert(property.id);
  for (const Place& place : places()) {
    const Sender sender = place.client ? Sender::client : Sender::server;
    for (int id = 0; id < 128; ++id) {
      if (known.contains(id)) continue;
      const std::string bytes = std::string(1, static_cast<char>(id)) + std::string(8, '\0');
      expect_violation(packet(place, sender, bytes), 0x81, "U-2.2.2.2-1", place.name);
    }
    expect_violation(packet(place, sender, "\x80\x01\0"s), 0x81, "U-2.2.2.2-1", place.name);
    expect_violation(packet(place, sender, "\xA6\0"s + field("k") + field("v")), 0x81,
                     "MQTT-1.5.5-1", place.name);
  }
}

// U-2.2.2.2-1: a value of another type does not end where the set does.
TEST(Property, AValueThatIsCut) {
  for (const Expected& property : expected()) {
    for (const Place& place : places()) {
      if (!uses_of(property).contains(place.name) || place.name == "auth") continue;
      const Sender sender = place.server ? Sender::server : Sender::client;
      if (!wrong_end(property, place, sender).empty()) continue;
      const std::string id(1, static_cast<char>(property.id)), good = property.good.back();
      for (std::size_t size = 0; size < good.size(); ++size) {
        const std::string bytes = place.before + set(id + good.substr(0, size)) + place.after;
        expect_violation(decoded(frame(place.first_byte, bytes), sender, v5), 0x81, "U-2.2.2.2-1",
                         place.name);
      }
    }
  }
}

// U-1.5.4-1 and U-1.5.7-1: invalid UTF-8 and U+0000 make a packet malformed.
TEST(Property, TextThatIsNotText) {
  const std::string not_utf8 = field("\xC0\xAF"), surrogate = field("\xED\xA0\x80"),
                    null = field("a\0"s), good = field("a");
  for (const Expected& property : expected()) {
    const std::string id(1, static_cast<char>(property.id));
    for (const Place& place : places()) {
      if (!uses_of(property).contains(place.name)) continue;
      const Sender sender = place.server ? Sender::server : Sender::client;
      const auto expect = [&](const std::string& value, std::string_view statement) {
        expect_violation(packet(place, sender, id + value), 0x81, statement, place.name);
      };
      if (property.type == 's' || property.type == 't') {
        const std::string_view own = property.id == 0x03   ? "MQTT-3.3.2-19"
                                     : property.id == 0x08 ? "MQTT-3.3.2-13"
                                                           : "U-1.5.4-1";
        expect(not_utf8, own);
        expect(surrogate, own);
        expect(null, "U-1.5.4-1");  // MQTT-1.5.4-1, MQTT-1.5.4-2
      } else if (property.type == 'p') {
        for (const std::string& bad : {not_utf8, surrogate, null}) {
          expect(bad + good, "U-1.5.7-1");  // MQTT-1.5.7-1
          expect(good + bad, "U-1.5.7-1");
        }
      }
    }
  }
}

TEST(Property, TheLengthOfTheSet) {
  for (const Place& place : places()) {
    const Sender sender = place.server ? Sender::server : Sender::client;
    const auto expect = [&](const std::string& set_and_rest, std::string_view statement) {
      const auto read = decoded(frame(place.first_byte, place.before + set_and_rest), sender, v5);
      expect_violation(read, 0x81, statement, place.name);
    };
    expect("\x80\0"s + place.after, "MQTT-1.5.5-1");
    expect("\xFF\xFF\xFF\xFF\x01"s, "MQTT-1.5.5-1");
    expect("\x80"s, "MQTT-2.1.4");
    expect("\x7F"s + place.after, "MQTT-2.1.4");
  }
}

TEST(Property, EveryIdentifierHasNameAndRow) {
  for (const Expected& property : expected()) {
    const PropertyRule* rule = find_property(property.id);
    ASSERT_TRUE(rule);
    EXPECT_EQ(static_cast<std::uint8_t>(rule->id), property.id);
    EXPECT_FALSE(rule->name.empty());
  }
  EXPECT_EQ(rule_of(PropertyId::receive_maximum).name, "Receive Maximum");
}

TEST(Properties, TypedAccessAndOrder) {
  Properties set;
  EXPECT_TRUE(set.empty());
  EXPECT_FALSE(set.get<PropertyId::topic_alias>());
  set.add_user("b", "1").add(PropertyId::topic_alias, 7).add_user("a", "2").add_user("b", "1");
  set.add(PropertyId::content_type, "text").add(PropertyId::subscription_identifier, 300);
  EXPECT_EQ(set.get<PropertyId::topic_alias>(), std::optional<std::uint32_t>(7));
  EXPECT_EQ(set.get<PropertyId::subscription_identifier>(), std::optional<std::uint32_t>(300));
  ASSERT_TRUE(set.get<PropertyId::content_type>());
  EXPECT_EQ(set.get<PropertyId::content_type>()->text(), "text");
  std::string order;
  set.for_each([&](const Property& property) {
    if (property.id == PropertyId::user_property)
      order.append(property.name).append("=").append(property.text).append(" ");
  });
  EXPECT_EQ(order, "b=1 a=2 b=1 ");
  set.remove(PropertyId::user_property).remove(PropertyId::reason_string);
  EXPECT_FALSE(set.has(PropertyId::user_property));
  EXPECT_EQ(set, Properties()
                     .add(PropertyId::topic_alias, 7)
                     .add(PropertyId::content_type, "text")
                     .add(PropertyId::subscription_identifier, 300));
}

TEST(Properties, AreSlicesOfTheFrame) {
  Publish publish{slice("t"), slice("x"), {}, false, false, 0};
  publish.properties.add(PropertyId::response_topic, "answer");
  const Slice frame = Slice::copy_of(Bytes(encoded(publish, v5)));
  const auto read = decode(frame, Sender::client, v5);
  ASSERT_TRUE(read);
  const auto topic = std::get<Publish>(*read).properties.get<PropertyId::response_topic>();
  ASSERT_TRUE(topic);
  EXPECT_EQ(topic->text().data(), frame.text().data() + 9);
}

}  // namespace
}  // namespace mqttlab
