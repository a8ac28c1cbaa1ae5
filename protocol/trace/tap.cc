#include "protocol/trace/tap.h"

#include "protocol/wire/codec.h"

namespace mqttlab::trace {
namespace {

// A tap follows whatever the standard allows; limits are the peer's business.
constexpr std::uint32_t no_limit = max_remaining_length + 5;

std::uint8_t direction(Kind kind) { return kind == Kind::arrived ? 1 : 0; }

template <typename Number>
void take(const std::optional<std::uint32_t>& number, Number& into) {
  if (number) into = static_cast<Number>(*number);
}

// Fills in what an event tells of a packet, type by type.
class Describer {
 public:
  /// `aliases`: of the packet's direction.
  Describer(Log& log, ProtocolVersion version, std::vector<Text>& aliases, Event& event)
      : log_(log), version_(version), aliases_(aliases), event_(event) {}

  void operator()(const Connect& packet) {
    event_.text = log_.intern(packet.client_id.text());
    ConnectDetail connect;
    connect.version = packet.version;
    connect.clean_session = packet.clean_session;
    connect.keep_alive_s = packet.keep_alive_s;
    if (packet.will) add(*packet.will, connect);
    const Properties& of = packet.properties;
    connect.authenticates = of.has(PropertyId::authentication_method);
    take(of.get<PropertyId::receive_maximum>(), connect.receive_maximum);
    take(of.get<PropertyId::topic_alias_maximum>(), connect.topic_alias_maximum);
    take(of.get<PropertyId::maximum_packet_size>(), connect.max_packet_size);
    take(of.get<PropertyId::session_expiry_interval>(), connect.session_expiry_s);
    event_.detail = log_.add_detail(connect);
  }
  void operator()(const Connack& packet) {
    event_.flags = packet.session_present ? 1 : 0;
    event_.code = static_cast<std::uint8_t>(packet.code);
    if (version_ != ProtocolVersion::v5_0 || event_.code != 0) return;
    event_.code = static_cast<std::uint8_t>(packet.reason);
    ConnackDetail connack;
    const Properties& of = packet.properties;
    connack.session_expiry_s = of.get<PropertyId::session_expiry_interval>();
    connack.server_keep_alive_s = of.get<PropertyId::server_keep_alive>();
    take(of.get<PropertyId::receive_maximum>(), connack.receive_maximum);
    take(of.get<PropertyId::topic_alias_maximum>(), connack.topic_alias_maximum);
    take(of.get<PropertyId::maximum_packet_size>(), connack.max_packet_size);
    if (const auto id = of.get<PropertyId::assigned_client_identifier>())
      connack.assigned_client_id = log_.intern(id->text());
    event_.detail = log_.add_detail(connack);
  }
  void operator()(const Publish& packet) {
    event_.flags = static_cast<std::uint8_t>((packet.dup ? flag_dup : 0) |
                                             static_cast<unsigned>(packet.qos) << 1 |
                                             (packet.retain ? flag_retain : 0));
    event_.packet_id = packet.packet_id;
    event_.payload_bytes = static_cast<std::uint32_t>(packet.payload.size());
    if (!packet.topic.empty()) event_.text = log_.intern(packet.topic.text());
    if (!packet.properties.empty()) add(packet);
    if (event_.text != 0)
      event_.message = Log::identity(log_.text(event_.text), packet.payload.bytes());
  }
  void operator()(const Subscribe& packet) {
    event_.packet_id = packet.packet_id;
    FiltersDetail detail;
    for (const Subscription& one : packet.subscriptions) {
      const unsigned options = static_cast<unsigned>(one.qos) | (one.no_local ? 0x04U : 0U) |
                               (one.retain_as_published ? 0x08U : 0U) |
                               static_cast<unsigned>(one.retain_handling) << 4;
      detail.filters.push_back(
          {log_.intern(one.filter.text()), static_cast<std::uint8_t>(options)});
    }
    take(packet.properties.get<PropertyId::subscription_identifier>(), detail.identifier);
    event_.detail = log_.add_detail(std::move(detail));
  }
  void operator()(const Suback& packet) {
    event_.packet_id = packet.packet_id;
    FiltersDetail detail;
    for (const std::uint8_t code : packet.codes) detail.filters.push_back({0, code});
    event_.detail = log_.add_detail(std::move(detail));
  }
  void operator()(const Unsubscribe& packet) {
    event_.packet_id = packet.packet_id;
    FiltersDetail detail;
    for (const Slice& filter : packet.filters)
      detail.filters.push_back({log_.intern(filter.text()), 0});
    event_.detail = log_.add_detail(std::move(detail));
  }
  void operator()(const Unsuback& packet) {
    event_.packet_id = packet.packet_id;
    if (packet.codes.empty()) return;
    FiltersDetail detail;
    for (const ReasonCode code : packet.codes)
      detail.filters.push_back({0, static_cast<std::uint8_t>(code)});
    event_.detail = log_.add_detail(std::move(detail));
  }
  void operator()(const Pingreq&) {}
  void operator()(const Pingresp&) {}
  void operator()(const Disconnect& packet) {
    event_.code = static_cast<std::uint8_t>(packet.reason);
    const auto expiry_s = packet.properties.get<PropertyId::session_expiry_interval>();
    if (expiry_s) event_.detail = log_.add_detail(DisconnectDetail{*expiry_s});
  }
  void operator()(const Auth& packet) { event_.code = static_cast<std::uint8_t>(packet.reason); }
  template <typename Acknowledgement>
  void operator()(const Acknowledgement& packet) {
    event_.packet_id = packet.packet_id;
    event_.code = static_cast<std::uint8_t>(packet.reason);
  }

