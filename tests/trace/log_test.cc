// The log: strings, details, listeners, identity and fingerprint.
#include "protocol/trace/log.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <set>
#include <string>

#include "protocol/trace/digest.h"

namespace mqttlab::trace {
namespace {

Bytes bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

TEST(Log, TextsAreInternedByContent) {
  Log log;
  EXPECT_EQ(log.intern(""), 0u);
  const Text a = log.intern("a"), b = log.intern(std::string("b\0c", 3));
  for (int i = 0; i < 1'000; ++i) log.intern("filler " + std::to_string(i));
  EXPECT_EQ(log.intern("a"), a);
  EXPECT_EQ(log.text(a), "a");
  EXPECT_EQ(log.text(b), std::string_view("b\0c", 3));
  EXPECT_EQ(log.texts(), 1'003u);
}

TEST(Log, ActorsAreNumberedInOrder) {
  Log log;
  EXPECT_EQ(log.add_actor("broker"), 0u);
  EXPECT_EQ(log.add_actor("meter"), 1u);
  EXPECT_EQ(log.actor_name(1), "meter");
  EXPECT_EQ(log.actor_name(2), "?");
  EXPECT_EQ(log.actors(), 2u);
}

TEST(Log, DetailsAreNeverZero) {
  Log log;
  Detail detail;
  detail.filters = {{log.intern("a/#"), 2}};
  const auto index = log.add_detail(detail);
  EXPECT_NE(index, 0u);
  EXPECT_EQ(log.text(log.detail(index).filters[0].filter), "a/#");
}

TEST(Log, ListenersSeeEveryLaterEventInOrder) {
  struct Seen : Listener {
    void on(const Event& event, const Log& log) override {
      times.push_back(event.at);
      EXPECT_EQ(log.events().back().at, event.at);
    }
    std::vector<Time> times;
  } seen;
  Log log;
  Event event;
  log.append(event);
  log.listen(&seen);
  for (event.at = 5; event.at < 8; ++event.at) log.append(event);
  EXPECT_EQ(seen.times, (std::vector<Time>{5, 6, 7}));
  EXPECT_EQ(log.events().size(), 4u);
}

TEST(Identity, KnownValuesOnEveryPlatform) {
  EXPECT_EQ(Log::identity("", {}), 0x0000000000000001ULL);
  EXPECT_EQ(Log::identity("a/b", bytes_of("21.5")), 0x57F01EAF11BDBF09ULL);
  EXPECT_EQ(Log::identity("a/b", bytes_of("meter-1:000001:1000000000:.....")),
            0x9DAC1AD3B70AEC5AULL);
}

// Every way to divide small strings into topic and payload, trailing zero bytes included.
TEST(Identity, TopicAndPayloadDoNotRunTogether) {
  std::set<std::uint64_t> seen;
  std::size_t messages = 0;
  std::vector<std::string> texts{""};
  for (std::size_t i = 0; texts[i].size() < 9; ++i)
    for (const char c : {'\0', 'a'}) texts.push_back(texts[i] + c);
  for (const std::string& text : texts) {
    for (std::size_t at = 0; at <= text.size(); ++at, ++messages)
      seen.insert(Log::identity(text.substr(0, at), bytes_of(text).subspan(at)));
  }
  EXPECT_EQ(seen.size(), messages);
  EXPECT_FALSE(seen.contains(0));
}

TEST(Identity, AMillionStampsDiffer) {
  std::vector<std::uint64_t> seen;
  for (int i = 0; i < 1'000'000; ++i)
    seen.push_back(Log::identity("fleet/meter", bytes_of("meter:" + std::to_string(i) + ":.....")));
  std::sort(seen.begin(), seen.end());
  EXPECT_EQ(std::adjacent_find(seen.begin(), seen.end()), seen.end());
}

// SHA-256 of "abc" behind its length as 8 bytes: 0300000000000000 616263.
TEST(Digest, IsTheSha256OfWhatWasAdded) {
  Digest digest;
  EXPECT_EQ(digest.hex(), "e3b0c44298fc1c149afbf4c8996fb924");
  digest.add("abc");
  EXPECT_EQ(digest.hex(), "ce91dc5eec0139adf091900d225971d6");
}

TEST(Digest, TheBufferDoesNotShow) {
  const std::string large(200'000, 'x');
  Digest whole, parts;
  whole.add(large);
  parts.add(std::uint64_t{large.size()});
  for (const char c : large) parts.add(static_cast<std::uint8_t>(c));
  EXPECT_EQ(whole.hex(), parts.hex());
}

using Change = std::function<void(Event&, Log&)>;

// The fingerprint of three events, the second of them changed.
std::string fingerprint_with(const Change& change) {
  Log log;
  log.add_actor("broker");
  log.add_actor("meter");
  Event event;
  event.at = 1;
  event.kind = Kind::arrived;
  event.packet = PacketType::subscribe;
  event.text = log.intern("topic");
  Detail detail;
  detail.filters = {{log.intern("a/+"), 1}};
  event.detail = log.add_detail(detail);
  log.append(event);
  Event second = event;
  change(second, log);
  log.append(second);
  log.append(event);
  return log.fingerprint();
}

TEST(Fingerprint, EveryFieldCounts) {
  const std::vector<Change> changes{
      [](Event&, Log&) {},
      [](Event& e, Log&) { e.at = 2; },
      [](Event& e, Log&) { e.at += Time{1} << 40; },
      [](Event& e, Log&) { e.message = 1; },
      [](Event& e, Log&) { e.kind = Kind::written; },
      [](Event& e, Log&) { e.end = End::broker; },
      [](Event& e, Log&) { e.packet = PacketType::suback; },
      [](Event& e, Log&) { e.flags = 1; },
      [](Event& e, Log&) { e.code = 1; },
      [](Event& e, Log&) { e.packet_id = 1; },
      [](Event& e, Log&) { e.actor = 1; },
      [](Event& e, Log&) { e.connection = 1; },
      [](Event& e, Log&) { e.bytes = 1; },
      [](Event& e, Log& log) { e.text = log.intern("other"); },
      [](Event& e, Log&) { e.text = 0; },
      [](Event& e, Log&) { e.detail = 0; },
      [](Event& e, Log&) { e.payload_bytes = 1; },
  };
  std::set<std::string> seen;
  for (const Change& change : changes) seen.insert(fingerprint_with(change));
  EXPECT_EQ(seen.size(), changes.size());
}

TEST(Fingerprint, EveryFieldOfADetailCounts) {
  const auto with = [](const std::function<void(Detail&, Log&)>& change) {
    return fingerprint_with([&](Event& event, Log& log) {
      Detail detail = log.detail(event.detail);
      change(detail, log);
      event.detail = log.add_detail(detail);
    });
  };
  const std::vector<std::function<void(Detail&, Log&)>> changes{
      [](Detail&, Log&) {},
      [](Detail& d, Log&) { d.connect.version = ProtocolVersion::v3_1; },
      [](Detail& d, Log&) { d.connect.clean_session = false; },
      [](Detail& d, Log&) { d.connect.keep_alive_s = 1; },
      [](Detail& d, Log&) { d.connect.has_will = true; },
      [](Detail& d, Log& log) { d.connect.will_topic = log.intern("w"); },
      [](Detail& d, Log&) { d.connect.will_message = 1; },
      [](Detail& d, Log&) { d.connect.will_payload_empty = true; },
      [](Detail& d, Log&) { d.connect.will_qos = QoS::exactly_once; },
      [](Detail& d, Log&) { d.connect.will_retain = true; },
      [](Detail& d, Log&) { d.filters[0].qos = 2; },
      [](Detail& d, Log& log) { d.filters[0].filter = log.intern("b"); },
      [](Detail& d, Log&) { d.filters.push_back({}); },
      [](Detail& d, Log&) { d.filters.clear(); },
  };
  std::set<std::string> seen;
  for (const auto& change : changes) seen.insert(with(change));
  EXPECT_EQ(seen.size(), changes.size());
}

// In `detail` these two kinds carry a token, which is no index of a Detail.
TEST(Fingerprint, TokensOfPublishEventsCount) {
  std::set<std::string> seen;
  for (const Kind kind : {Kind::publish_called, Kind::publish_completed}) {
    for (const std::uint32_t token : {1u, 2u, 4'000'000'000u}) {
      seen.insert(fingerprint_with([&](Event& event, Log&) {
        event.kind = kind;
        event.detail = token;
      }));
    }
  }
  EXPECT_EQ(seen.size(), 6u);
}

TEST(Fingerprint, ObserversChangeNothing) {
  const auto plain = fingerprint_with([](Event& e, Log& log) { e.text = log.intern("late"); });
  const auto observed = fingerprint_with([](Event& e, Log& log) {
    log.intern("something an observer looked up");
    log.add_actor("nobody");
    log.add_detail({});
    (void)log.fingerprint();
    e.text = log.intern("late");
  });
  EXPECT_EQ(plain, observed);
}

// Pinned: a change here breaks every capsule and reference result, and must be meant.
TEST(Fingerprint, KnownValueInEveryProcessAndBuild) {
  EXPECT_EQ(fingerprint_with([](Event&, Log&) {}), "3139ff97dd9a8e964f1d8bbb99aa36b5");
}

TEST(Names, EveryKindReasonAndDeathHasOne) {
  std::set<std::string_view> names;
  for (int kind = 0; kind < kinds; ++kind) names.insert(name(static_cast<Kind>(kind)));
  EXPECT_EQ(names.size(), static_cast<std::size_t>(kinds));
  EXPECT_EQ(name(Kind::phase), "phase");
  EXPECT_EQ(name(static_cast<Kind>(kinds)), "?");
  EXPECT_EQ(name(DropReason::retained_limit), "retained_limit");
  EXPECT_EQ(name(Death::silent), "silent");
}

}  // namespace
}  // namespace mqttlab::trace
