#include "tests/oracle/trace_builder.h"

#include <gtest/gtest.h>

#include <utility>

namespace mqttlab::oracle_test {

using trace::End;
using trace::Event;
using trace::Kind;

namespace {

Bytes bytes_of(const std::string& text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

std::uint8_t flags_of(const Packet& packet) {
  return static_cast<std::uint8_t>((packet.dup ? trace::flag_dup : 0) | packet.qos << 1 |
                                   (packet.retain ? trace::flag_retain : 0));
}

Packet plain(PacketType type, std::uint16_t id = 0) { return {.type = type, .id = id}; }

}  // namespace

Packet publish(std::string topic, std::string payload, int qos, std::uint16_t id) {
  return {.type = PacketType::publish,
          .id = id,
          .topic = std::move(topic),
          .payload = std::move(payload),
          .qos = qos};
}
Packet puback(std::uint16_t id) { return plain(PacketType::puback, id); }
Packet pubrec(std::uint16_t id) { return plain(PacketType::pubrec, id); }
Packet pubrel(std::uint16_t id) { return plain(PacketType::pubrel, id); }
Packet pubcomp(std::uint16_t id) { return plain(PacketType::pubcomp, id); }
Packet pingreq() { return plain(PacketType::pingreq); }
Packet pingresp() { return plain(PacketType::pingresp); }
Packet disconnect() { return plain(PacketType::disconnect); }

Client::Client(TraceBuilder& trace, std::string name, trace::Actor actor)
    : trace_(trace), name_(std::move(name)), actor_(actor) {}

void Client::opens() {
  connection_ = trace_.next_connection();
  trace_.event(
      {.kind = Kind::opened, .end = End::client, .actor = actor_, .connection = connection_});
  trace_.event({.kind = Kind::opened,
                .end = End::broker,
                .actor = trace_.broker(),
                .connection = connection_});
}

void Client::sends_connect(const ConnectOptions& options) {
  trace::ConnectDetail connect = options.says;
  connect.version = options.version;
  connect.clean_session = options.clean;
  connect.keep_alive_s = options.keep_alive_s;
  if (!options.will_topic.empty()) {
    const std::string payload =
        options.will_payload.empty() ? name_ + " is gone" : options.will_payload;
    connect.has_will = true;
    connect.will_topic = trace_.log().intern(options.will_topic);
    connect.will_message = trace::Log::identity(options.will_topic, bytes_of(payload));
    connect.will_qos = static_cast<QoS>(options.will_qos);
    connect.will_retain = options.will_retain;
  }
  Event event{.kind = Kind::written,
              .end = End::client,
              .packet = PacketType::connect,
              .actor = actor_,
              .connection = connection_,
              .bytes = 20,
              .text = trace_.log().intern(name_),
              .detail = trace_.log().add_detail(connect)};
  trace_.event(event);
  event.kind = Kind::arrived;
  event.end = End::broker;
  event.actor = trace_.broker();
  trace_.event(event);
}

void Client::gets_connack(const ConnectOptions& options) {
  const bool present = options.present >= 0 ? options.present != 0
                                            : connected_ > 0 && !options.clean && options.code == 0;
  Event event{.kind = Kind::written,
              .end = End::broker,
              .packet = PacketType::connack,
              .flags = present,
              .code = static_cast<std::uint8_t>(options.code),
              .actor = trace_.broker(),
              .connection = connection_,
              .bytes = 4};
  if (options.version == ProtocolVersion::v5_0 && options.code == 0)
    event.detail = trace_.log().add_detail(options.answered);
  trace_.event(event);
  event.kind = Kind::arrived;
  event.end = End::client;
  event.actor = actor_;
  trace_.event(event);
  ++connected_;
}

void Client::connect(ConnectOptions options) {
  opens();
  sends_connect(options);
  gets_connack(options);
}

void Client::subscribe(const std::string& filter, int qos, int granted, std::uint8_t options,
                       std::uint32_t identifier) {
  const std::uint16_t id = request_++;
  const auto text = trace_.log().intern(filter);
  const auto code = static_cast<std::uint8_t>(granted < 0 ? qos : granted);
  sends({.type = PacketType::subscribe,
         .id = id,
         .filters = {{text, static_cast<std::uint8_t>(qos | options)}},
         .identifier = identifier});
  gets({.type = PacketType::suback, .id = id, .filters = {{0, code}}});
}

void Client::unsubscribe(const std::string& filter) {
  const std::uint16_t id = request_++;
  sends({.type = PacketType::unsubscribe, .id = id, .filters = {{trace_.log().intern(filter), 0}}});
  gets(plain(PacketType::unsuback, id));
}

void Client::writes(const Packet& packet) {
  trace_.packet(Kind::written, End::client, actor_, connection_, packet);
}
void Client::reaches(const Packet& packet) {
  trace_.packet(Kind::arrived, End::broker, trace_.broker(), connection_, packet);
}
void Client::sends(const Packet& packet) {
  writes(packet);
  reaches(packet);
}
void Client::is_sent(const Packet& packet) {
  trace_.packet(Kind::written, End::broker, trace_.broker(), connection_, packet);
}
void Client::hears(const Packet& packet) {
  trace_.packet(Kind::arrived, End::client, actor_, connection_, packet);
}
void Client::gets(const Packet& packet) {
  is_sent(packet);
  hears(packet);
}

void Client::publishes(const std::string& topic, const std::string& payload, int qos,
                       std::uint16_t id, bool retain) {
  Packet packet = publish(topic, payload, qos, id);
  packet.retain = retain;
  publishes(packet);
}

void Client::publishes(const Packet& packet) {
  const std::uint16_t id = packet.id;
  calls(packet.topic, packet.payload, packet.qos, id);
  Packet on_wire = packet;
  if (packet.qos == 0) on_wire.id = 0;
  sends(on_wire);
  if (packet.qos == 1) gets(puback(id));
  if (packet.qos == 2) {
    gets(pubrec(id));
    sends(pubrel(id));
    gets(pubcomp(id));
  }
  completes(id);
}

void Client::receives(const std::string& topic, const std::string& payload, int qos,
                      std::uint16_t id, bool retain) {
  Packet packet = publish(topic, payload, qos, id);
  packet.retain = retain;
  receives(packet);
}

void Client::receives(const Packet& packet) {
  Packet on_wire = packet;
  if (packet.qos == 0) on_wire.id = 0;
  gets(on_wire);
  is_handed(packet.topic, packet.payload, packet.qos, packet.retain);
  if (packet.qos == 1) sends(puback(packet.id));
  if (packet.qos == 2) {
    sends(pubrec(packet.id));
    gets(pubrel(packet.id));
    sends(pubcomp(packet.id));
  }
}

void Client::calls(const std::string& topic, const std::string& payload, int qos,
                   std::uint32_t token) {
  trace_.event({.message = trace::Log::identity(topic, bytes_of(payload)),
                .kind = Kind::publish_called,
                .flags = static_cast<std::uint8_t>(qos << 1),
                .actor = actor_,
                .text = trace_.log().intern(topic),
                .detail = token,
                .payload_bytes = static_cast<std::uint32_t>(payload.size())});
}

void Client::completes(std::uint32_t token, std::uint8_t outcome) {
  trace_.event(
      {.kind = Kind::publish_completed, .code = outcome, .actor = actor_, .detail = token});
}

void Client::is_handed(const std::string& topic, const std::string& payload, int qos, bool retain) {
  trace_.event({.message = trace::Log::identity(topic, bytes_of(payload)),
                .kind = Kind::delivered,
                .flags = static_cast<std::uint8_t>(qos << 1 | (retain ? 1 : 0)),
                .actor = actor_,
                .text = trace_.log().intern(topic)});
}

void Client::closes(CloseCause cause) {
  trace_.event({.kind = Kind::closed,
                .end = End::client,
                .code = static_cast<std::uint8_t>(cause),
                .actor = actor_,
                .connection = connection_});
}
void Client::is_closed(CloseCause cause) {
  trace_.event({.kind = Kind::closed,
                .end = End::broker,
                .code = static_cast<std::uint8_t>(cause),
                .actor = trace_.broker(),
                .connection = connection_});
}
void Client::cut() {
  closes(CloseCause::reset);
  is_closed(CloseCause::reset);
}
void Client::leaves() {
  sends(disconnect());
  closes();
  is_closed(CloseCause::fin);
}
void Client::dies(trace::Death how) {
  trace_.event({.kind = Kind::died, .code = static_cast<std::uint8_t>(how), .actor = actor_});
}
void Client::is_stopped() {
  trace_.event({.kind = Kind::stopped, .actor = actor_, .text = trace_.log().intern(name_)});
}

void Client::suffers(trace::Kind what, trace::StoreFate fate) {
  const auto code = what == Kind::crashed ? static_cast<std::uint8_t>(fate) : std::uint8_t{0};
  trace_.event({.kind = what, .code = code, .actor = actor_});
}

TraceBuilder::TraceBuilder() : broker_(log_.add_actor("broker")) {}

Client TraceBuilder::client(const std::string& name) { return {*this, name, log_.add_actor(name)}; }

void TraceBuilder::event(Event event) {
  now_ += millisecond;
  event.at = now_;
  if (event.end == End::broker && event.kind == Kind::opened) open_.push_back(event.connection);
  if (event.end == End::broker && event.kind == Kind::closed) std::erase(open_, event.connection);
  log_.append(event);
}

void TraceBuilder::packet(Kind kind, End end, trace::Actor actor, std::uint32_t connection,
                          const Packet& packet) {
  Event event{.kind = kind,
              .end = end,
              .packet = packet.type,
              .flags = flags_of(packet),
              .code = packet.code,
              .packet_id = packet.id,
              .actor = actor,
              .connection = connection,
              .bytes = packet.bytes};
  const trace::PublishDetail& with = packet.with;
  if (packet.type == PacketType::publish &&
      (with.alias != 0 || with.expiry_s || !with.identifiers.empty()))
    event.detail = log_.add_detail(with);
  if (packet.session_expiry_s)
    event.detail = log_.add_detail(trace::DisconnectDetail{*packet.session_expiry_s});
  if (packet.type == PacketType::publish && !packet.topic.empty()) {
    event.message = trace::Log::identity(packet.topic, bytes_of(packet.payload));
    event.text = log_.intern(packet.topic);
    event.payload_bytes = static_cast<std::uint32_t>(packet.payload.size());
  }
  if (!packet.filters.empty())
    event.detail = log_.add_detail(trace::FiltersDetail{packet.filters, packet.identifier});
  this->event(event);
}

void TraceBuilder::drops(const std::string& client_id, const Packet& message,
                         trace::DropReason reason) {
  event({.message = trace::Log::identity(message.topic, bytes_of(message.payload)),
         .kind = Kind::dropped,
         .end = End::broker,
         .flags = flags_of(message),
         .code = static_cast<std::uint8_t>(reason),
         .actor = broker_,
         .text = log_.intern(client_id)});
}

void TraceBuilder::ends_session(const std::string& client_id) {
  event({.kind = Kind::session_ended,
         .end = End::broker,
         .actor = broker_,
         .text = log_.intern(client_id)});
}

void TraceBuilder::malformed(std::uint32_t connection, End end, bool arrived,
                             const std::string& statement) {
  event({.kind = Kind::malformed,
         .end = end,
         .flags = arrived,
         .code = 0x81,
         .actor = broker_,
         .connection = connection,
         .bytes = 7,
         .text = log_.intern(statement)});
}

void TraceBuilder::tail(std::uint32_t connection, End end, bool arrived) {
  event({.kind = Kind::tail,
         .end = end,
         .flags = arrived,
         .actor = broker_,
         .connection = connection,
         .bytes = 7});
}

void TraceBuilder::crash(trace::StoreFate fate, CloseCause cause) {
  event({.kind = Kind::crashed,
         .end = End::broker,
         .code = static_cast<std::uint8_t>(fate),
         .actor = broker_});
  for (const std::uint32_t connection : std::vector(std::exchange(open_, {}))) {
    event({.kind = Kind::closed,
           .end = End::broker,
           .code = static_cast<std::uint8_t>(cause),
           .actor = broker_,
           .connection = connection});
  }
}

void TraceBuilder::restart() {
  event({.kind = Kind::restarted, .end = End::broker, .actor = broker_});
}

void TraceBuilder::settle() {
  event({.kind = Kind::phase, .text = log_.intern("settle")});
  wait(30);
}

void TraceBuilder::know(const Client& client, const oracle::DeviceFacts& facts) {
  facts_.emplace_back(client.actor(), facts);
}

void TraceBuilder::started(const Client& client) {
  starts_.emplace_back(log_.events().size(), client.actor());
}

std::unique_ptr<oracle::Oracle> TraceBuilder::judged() {
  auto judge = std::make_unique<oracle::Oracle>(settings);
  for (const auto& [device, facts] : facts_) judge->know(device, facts);
  auto start = starts_.begin();
  for (std::size_t i = 0; i < log_.events().size(); ++i) {
    for (; start != starts_.end() && start->first == i; ++start) judge->started(start->second);
    judge->on(log_.events()[i], log_);
  }
  if (gauges) judge->count(*gauges);
  judge->finish(now_, log_);
  return judge;
}

std::string TraceBuilder::broken() {
  std::vector<std::string> names;
  for (const oracle::Violation& violation : violations()) {
    const bool may_be_nobodys =
        violation.invariant == "CONVERGE" || violation.invariant == "STREAM-OK";
    EXPECT_TRUE(violation.offender || may_be_nobodys) << violation.what;
    bool known = false;
    for (const std::string& name : names) known = known || name == violation.invariant;
    if (!known) names.push_back(violation.invariant);
  }
  std::string all;
  for (const std::string& name : names) all += (all.empty() ? "" : " ") + name;
  return all;
}

std::vector<oracle::Violation> TraceBuilder::violations() { return judged()->violations(); }

oracle::Verdict TraceBuilder::verdict(std::string_view invariant) {
  for (const oracle::Verdict& verdict : judged()->verdicts())
    if (verdict.invariant == invariant) return verdict;
  return {};
}

}  // namespace mqttlab::oracle_test
