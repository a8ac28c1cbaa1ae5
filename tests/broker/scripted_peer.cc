#include "tests/broker/scripted_peer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <utility>

namespace mqttlab::test {

Slice slice(std::string_view text) { return Slice::copy_of(text); }

namespace {

void add(std::string& text, std::string_view label, std::string_view value) {
  text += label;
  text += value;
}
void add(std::string& text, std::string_view label, int value) {
  add(text, label, std::to_string(value));
}

template <typename P>
void add_outcome(std::string& text, const P& packet) {
  if constexpr (requires { packet.reason; }) {
    char code[8];
    std::snprintf(code, sizeof code, " 0x%02X", static_cast<unsigned>(packet.reason));
    if (packet.reason != ReasonCode::success) text += code;
  }
  if constexpr (requires { packet.properties; } && !std::is_same_v<P, Connack>)
    text += text_of(packet.properties);
}

}  // namespace

std::string text_of(const Properties& properties) {
  std::string text;
  properties.for_each([&](const Property& property) {
    const PropertyRule& rule = rule_of(property.id);
    text += text.empty() ? " {" : ", ";
    add(text, rule.name, " ");
    if (is_number(rule.type)) text += std::to_string(property.number);
    if (!property.name.empty()) add(text, property.name, "=");
    text += property.text;
  });
  return text.empty() ? text : text + "}";
}

Connect connect_5(std::string_view client_id, bool clean_start, Properties properties) {
  Connect packet;
  packet.version = ProtocolVersion::v5_0;
  packet.client_id = slice(client_id);
  packet.clean_session = clean_start;
  packet.properties = std::move(properties);
  return packet;
}

std::string text_of(const Packet& packet) {
  std::string text(name(type_of(packet)));
  if (const auto* connack = std::get_if<Connack>(&packet)) {
    if (connack->reason == ReasonCode::success) add(text, " ", static_cast<int>(connack->code));
    if (connack->session_present) text += " present";
  } else if (const auto* publish = std::get_if<Publish>(&packet)) {
    add(text, " ", publish->topic.text());
    add(text, "=", publish->payload.text());
    add(text, " q", static_cast<int>(publish->qos));
    if (publish->packet_id != 0) add(text, " id", publish->packet_id);
    if (publish->dup) text += " dup";
    if (publish->retain) text += " retain";
  } else if (const auto* suback = std::get_if<Suback>(&packet)) {
    add(text, " ", suback->packet_id);
    for (const int code : suback->codes) add(text, " ", code);
  } else if (const auto* unsuback = std::get_if<Unsuback>(&packet)) {
    add(text, " ", unsuback->packet_id);
    for (const ReasonCode code : unsuback->codes) add(text, " ", static_cast<int>(code));
  } else {
    const auto add_id = [&](const auto& other) {
      if constexpr (requires { other.packet_id; }) add(text, " ", other.packet_id);
    };
    std::visit(add_id, packet);
  }
  std::visit([&](const auto& value) { add_outcome(text, value); }, packet);
  return text;
}

ScriptedPeer::ScriptedPeer(TestBroker& test, LinkId id)
    : test_(test), id_(id), peer_(&test.broker.accept(id, test.now)) {}

void ScriptedPeer::send(const Packet& packet) {
  if (const auto* connect = std::get_if<Connect>(&packet)) version_ = connect->version;
  Outbox out;
  encode(packet, version_, out);
  std::vector<std::uint8_t> bytes;
  Bytes pieces[8];
  while (!out.empty()) {
    const std::size_t n = out.pending(pieces);
    std::size_t total = 0;
    for (std::size_t i = 0; i < n; ++i) {
      bytes.insert(bytes.end(), pieces[i].begin(), pieces[i].end());
      total += pieces[i].size();
    }
    out.sent(total);
  }
  send_bytes(bytes);
}

void ScriptedPeer::send_bytes(Bytes bytes) {
  ASSERT_FALSE(closed_) << "the broker has closed link " << id_;
  while (!bytes.empty()) {
    const auto room = peer_->space();
    if (room.empty()) return;  // the broker does not read: the bytes are lost with the link
    const std::size_t n = std::min(room.size(), bytes.size());
    std::copy_n(bytes.begin(), n, room.begin());
    peer_->received(n, test_.now);
    bytes = bytes.subspan(n);
    test_.flush();
    if (closed_) return;
  }
}

bool ScriptedPeer::readable() { return !closed_ && !peer_->space().empty(); }

std::vector<Packet> ScriptedPeer::take_packets() {
  std::vector<Packet> packets;
  for (;;) {
    auto frame = from_broker_.next();
    EXPECT_TRUE(frame) << "the broker's stream cannot be framed";
    if (!frame || !*frame) break;
    const auto packet = decode(**frame, Sender::server, version_);
    EXPECT_TRUE(packet) << "the broker sent a malformed packet";
    if (!packet) break;
    packets.push_back(*packet);
  }
  return packets;
}

Said ScriptedPeer::take() {
  Said said;
  for (const Packet& packet : take_packets()) said.push_back(text_of(packet));
  return said;
}

void ScriptedPeer::flush() {
  while (!closed_ && reading_) {
    Bytes piece[1];
    if (peer_->pending(piece) == 0) break;
    from_broker_.append(piece[0]);
    peer_->sent(piece[0].size(), test_.now);
  }
  Bytes piece[1];
  if (closed_ || !peer_->finished() || peer_->pending(piece) > 0) return;
  peer_->closed(CloseCause::local, test_.now);
  closed_ = true;
  test_.broker.release(id_);
}

void ScriptedPeer::read_some(std::size_t n) {
  Bytes piece[1];
  while (n > 0 && peer_->pending(piece) > 0) {
    const Bytes part = piece[0].first(std::min(n, piece[0].size()));
    from_broker_.append(part);
    n -= part.size();
    peer_->sent(part.size(), test_.now);
  }
  test_.flush();
}

void ScriptedPeer::set_reading(bool on) {
  reading_ = on;
  flush();
  test_.flush();
}

void ScriptedPeer::lose(CloseCause cause) {
  if (closed_) return;
  peer_->closed(cause, test_.now);
  closed_ = true;
  test_.broker.release(id_);
  test_.flush();
}

Said ScriptedPeer::connect(std::string_view client_id, bool clean, std::uint16_t keep_alive_s) {
  Connect packet;
  packet.client_id = slice(client_id);
  packet.clean_session = clean;
  packet.keep_alive_s = keep_alive_s;
  return connect(packet);
}

Said ScriptedPeer::connect(const Connect& packet) {
  send(packet);
  return take();
}

Said ScriptedPeer::subscribe(std::string_view filter, QoS qos, std::uint16_t id) {
  send(Subscribe{id, {{slice(filter), qos}}});
  return take();
}

void ScriptedPeer::publish(std::string_view topic, std::string_view payload, QoS qos,
                           std::uint16_t id, bool retain, bool dup) {
  send(Publish{slice(topic), slice(payload), qos, retain, dup, id});
}

TestBroker::TestBroker(BrokerConfig config, Access* access, Journal* journal,
                       std::function<Time()> unix_offset)
    : broker(config, 1, access, &log, log.add_actor("broker"), journal, std::move(unix_offset)) {}

ScriptedPeer& TestBroker::accept() {
  peers_.push_back(std::make_unique<ScriptedPeer>(*this, static_cast<LinkId>(peers_.size() + 1)));
  ScriptedPeer& peer = *peers_.back();
  peer.flush();
  return peer;
}

ScriptedPeer& TestBroker::connected(std::string_view client_id, bool clean,
                                    std::uint16_t keep_alive_s) {
  Connect packet;
  packet.client_id = slice(client_id);
  packet.clean_session = clean;
  packet.keep_alive_s = keep_alive_s;
  return connected(packet);
}

ScriptedPeer& TestBroker::connected(const Connect& connect) {
  ScriptedPeer& peer = accept();
  const Said said = peer.connect(connect);
  const bool accepted =
      !said.empty() && (said.front() == "CONNACK 0" || said.front() == "CONNACK 0 present");
  EXPECT_TRUE(accepted) << connect.client_id.text();
  return peer;
}

void TestBroker::until(Time when) {
  while (broker.deadline() <= when) {
    now = broker.deadline();
    broker.advance(now);
    flush();
  }
  now = when;
}

void TestBroker::flush() {
  for (;;) {
    const auto links = broker.touched();
    if (links.empty()) return;
    const std::vector<LinkId> ids(links.begin(), links.end());
    touched.insert(touched.end(), ids.begin(), ids.end());
    for (const LinkId id : ids) peers_[id - 1]->flush();
  }
}

Said TestBroker::records() {
  Said said;
  for (; recorded_ < log.events().size(); ++recorded_) {
    const trace::Event& event = log.events()[recorded_];
    const bool dropped = event.kind == trace::Kind::dropped;
    std::string text(trace::name(event.kind));
    if (dropped) add(text, " ", trace::name(static_cast<trace::DropReason>(event.code)));
    add(text, " ", log.text(event.text));
    if (dropped) add(text, " q", static_cast<int>(trace::qos_of(event)));
    said.push_back(text);
  }
  return said;
}

}  // namespace mqttlab::test
