#include "protocol/journal/codec.h"

#include <algorithm>
#include <array>
#include <concepts>
#include <type_traits>
#include <utility>

#include "protocol/wire/reader.h"
#include "protocol/wire/writer.h"

namespace mqttlab::journal {
namespace {

constexpr std::string_view names[] = {
    "SessionKept",      "SessionEnded", "Subscribed",       "Unsubscribed",     "MessageStored",
    "DeliveryHeld",     "DeliverySent", "DeliveryReceived", "DeliveryFinished", "PacketIdTaken",
    "PacketIdReleased", "RetainedSet",  "RetainedCleared",  "WillOwed",         "WillWithdrawn"};
static_assert(std::size(names) == std::variant_size_v<Record>);

constexpr PropertyPlace in_publish = place_of(PacketType::publish);

// The fields of each record, in order, once for writing and reading.
template <typename R, typename Of>
concept Is = std::same_as<std::remove_const_t<R>, Of>;

// A payload has no length: it comes last.
void fields(auto& io, Is<Message> auto& message) {
  io.topic(message.topic);
  io.properties(message.properties, in_publish);
  io.integer(message.expires_at);
  io.payload(message.payload);
}
void fields(auto& io, Is<SessionKept> auto& record) {
  io.number(record.session);
  io.text(record.client_id);
  io.integer(record.expiry_s);
  io.flag(record.connected);
  io.integer(record.ends_at);
  io.integer(record.packet_id);
}
void fields(auto& io, Is<SessionEnded> auto& record) { io.number(record.session); }
void fields(auto& io, Is<Subscribed> auto& record) {
  io.number(record.session);
  io.filter(record.filter);
  io.qos(record.qos);
  io.flag(record.no_local);
  io.flag(record.retain_as_published);
  io.integer(record.identifier);
}
void fields(auto& io, Is<Unsubscribed> auto& record) {
  io.number(record.session);
  io.filter(record.filter);
}
void fields(auto& io, Is<MessageStored> auto& record) {
  io.number(record.message);
  io.qos(record.qos);
  io.flag(record.retain);
  fields(io, record.content);
}
void fields(auto& io, Is<DeliveryHeld> auto& record) {
  io.number(record.delivery);
  io.number(record.session);
  io.integer(record.message);
  io.qos(record.qos);
  io.flag(record.retain);
  io.flag(record.from_retained);
  io.integer(record.packet_id);
  io.text(record.share);
  io.properties(record.identifiers, in_publish);
}
void fields(auto& io, Is<DeliverySent> auto& record) {
  io.number(record.delivery);
  io.packet_id(record.packet_id);
}
void fields(auto& io, Is<DeliveryReceived> auto& record) { io.number(record.delivery); }
void fields(auto& io, Is<DeliveryFinished> auto& record) { io.number(record.delivery); }
void fields(auto& io, Is<PacketIdTaken> auto& record) {
  io.number(record.session);
  io.packet_id(record.packet_id);
}
void fields(auto& io, Is<PacketIdReleased> auto& record) {
  io.number(record.session);
  io.packet_id(record.packet_id);
}
void fields(auto& io, Is<RetainedSet> auto& record) {
  io.qos(record.qos);
  io.text(record.publisher);
  fields(io, record.content);
}
void fields(auto& io, Is<RetainedCleared> auto& record) { io.topic(record.topic); }
void fields(auto& io, Is<WillOwed> auto& record) {
  io.number(record.session);
  io.optional(record.user_name);
  io.text(record.certificate);
  io.integer(record.due_at);
  io.qos(record.will.qos);
  io.flag(record.will.retain);
  io.topic(record.will.topic);
  io.properties(record.will.properties, PropertyPlace::will);
  io.payload(record.will.payload);
}
void fields(auto& io, Is<WillWithdrawn> auto& record) { io.number(record.session); }

class Output {
 public:
  explicit Output(Outbox& out) : writer_(out, ProtocolVersion::v5_0) {}

