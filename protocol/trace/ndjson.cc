#include "protocol/trace/ndjson.h"

#include <charconv>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <unordered_map>

namespace mqttlab::trace {
namespace {

using Json = nlohmann::ordered_json;

// Puts the fields of a detail into an object, but for those that are what they are by default.
struct Put {
  Json& to;
  const Log& log;

  template <typename Value>
  void field(const char* name, const Value& value, const Value& usual) {
    if (value == usual) return;
    if constexpr (std::is_enum_v<Value>)
      to[name] = static_cast<int>(value);
    else
      to[name] = value;
  }
  template <typename Value>
  void field(const char* name, const std::optional<Value>& value, const std::optional<Value>&) {
    if (value) to[name] = *value;
  }
  void text(const char* name, Text value) {
    if (value != 0) to[name] = log.text(value);
  }
  void identity(const char* name, std::uint64_t value) {
    if (value == 0) return;
    char digits[17];
    const auto [end, error] = std::to_chars(digits, digits + 16, value, 16);
    to[name] = std::string(digits, end);
  }
  void filters(const char* name, const std::vector<FilterDetail>& filters) {
    Json& list = to[name] = Json::array();
    for (const FilterDetail& one : filters) list.push_back({log.text(one.filter), one.code});
  }
};

// Takes them back.
struct Get {
  const Json& from;
  Log& log;

  template <typename Value>
  void field(const char* name, Value& value, const Value&) {
    const auto at = from.find(name);
    if (at == from.end()) return;
    if constexpr (std::is_enum_v<Value>)
      value = static_cast<Value>(at->template get<int>());
    else
      value = at->template get<Value>();
  }
  template <typename Value>
  void field(const char* name, std::optional<Value>& value, const std::optional<Value>&) {
    if (const auto at = from.find(name); at != from.end()) value = at->template get<Value>();
  }
  void text(const char* name, Text& value) {
    if (const auto at = from.find(name); at != from.end())
      value = log.intern(at->get_ref<const std::string&>());
  }
  void identity(const char* name, std::uint64_t& value) {
    const auto at = from.find(name);
    if (at == from.end()) return;
    const auto& digits = at->get_ref<const std::string&>();
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
    if (error != std::errc() || end != digits.data() + digits.size())
      throw std::invalid_argument(std::string(name) + " is no hexadecimal number");
  }
  void filters(const char* name, std::vector<FilterDetail>& filters) {
    for (const Json& one : from.at(name))
      filters.push_back(
          {log.intern(one.at(0).get_ref<const std::string&>()), one.at(1).get<std::uint8_t>()});
  }
};

template <typename Io>
void visit(Io io, ConnectDetail& d) {
  const ConnectDetail usual;
  io.field("version", d.version, usual.version);
  io.field("clean_session", d.clean_session, usual.clean_session);
  io.field("keep_alive_s", d.keep_alive_s, usual.keep_alive_s);
  io.field("has_will", d.has_will, usual.has_will);
  io.text("will_topic", d.will_topic);
  io.identity("will_message", d.will_message);
  io.field("will_payload_empty", d.will_payload_empty, usual.will_payload_empty);
  io.field("will_qos", d.will_qos, usual.will_qos);
  io.field("will_retain", d.will_retain, usual.will_retain);
  io.field("authenticates", d.authenticates, usual.authenticates);
  io.field("receive_maximum", d.receive_maximum, usual.receive_maximum);
  io.field("topic_alias_maximum", d.topic_alias_maximum, usual.topic_alias_maximum);
  io.field("max_packet_size", d.max_packet_size, usual.max_packet_size);
  io.field("session_expiry_s", d.session_expiry_s, usual.session_expiry_s);
  io.field("will_delay_s", d.will_delay_s, usual.will_delay_s);
  io.field("will_expiry_s", d.will_expiry_s, usual.will_expiry_s);
}
template <typename Io>
void visit(Io io, ConnackDetail& d) {
  const ConnackDetail usual;
  io.field("session_expiry_s", d.session_expiry_s, usual.session_expiry_s);
  io.field("server_keep_alive_s", d.server_keep_alive_s, usual.server_keep_alive_s);
  io.field("receive_maximum", d.receive_maximum, usual.receive_maximum);
  io.field("topic_alias_maximum", d.topic_alias_maximum, usual.topic_alias_maximum);
  io.field("max_packet_size", d.max_packet_size, usual.max_packet_size);
  io.text("assigned_client_id", d.assigned_client_id);
}
template <typename Io>
void visit(Io io, PublishDetail& d) {
  const PublishDetail usual;
  io.field("alias", d.alias, usual.alias);
  io.field("topic_given", d.topic_given, usual.topic_given);
  io.field("expiry_s", d.expiry_s, usual.expiry_s);
  io.field("identifiers", d.identifiers, usual.identifiers);
}
template <typename Io>
void visit(Io io, FiltersDetail& d) {
  io.filters("filters", d.filters);
  io.field("identifier", d.identifier, std::uint32_t{0});
}
template <typename Io>
void visit(Io io, DisconnectDetail& d) {
  io.field("session_expiry_s", d.session_expiry_s, std::uint32_t{0});
}

// Which of them a packet has.
Detail detail_of(PacketType packet) {
  switch (packet) {
    case PacketType::connect:
      return ConnectDetail();
    case PacketType::connack:
      return ConnackDetail();
    case PacketType::publish:
      return PublishDetail();
    case PacketType::disconnect:
      return DisconnectDetail();
    case PacketType::subscribe:
    case PacketType::suback:
    case PacketType::unsubscribe:
    case PacketType::unsuback:
      return FiltersDetail();
    default:
      throw std::invalid_argument("this packet has no detail");
  }
}

bool has_token(Kind kind) {
  return kind == Kind::publish_called || kind == Kind::publish_completed;
}
bool has_end(Kind kind) { return kind <= Kind::tail; }
bool has_packet(Kind kind) { return kind == Kind::written || kind == Kind::arrived; }

// The numbers of an event, each under its name.
template <typename Io>
void visit(Io io, Event& event) {
  const Event usual;
  io.field("connection", event.connection, usual.connection);
  io.field("flags", event.flags, usual.flags);
  io.field("code", event.code, usual.code);
  io.field("packet_id", event.packet_id, usual.packet_id);
  io.field("bytes", event.bytes, usual.bytes);
  io.field("payload_bytes", event.payload_bytes, usual.payload_bytes);
  io.identity("message", event.message);
  io.text("text", event.text);
  if (has_token(event.kind)) io.field("token", event.detail, usual.detail);
}

template <typename Value>
std::unordered_map<std::string_view, Value> by_name(int first, int last) {
  std::unordered_map<std::string_view, Value> values;
  for (int i = first; i <= last; ++i)
    values.emplace(name(static_cast<Value>(i)), static_cast<Value>(i));
  return values;
}

class Reader {
 public:
  explicit Reader(Log& log) : log_(log) {}

