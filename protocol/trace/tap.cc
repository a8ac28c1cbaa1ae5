#include "protocol/trace/tap.h"

#include "protocol/wire/codec.h"

namespace mqttlab::trace {
namespace {

// A tap follows whatever the standard allows; limits are the peer's business.
constexpr std::uint32_t no_limit = max_remaining_length + 5;

std::uint8_t direction(Kind kind) { return kind == Kind::arrived ? 1 : 0; }

// Fills in what an event tells of a packet, type by type.
class Describer {
 public:
  Describer(Log& log, Event& event) : log_(log), event_(event) {}

  void operator()(const Connect& packet) {
    event_.text = log_.intern(packet.client_id.text());
    Detail detail;
    ConnectDetail& connect = detail.connect;
    connect.version = packet.version;
    connect.clean_session = packet.clean_session;
    connect.keep_alive_s = packet.keep_alive_s;
    if (packet.will) {
      const Will& will = *packet.will;
      connect.has_will = true;
      connect.will_topic = log_.intern(will.topic.text());
      connect.will_message = Log::identity(will.topic.text(), will.payload.bytes());
      connect.will_payload_empty = will.payload.empty();
      connect.will_qos = will.qos;
      connect.will_retain = will.retain;
    }
    event_.detail = log_.add_detail(std::move(detail));
  }
  void operator()(const Connack& packet) {
    event_.flags = packet.session_present ? 1 : 0;
    event_.code = static_cast<std::uint8_t>(packet.code);
  }
  void operator()(const Publish& packet) {
    event_.flags = static_cast<std::uint8_t>((packet.dup ? flag_dup : 0) |
                                             static_cast<unsigned>(packet.qos) << 1 |
                                             (packet.retain ? flag_retain : 0));
    event_.packet_id = packet.packet_id;
    event_.message = Log::identity(packet.topic.text(), packet.payload.bytes());
    event_.text = log_.intern(packet.topic.text());
    event_.payload_bytes = static_cast<std::uint32_t>(packet.payload.size());
  }
  void operator()(const Subscribe& packet) {
    event_.packet_id = packet.packet_id;
    Detail detail;
    for (const Subscription& subscription : packet.subscriptions)
      detail.filters.push_back(
          {log_.intern(subscription.filter.text()), static_cast<std::uint8_t>(subscription.qos)});
    event_.detail = log_.add_detail(std::move(detail));
  }
  void operator()(const Suback& packet) {
    event_.packet_id = packet.packet_id;
    Detail detail;
    for (const std::uint8_t code : packet.codes) detail.filters.push_back({0, code});
    event_.detail = log_.add_detail(std::move(detail));
  }
  void operator()(const Unsubscribe& packet) {
    event_.packet_id = packet.packet_id;
    Detail detail;
    for (const Slice& filter : packet.filters)
      detail.filters.push_back({log_.intern(filter.text()), 0});
    event_.detail = log_.add_detail(std::move(detail));
  }
  void operator()(const Pingreq&) {}
  void operator()(const Pingresp&) {}
  void operator()(const Disconnect&) {}
  void operator()(const Auth&) {}
  template <typename Acknowledgement>
  void operator()(const Acknowledgement& packet) {
    event_.packet_id = packet.packet_id;
  }

 private:
  Log& log_;
  Event& event_;
};

}  // namespace

Tap::Tap(Log& log, End end, Actor actor, std::uint32_t connection, Time now)
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
    const auto header = read_fixed_header(bytes);
    if (!header || !*header || (*header)->frame_size() > bytes.size()) break;
    const std::size_t size = (*header)->frame_size();
    packet(stream, Slice(nullptr, bytes.data(), size), now);
    bytes = bytes.subspan(size);
  }
  if (stream.broken || bytes.empty()) return;
  stream.framer.append(bytes);
  while (!stream.broken) {
    const auto frame = stream.framer.next();
    if (!frame) return malformed(stream, frame.violation(), stream.framer.buffered(), now);
    if (!*frame) return;
    packet(stream, **frame, now);
  }
}

void Tap::packet(Stream& stream, const Slice& frame, Time now) {
  const auto decoded = decode(frame, stream.sender, version_);
  if (!decoded) return malformed(stream, decoded.violation(), frame.size(), now);
  if (const auto* connect = std::get_if<Connect>(&*decoded)) version_ = connect->version;
  Event event = base_;
  event.at = now;
  event.kind = stream.kind;
  event.packet = type_of(*decoded);
  event.bytes = static_cast<std::uint32_t>(frame.size());
  std::visit(Describer(log_, event), *decoded);
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