  void integer(std::integral auto value) {
    for (int shift = sizeof value * 8 - 16; shift >= 0; shift -= 16)
      writer_.u16(static_cast<std::uint64_t>(value) >> shift & 0xFFFF);
  }
  void number(Number number) { integer(number); }
  void packet_id(std::uint16_t id) { integer(id); }
  void flag(bool flag) { writer_.u8(flag ? 1 : 0); }
  void qos(QoS qos) { writer_.u8(static_cast<std::uint8_t>(qos)); }
  void text(const Slice& text) { writer_.field(text); }
  void topic(const Slice& topic) { text(topic); }
  void filter(const Slice& filter) { text(filter); }
  void optional(const std::optional<Slice>& field) {
    flag(field.has_value());
    if (field) text(*field);
  }
  void properties(const Properties& set, PropertyPlace place) { writer_.properties(set, place); }
  void payload(const Slice& payload) { writer_.raw(payload); }

 private:
  Writer writer_;
};

class Input {
 public:
  explicit Input(const Slice& bytes) : reader_(bytes, 0, Sender::server, ProtocolVersion::v5_0) {}

  template <std::integral T>
  void integer(T& value) {
    std::uint64_t read = 0;
    for (std::size_t i = 0; i < sizeof value; i += 2) read = read << 16 | reader_.u16();
    value = static_cast<T>(read);
  }
  void number(Number& number) {
    integer(number);
    require(number != 0);
  }
  void packet_id(std::uint16_t& id) {
    integer(id);
    require(id != 0);
  }
  void flag(bool& flag) { flag = small(1) != 0; }
  void qos(QoS& qos) { qos = static_cast<QoS>(small(2)); }
  void text(Slice& text) { text = reader_.binary(); }
  void topic(Slice& topic) { topic = reader_.topic_name(length_statement); }
  void filter(Slice& filter) { filter = reader_.topic_filter(length_statement); }
  void optional(std::optional<Slice>& field) {
    if (small(1) != 0) field = reader_.binary();
  }
  void properties(Properties& set, PropertyPlace place) { set = reader_.properties(place); }
  void payload(Slice& payload) { payload = reader_.rest(); }

  std::uint8_t small(std::uint8_t most) {
    const std::uint8_t value = reader_.u8();
    require(value <= most);
    return value;
  }
  [[nodiscard]] bool whole() const { return reader_.ok() && reader_.left() == 0; }

 private:
  void require(bool holds) { reader_.require(holds, malformed("a value out of range")); }
  Reader reader_;
};

template <std::size_t... Kind>
Record empty_record(std::size_t kind, std::index_sequence<Kind...>) {
  using Make = Record (*)();
  constexpr Make make[] = {
      []() -> Record { return std::variant_alternative_t<Kind, Record>(); }...};
  return make[kind]();
}

}  // namespace

std::string_view name(const Record& record) { return names[record.index()]; }

std::vector<std::uint8_t> encode(const Record& record) {
  Outbox out;
  const std::uint8_t head[] = {format_version, static_cast<std::uint8_t>(record.index())};
  out.append(Bytes(head));
  std::visit([output = Output(out)](const auto& fields_of) mutable { fields(output, fields_of); },
             record);
  std::vector<std::uint8_t> bytes;
  bytes.reserve(out.size());
  while (!out.empty()) {
    std::array<Bytes, 8> pieces;
    const std::size_t n = out.pending(pieces);
    const std::size_t before = bytes.size();
    for (const Bytes piece : std::span(pieces).first(n))
      bytes.insert(bytes.end(), piece.begin(), piece.end());
    out.sent(bytes.size() - before);
  }
  return bytes;
}

Record decode(const Slice& bytes) {
  const auto size = std::to_string(bytes.size()) + " bytes";
  if (bytes.size() < 2) throw JournalError("a record of " + size + " is cut");
  const std::uint8_t version = bytes.bytes()[0], kind = bytes.bytes()[1];
  if (version != format_version)
    throw JournalError("a record of version " + std::to_string(version) + "; this program reads " +
                       std::to_string(format_version) + ": use the one that wrote it");
  if (kind >= std::size(names))
    throw JournalError("a record of kind " + std::to_string(kind) + ", which does not exist");
  Record record = empty_record(kind, std::make_index_sequence<std::variant_size_v<Record>>());
  const Slice body = bytes.part(2, bytes.size() - 2);
  Input input(body);
  std::visit([&](auto& fields_of) { fields(input, fields_of); }, record);
  if (!input.whole())
    throw JournalError(std::string(names[kind]) + " of " + size + " is cut or malformed");
  return record;
}

}  // namespace mqttlab::journal
