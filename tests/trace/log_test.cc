// The log: strings, details, listeners, identity and fingerprint.
#include "protocol/trace/log.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <set>
#include <string>

#include "protocol/trace/digest.h"
#include "protocol/trace/tap.h"

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
  FiltersDetail detail;
  detail.filters = {{log.intern("a/#"), 2}};
  const auto index = log.add_detail(detail);
  EXPECT_NE(index, 0u);
  EXPECT_EQ(log.text(log.detail<FiltersDetail>(index).filters[0].filter), "a/#");
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
  FiltersDetail detail;
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

// The fingerprint with each change made to the detail, all of which must differ.
template <typename Known>
void expect_all_count(const Known& detail,
                      const std::vector<std::function<void(Known&, Log&)>>& changes) {
  std::set<std::string> seen;
  for (const auto& change : changes) {
    seen.insert(fingerprint_with([&](Event& event, Log& log) {
      Known changed = detail;
      change(changed, log);
      event.detail = log.add_detail(changed);
    }));
  }
  EXPECT_EQ(seen.size(), changes.size());
}

TEST(Fingerprint, EveryFieldOfFiltersCounts) {
  using Filters = FiltersDetail;
  expect_all_count<Filters>({{{1, 1}}},
                            {
                                [](Filters&, Log&) {},
                                [](Filters& f, Log&) { f.filters[0].code = 2; },
                                [](Filters& f, Log& log) { f.filters[0].filter = log.intern("b"); },
                                [](Filters& f, Log&) { f.filters.push_back({}); },
                                [](Filters& f, Log&) { f.filters.clear(); },
                                [](Filters& f, Log&) { f.identifier = 1; },
                            });
}

TEST(Fingerprint, EveryFieldOfConnectCounts) {
  using Connect = ConnectDetail;
  const auto v5 = [](Connect& c) { c.version = ProtocolVersion::v5_0; };
  expect_all_count<Connect>({}, {
                                    [](Connect&, Log&) {},
                                    [](Connect& c, Log&) { c.version = ProtocolVersion::v3_1; },
                                    [](Connect& c, Log&) { c.clean_session = false; },
                                    [](Connect& c, Log&) { c.keep_alive_s = 1; },
                                    [](Connect& c, Log&) { c.has_will = true; },
                                    [](Connect& c, Log& log) { c.will_topic = log.intern("w"); },
                                    [](Connect& c, Log&) { c.will_message = 1; },
                                    [](Connect& c, Log&) { c.will_payload_empty = true; },
                                    [](Connect& c, Log&) { c.will_qos = QoS::exactly_once; },
                                    [](Connect& c, Log&) { c.will_retain = true; },
                                    [&](Connect& c, Log&) { v5(c); },
                                    [&](Connect& c, Log&) { v5(c), c.authenticates = true; },
                                    [&](Connect& c, Log&) { v5(c), c.receive_maximum = 1; },
                                    [&](Connect& c, Log&) { v5(c), c.topic_alias_maximum = 1; },
                                    [&](Connect& c, Log&) { v5(c), c.max_packet_size = 1; },
                                    [&](Connect& c, Log&) { v5(c), c.session_expiry_s = 1; },
                                    [&](Connect& c, Log&) { v5(c), c.will_delay_s = 1; },
                                    [&](Connect& c, Log&) { v5(c), c.will_expiry_s = 0; },
                                    [&](Connect& c, Log&) { v5(c), c.will_expiry_s = 1; },
                                });
}

TEST(Fingerprint, EveryFieldOfConnackCounts) {
  using Connack = ConnackDetail;
  expect_all_count<Connack>(
      {}, {
              [](Connack&, Log&) {},
              [](Connack& c, Log&) { c.session_expiry_s = 0; },
              [](Connack& c, Log&) { c.session_expiry_s = 1; },
              [](Connack& c, Log&) { c.server_keep_alive_s = 0; },
              [](Connack& c, Log&) { c.server_keep_alive_s = 1; },
              [](Connack& c, Log&) { c.receive_maximum = 1; },
              [](Connack& c, Log&) { c.topic_alias_maximum = 1; },
              [](Connack& c, Log&) { c.max_packet_size = 1; },
              [](Connack& c, Log& log) { c.assigned_client_id = log.intern("auto-1"); },
          });
}

TEST(Fingerprint, EveryFieldOfPublishAndDisconnectCounts) {
  using Publish = PublishDetail;
  expect_all_count<Publish>({}, {
                                    [](Publish&, Log&) {},
                                    [](Publish& p, Log&) { p.alias = 1; },
                                    [](Publish& p, Log&) { p.topic_given = false; },
                                    [](Publish& p, Log&) { p.expiry_s = 0; },
                                    [](Publish& p, Log&) { p.expiry_s = 1; },
                                    [](Publish& p, Log&) { p.identifiers = {1}; },
                                    [](Publish& p, Log&) {
                                      p.identifiers = {1, 2};
                                    },
                                });
  using Disconnect = DisconnectDetail;
  expect_all_count<Disconnect>({}, {
                                       [](Disconnect&, Log&) {},
                                       [](Disconnect& d, Log&) { d.session_expiry_s = 1; },
                                   });
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

TEST(Log, OneThatIsOffKeepsNamesAndNoEvent) {
  Log on, off(false);
  for (Log* log : {&on, &off}) {
    log->add_actor("meter");
    log->append({.at = 1, .text = log->intern("topic")});
  }
  EXPECT_EQ(on.events().size(), 1U);
  EXPECT_EQ(on.sink(), &on);
  EXPECT_EQ(off.events().size(), 0U);
  EXPECT_EQ(off.sink(), nullptr);
  EXPECT_EQ(off.fingerprint(), "");
  EXPECT_EQ(off.actor_name(0), "meter");
  EXPECT_FALSE(Tap::on(off, End::client, 0, 1, 0));
  ASSERT_TRUE(Tap::on(on, End::client, 0, 1, 0));
  EXPECT_EQ(on.events().back().kind, Kind::opened);
}

TEST(Names, EveryKindReasonAndDeathHasOne) {
  std::set<std::string_view> names;
  for (int kind = 0; kind < kinds; ++kind) names.insert(name(static_cast<Kind>(kind)));
  EXPECT_EQ(names.size(), static_cast<std::size_t>(kinds));
  EXPECT_EQ(name(Kind::phase), "phase");
  EXPECT_EQ(name(static_cast<Kind>(kinds)), "?");
  EXPECT_EQ(name(DropReason::retained_limit), "retained_limit");
  EXPECT_EQ(name(Death::silent), "silent");
  EXPECT_EQ(name(StoreFate::torn), "torn");
}

}  // namespace
}  // namespace mqttlab::trace
