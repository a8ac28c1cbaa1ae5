// A trace as text: what is written is read back as it was, and what is none is refused.
#include "protocol/trace/ndjson.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <stdexcept>
#include <string>

namespace mqttlab::trace {
namespace {

const std::string first_line = R"({"kind":"trace","version":1,"applications":false})"
                               "\n";

/// Every kind of event and every kind of detail, each field with a value of its own.
void fill(Log& log) {
  const Actor device = log.add_actor("meter \"1\""), broker = log.add_actor("broker");
  const auto add = [&](Kind kind, Event event) {
    event.kind = kind;
    event.at = static_cast<Time>(log.events().size()) * 1'234'567;
    event.actor = event.end == End::broker ? broker : device;
    event.text = log.intern("text " + std::to_string(static_cast<int>(kind)));
    log.append(event);
  };
  for (int kind = 0; kind < kinds; ++kind) {
    Event event;
    event.message = 0xFEDC'BA98'7654'3210 + kind;
    event.end = kind % 2 == 0 ? End::client : End::broker;
    event.flags = 13;
    event.code = 0x93;
    event.packet_id = 65'535;
    event.connection = 4'000'000'000;
    event.bytes = 268'435'460;
    event.payload_bytes = 7;
    const auto of = static_cast<Kind>(kind);
    if (of == Kind::written || of == Kind::arrived) event.packet = PacketType::pingreq;
    if (of == Kind::publish_called || of == Kind::publish_completed) event.detail = 77;
    add(of, event);
  }
  const auto packet = [&](PacketType type, Detail detail) {
    Event event;
    event.end = type == PacketType::connack ? End::broker : End::client;
    event.packet = type;
    event.detail = log.add_detail(std::move(detail));
    add(Kind::written, event);
  };
  ConnectDetail connect{.version = ProtocolVersion::v5_0,
                        .clean_session = false,
                        .keep_alive_s = 1,
                        .has_will = true,
                        .will_topic = log.intern("wills/\u00e9"),
                        .will_message = 1,
                        .will_payload_empty = true,
                        .will_qos = QoS::exactly_once,
                        .will_retain = true,
                        .authenticates = true,
                        .receive_maximum = 2,
                        .topic_alias_maximum = 3,
                        .max_packet_size = 4,
                        .session_expiry_s = 5,
                        .will_delay_s = 6,
                        .will_expiry_s = 0};
  packet(PacketType::connect, connect);
  packet(PacketType::connect, ConnectDetail());
  packet(PacketType::connack, ConnackDetail{.session_expiry_s = 0,
                                            .server_keep_alive_s = 0,
                                            .receive_maximum = 1,
                                            .topic_alias_maximum = 2,
                                            .max_packet_size = 3,
                                            .assigned_client_id = log.intern("auto")});
  packet(PacketType::connack, ConnackDetail());
  packet(PacketType::publish,
         PublishDetail{
             .alias = 9, .topic_given = false, .expiry_s = 0, .identifiers = {1, 268'435'455}});
  packet(
      PacketType::subscribe,
      FiltersDetail{.filters = {{log.intern("a/#"), 0x2E}, {log.intern(""), 0}}, .identifier = 4});
  packet(PacketType::unsuback, FiltersDetail{.filters = {{0, 0x80}}});
  packet(PacketType::disconnect, DisconnectDetail{.session_expiry_s = 8});
}

std::string text_of_all() {
  std::string text = first_line;
  NdjsonWriter writer([&](std::string_view line) { text += line; });
  Log log;
  log.listen(&writer);
  fill(log);
  text += R"({"kind":"connection","bytes_up":7})"
          "\n";
  writer.end(log, 99 * second);
  return text;
}

std::string complaint(const std::string& text) {
  Log log;
  try {
    (void)read_ndjson(text, log);
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "(none)";
}

TEST(Ndjson, EveryEventComesBackAsItWas) {
  Log written, read;
  fill(written);
  const NdjsonTrace trace = read_ndjson(text_of_all(), read);
  EXPECT_EQ(read.events().size(), written.events().size());
  EXPECT_EQ(read.fingerprint(), written.fingerprint());
  EXPECT_TRUE(trace.is_complete);
  EXPECT_FALSE(trace.applications);
  EXPECT_EQ(trace.end, 99 * second);
  EXPECT_EQ(trace.others, (std::vector<std::string>{R"({"kind":"connection","bytes_up":7})"}));
}

TEST(Ndjson, ATraceThatBreaksOffIsReadAsFarAsItGoes) {
  const std::string text = text_of_all();
  const std::size_t half = text.find('\n', text.size() / 2) + 20;
  Log log;
  const NdjsonTrace trace = read_ndjson(text.substr(0, half), log);
  EXPECT_FALSE(trace.is_complete);
  EXPECT_EQ(static_cast<std::ptrdiff_t>(log.events().size()) + 1,
            std::count(text.begin(), text.begin() + static_cast<long>(half), '\n'));
  EXPECT_EQ(trace.end, log.events().back().at);
}

TEST(Ndjson, WhatIsNoTraceIsRefusedByLine) {
  EXPECT_NE(complaint("").find("empty"), std::string::npos);
  EXPECT_NE(complaint("hello\n").find("line 1"), std::string::npos);
  EXPECT_NE(complaint("{\"kind\":\"opened\"}\n").find("first line"), std::string::npos);
  EXPECT_NE(complaint("{\"kind\":\"trace\",\"version\":2}\n").find("version"), std::string::npos);
  EXPECT_NE(complaint(first_line + "{\"kind\":\"opened\"}\n").find("line 2"), std::string::npos);
  for (
      const std::string bad :
      {R"({"kind":"written","at":1,"actor":"a","end":"client","packet":"PUBLISHED"})",
       R"({"kind":"written","at":1,"actor":"a","end":"client","packet":"PUBLISH","message":"xyz"})",
       R"({"kind":"written","at":1,"actor":"a","end":"client","packet":"PINGREQ","detail":{}})",
       R"({"kind":"opened","at":"soon","actor":"a","end":"client"})"})
    EXPECT_NE(complaint(first_line + bad + "\n").find("line 2"), std::string::npos) << bad;
  std::string changed = text_of_all();
  changed.replace(changed.find("\"code\":147"), 10, "\"code\":148");
  EXPECT_NE(complaint(changed).find("was changed"), std::string::npos);
}

}  // namespace
}  // namespace mqttlab::trace