 private:
  void add(const Will& will, ConnectDetail& connect) {
    connect.has_will = true;
    connect.will_topic = log_.intern(will.topic.text());
    connect.will_message = Log::identity(will.topic.text(), will.payload.bytes());
    connect.will_payload_empty = will.payload.empty();
    connect.will_qos = will.qos;
    connect.will_retain = will.retain;
    take(will.properties.get<PropertyId::will_delay_interval>(), connect.will_delay_s);
    connect.will_expiry_s = will.properties.get<PropertyId::message_expiry_interval>();
  }
  void add(const Publish& packet) {
    PublishDetail detail;
    take(packet.properties.get<PropertyId::topic_alias>(), detail.alias);
    detail.topic_given = event_.text != 0;
    detail.expiry_s = packet.properties.get<PropertyId::message_expiry_interval>();
    packet.properties.for_each([&](const Property& property) {
      if (property.id == PropertyId::subscription_identifier)
        detail.identifiers.push_back(property.number);
    });
    if (detail.alias != 0) resolve(detail);
    if (detail.alias != 0 || detail.expiry_s || !detail.identifiers.empty())
      event_.detail = log_.add_detail(std::move(detail));
  }
  // A mapping stands until the alias is given to another topic, or the connection ends
  // (MQTT-3.3.2-7).
  void resolve(const PublishDetail& publish) {
    if (publish.topic_given) {
      if (aliases_.size() <= publish.alias) aliases_.resize(publish.alias + std::size_t{1});
      aliases_[publish.alias] = event_.text;
    } else if (publish.alias < aliases_.size()) {
      event_.text = aliases_[publish.alias];
    }
  }

  Log& log_;
  const ProtocolVersion version_;
  std::vector<Text>& aliases_;
  Event& event_;
};

}  // namespace

Tap::Tap(Log& log, End end, Actor actor, std::uint32_t connection, Time now, bool guest)
    : log_(log),
      written_{Kind::written, end == End::client ? Sender::client : Sender::server,
               Framer(no_limit)},
      arrived_{Kind::arrived, end == End::client ? Sender::server : Sender::client,
               Framer(no_limit)} {
  base_.end = end;
  base_.actor = actor;
  base_.connection = connection;
  Event event = base_;
  event.at = now;
  event.kind = Kind::opened;
  event.flags = guest ? flag_guest : 0;
  log_.append(event);
}

void Tap::written(Bytes bytes, Time now) { feed(written_, bytes, now); }
void Tap::arrived(Bytes bytes, Time now) { feed(arrived_, bytes, now); }

void Tap::closed(CloseCause cause, Time now) {
  if (closed_) return;
  closed_ = true;
  tail(written_, now);
  tail(arrived_, now);
  Event event = base_;
  event.at = now;
  event.kind = Kind::closed;
  event.code = static_cast<std::uint8_t>(cause);
  log_.append(event);
}

void Tap::feed(Stream& stream, Bytes bytes, Time now) {
  if (closed_) return;
  stream.bytes += bytes.size();
  while (!stream.broken && !bytes.empty() && stream.framer.buffered() == 0) {
    const auto header = read_fixed_header(bytes, version_);
    if (!header || !*header || (*header)->frame_size() > bytes.size()) break;
    const std::size_t size = (*header)->frame_size();
    packet(stream, Slice(nullptr, bytes.data(), size), now);
    bytes = bytes.subspan(size);
  }
  if (stream.broken || bytes.empty()) return;
  stream.framer.append(bytes);
  while (!stream.broken) {
    const auto frame = stream.framer.next(version_);
    if (!frame) return malformed(stream, frame.violation(), stream.framer.buffered(), now);
    if (!*frame) return;
    packet(stream, **frame, now);
  }
}

// A server that does not speak 5.0 refuses in its own version (MQTT-3.1.2-2).
Result<Packet> Tap::decoded(const Stream& stream, const Slice& frame) const {
  auto decoded = decode(frame, stream.sender, version_);
  if (decoded || version_ != ProtocolVersion::v5_0) return decoded;
  auto refusal = decode(frame, stream.sender, ProtocolVersion::v3_1_1);
  const auto* connack = refusal ? std::get_if<Connack>(&*refusal) : nullptr;
  return connack && connack->code != ConnectReturn::accepted ? refusal : decoded;
}

void Tap::packet(Stream& stream, const Slice& frame, Time now) {
  const auto packet = decoded(stream, frame);
  if (!packet) return malformed(stream, packet.violation(), frame.size(), now);
  if (const auto* connect = std::get_if<Connect>(&*packet)) version_ = connect->version;
  Event event = base_;
  event.at = now;
  event.kind = stream.kind;
  event.packet = type_of(*packet);
  event.bytes = static_cast<std::uint32_t>(frame.size());
  std::visit(Describer(log_, version_, stream.aliases, event), *packet);
  log_.append(event);
}

void Tap::malformed(Stream& stream, const Violation& violation, std::size_t bytes, Time now) {
  stream.broken = true;
  Event event = base_;
  event.at = now;
  event.kind = Kind::malformed;
  event.flags = direction(stream.kind);
  event.code = violation.reason;
  event.text = log_.intern(violation.statement);
  event.bytes = static_cast<std::uint32_t>(bytes);
  log_.append(event);
}

void Tap::tail(const Stream& stream, Time now) {
  if (stream.broken || stream.framer.buffered() == 0) return;
  Event event = base_;
  event.at = now;
  event.kind = Kind::tail;
  event.flags = direction(stream.kind);
  event.bytes = static_cast<std::uint32_t>(stream.framer.buffered());
  log_.append(event);
}

}  // namespace mqttlab::trace