  void line(const std::string_view text) {
    const Json object = Json::parse(text);
    const auto& kind = object.at("kind").get_ref<const std::string&>();
    if (!begun_) return begin(object, kind);
    if (const auto known = kinds_.find(kind); known != kinds_.end())
      return event(object, known->second);
    if (kind == "end")
      end(object);
    else
      trace_.others.emplace_back(text);
  }
  [[nodiscard]] NdjsonTrace take() {
    if (!begun_) throw std::invalid_argument("the trace is empty");
    if (!trace_.is_complete && !log_.events().empty()) trace_.end = log_.events().back().at;
    return std::move(trace_);
  }

 private:
  void begin(const Json& object, const std::string& kind) {
    if (kind != "trace") throw std::invalid_argument("the first line is to be of kind \"trace\"");
    if (object.at("version") != ndjson_version)
      throw std::invalid_argument("its version is " + object.at("version").dump() +
                                  ", and this program reads version " +
                                  std::to_string(ndjson_version));
    trace_.applications = object.value("applications", true);
    begun_ = true;
  }
  void event(const Json& object, Kind kind) {
    Event event;
    event.kind = kind;
    event.at = object.at("at").get<Time>();
    event.actor = actor(object.at("actor").get_ref<const std::string&>());
    if (has_end(kind) || object.contains("end"))
      event.end = object.at("end") == "broker" ? End::broker : End::client;
    if (has_packet(kind))
      event.packet = packets_.at(object.at("packet").get_ref<const std::string&>());
    visit(Get{object, log_}, event);
    if (const auto at = object.find("detail"); at != object.end()) {
      Detail detail = detail_of(event.packet);
      std::visit([&](auto& of) { visit(Get{*at, log_}, of); }, detail);
      event.detail = log_.add_detail(std::move(detail));
    }
    log_.append(event);
  }
  void end(const Json& object) {
    trace_.end = object.at("at").get<Time>();
    trace_.is_complete = object.at("events") == log_.events().size();
    if (object.at("fingerprint") != log_.fingerprint())
      throw std::invalid_argument(
          "the fingerprint is not that of the events: the file was changed");
  }
  Actor actor(const std::string& name) {
    const auto [at, is_new] = actors_.try_emplace(name, Actor{});
    if (is_new) at->second = log_.add_actor(name);
    return at->second;
  }

  Log& log_;
  NdjsonTrace trace_;
  bool begun_ = false;
  std::unordered_map<std::string, Actor> actors_;
  const std::unordered_map<std::string_view, Kind> kinds_ = by_name<Kind>(0, trace::kinds - 1);
  const std::unordered_map<std::string_view, PacketType> packets_ =
      by_name<PacketType>(1, static_cast<int>(PacketType::auth));
};

}  // namespace

void NdjsonWriter::on(const Event& given, const Log& log) {
  Event event = given;
  Json object{{"at", event.at}, {"kind", name(event.kind)}};
  if (has_end(event.kind) || event.end != Event().end)
    object["end"] = event.end == End::client ? "client" : "broker";
  object["actor"] = log.actor_name(event.actor);
  if (has_packet(event.kind)) object["packet"] = mqttlab::name(event.packet);
  visit(Put{object, log}, event);
  if (event.detail != 0 && !has_token(event.kind)) {
    Detail detail = log.detail(event.detail);
    Json& to = object["detail"] = Json::object();
    std::visit([&](auto& of) { visit(Put{to, log}, of); }, detail);
  }
  sink_(object.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
}

void NdjsonWriter::end(const Log& log, Time now) {
  const Json object{{"kind", "end"},
                    {"at", now},
                    {"events", log.events().size()},
                    {"fingerprint", log.fingerprint()}};
  sink_(object.dump() + "\n");
}

NdjsonTrace read_ndjson(std::string_view text, Log& log) {
  Reader reader(log);
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t newline = text.find('\n');
    const bool is_whole = newline != std::string_view::npos;
    const std::string_view line = text.substr(0, newline);
    text.remove_prefix(is_whole ? newline + 1 : text.size());
    if (line.empty()) continue;
    try {
      reader.line(line);
    } catch (const std::exception& error) {
      if (!is_whole && number > 1) break;
      throw std::invalid_argument("line " + std::to_string(number) + ": " + error.what());
    }
  }
  return reader.take();
}

}  // namespace mqttlab::trace
