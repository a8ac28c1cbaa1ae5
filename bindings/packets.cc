#include "bindings/packets.h"

#include <stdexcept>
#include <string>
#include <type_traits>

#include "bindings/world.h"

namespace py = pybind11;

namespace mqttlab::bindings {
namespace {

py::bytes bytes_of(const Slice& slice) { return {slice.text().data(), slice.size()}; }
py::object optional_bytes(const std::optional<Slice>& slice) {
  return slice ? py::object(bytes_of(*slice)) : py::none();
}

/// Puts the fields of one packet into a dict.
struct Fields {
  py::dict& to;

  void operator()(const Connect& p) const {
    to["version"] = static_cast<int>(p.version);
    to["client_id"] = bytes_of(p.client_id);
    to["clean"] = p.clean_session;
    to["keep_alive_s"] = p.keep_alive_s;
    to["user_name"] = optional_bytes(p.user_name);
    to["password"] = optional_bytes(p.password);
    to["will"] = py::none();
    if (p.will) {
      py::dict will;
      will["topic"] = bytes_of(p.will->topic);
      will["payload"] = bytes_of(p.will->payload);
      will["qos"] = static_cast<int>(p.will->qos);
      will["retain"] = p.will->retain;
      will["properties"] = items(p.will->properties);
      to["will"] = will;
    }
    to["properties"] = items(p.properties);
  }
  void operator()(const Connack& p) const {
    to["session_present"] = p.session_present;
    // Each version has one of the two; the other one is 0.
    to["reason"] = static_cast<int>(p.reason) | static_cast<int>(p.code);
    to["properties"] = items(p.properties);
  }
  void operator()(const Publish& p) const {
    to["topic"] = bytes_of(p.topic);
    to["payload"] = bytes_of(p.payload);
    to["qos"] = static_cast<int>(p.qos);
    to["retain"] = p.retain;
    to["dup"] = p.dup;
    to["packet_id"] = p.packet_id;
    to["properties"] = items(p.properties);
  }
  void operator()(const Subscribe& p) const {
    to["packet_id"] = p.packet_id;
    py::list filters;
    for (const Subscription& one : p.subscriptions) {
      const int options = static_cast<int>(one.qos) | one.no_local << 2 |
                          one.retain_as_published << 3 | static_cast<int>(one.retain_handling) << 4;
      filters.append(py::make_tuple(bytes_of(one.filter), options));
    }
    to["filters"] = filters;
    to["properties"] = items(p.properties);
  }
  void operator()(const Suback& p) const {
    to["packet_id"] = p.packet_id;
    py::list codes;
    for (const std::uint8_t code : p.codes) codes.append(static_cast<int>(code));
    to["codes"] = codes;
    to["properties"] = items(p.properties);
  }
  void operator()(const Unsubscribe& p) const {
    to["packet_id"] = p.packet_id;
    py::list filters;
    for (const Slice& filter : p.filters) filters.append(bytes_of(filter));
    to["filters"] = filters;
    to["properties"] = items(p.properties);
  }
  void operator()(const Unsuback& p) const {
    to["packet_id"] = p.packet_id;
    py::list codes;
    for (const ReasonCode code : p.codes) codes.append(static_cast<int>(code));
    to["codes"] = codes;
    to["properties"] = items(p.properties);
  }
  void operator()(const Pingreq&) const {}
  void operator()(const Pingresp&) const {}
  /// PUBACK, PUBREC, PUBREL, PUBCOMP, DISCONNECT and AUTH.
  template <typename P>
  void operator()(const P& p) const {
    if constexpr (requires { p.packet_id; }) to["packet_id"] = p.packet_id;
    to["reason"] = static_cast<int>(p.reason);
    to["properties"] = items(p.properties);
  }
};

}  // namespace

Result<Packet> decode_frame(const py::bytes& frame, bool from_client, int version) {
  if (version < 3 || version > 5)
    throw std::invalid_argument("version is 3 (MQTT 3.1), 4 (3.1.1) or 5, got " +
                                std::to_string(version));
  return decode(Slice::copy_of(std::string_view(frame)),
                from_client ? Sender::client : Sender::server,
                static_cast<ProtocolVersion>(version));
}

py::dict fields_of(const py::bytes& frame, bool from_client, int version) {
  const auto packet = decode_frame(frame, from_client, version);
  py::dict fields;
  if (packet) {
    fields["type"] = py::str(name(type_of(*packet)).data());
    std::visit(Fields{fields}, *packet);
  } else {
    const std::string_view bytes(frame);
    const auto type = bytes.empty() ? 0 : static_cast<std::uint8_t>(bytes[0]) >> 4;
    const auto named = name(static_cast<PacketType>(type));
    fields["type"] = py::str(named.data(), named.size());
    const Violation& violation = packet.violation();
    fields["violation"] =
        py::make_tuple(static_cast<int>(violation.reason),
                       py::str(violation.statement.data(), violation.statement.size()));
  }
  return fields;
}

}  // namespace mqttlab::bindings
