// _core: all that needs no simulator: codec, topics, names, invariants, links, and what every world
// is made of.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <tuple>
#include <vector>

#include "bindings/client.h"
#include "bindings/configs.h"
#include "bindings/errors.h"
#include "bindings/judge.h"
#include "bindings/links.h"
#include "bindings/live.h"
#include "bindings/packets.h"
#include "bindings/world.h"
#include "protocol/oracle/oracle.h"
#include "protocol/trace/event.h"
#include "protocol/wire/codec.h"
#include "protocol/wire/reason_code.h"
#include "protocol/wire/topic.h"

namespace py = pybind11;
using namespace py::literals;

namespace mqttlab::bindings {
namespace {

/// One whole packet as one line for people.
std::string describe_frame(const py::bytes& frame, bool from_client, int version) {
  const auto result = decode_frame(frame, from_client, version);
  if (!result)
    throw std::invalid_argument("describe: not a valid packet: it breaks " +
                                std::string(result.violation().statement));
  return describe(*result);
}

/// The names of an enumeration's values 0..count-1.
template <typename Value>
std::vector<std::string> names_of(int count) {
  std::vector<std::string> names;
  for (int i = 0; i < count; ++i) names.emplace_back(trace::name(static_cast<Value>(i)));
  return names;
}

std::vector<std::string> packet_names() {
  std::vector<std::string> names;
  for (int i = 1; i <= static_cast<int>(PacketType::auth); ++i)
    names.emplace_back(name(static_cast<PacketType>(i)));
  return names;
}

/// Name, offset and size of each column, as the compiler laid them out.
std::vector<std::tuple<std::string, std::size_t, std::size_t>> event_layout() {
  using trace::Event;
#define COLUMN(member) \
  std::tuple { std::string(#member), offsetof(Event, member), sizeof(Event::member) }
  return {COLUMN(at),        COLUMN(message), COLUMN(kind),         COLUMN(end),
          COLUMN(packet),    COLUMN(flags),   COLUMN(code),         COLUMN(reserved),
          COLUMN(packet_id), COLUMN(actor),   COLUMN(connection),   COLUMN(bytes),
          COLUMN(text),      COLUMN(detail),  COLUMN(payload_bytes)};
#undef COLUMN
}

}  // namespace

PYBIND11_MODULE(_core, m) {
  m.doc() = "The protocol without a simulator.";
  translate_errors();
  bind_judge(m);
  bind_links(m);
  bind_properties(m);
  bind_configs(m);
  bind_client_events(m);
  bind_client(m);
  bind_world(m);
  bind_live(m);
  m.def("describe", &describe_frame, "frame"_a, "from_client"_a = true, "version"_a = 4,
        "One whole packet (bytes) as one line. Errors: UsageError naming the statement it breaks.");
  m.def(
      "decode", &fields_of, "frame"_a, "from_client"_a, "version"_a,
      "One whole packet (bytes) as a dict of its fields. Errors: UsageError for a wrong version.");
  m.def("property_table", &property_table, "(name, identifier, type) of each property of 5.0.");
  m.def("matches", &matches, "filter"_a, "topic"_a,
        "True if a valid topic filter matches a valid topic name.");
  m.def("valid_topic_name", &valid_topic_name, "topic"_a);
  m.def("valid_topic_filter", &valid_topic_filter, "filter"_a);
  m.def(
      "reason_name",
      [](std::uint8_t code, std::uint8_t packet) {
        return name(static_cast<ReasonCode>(code), static_cast<PacketType>(packet));
      },
      "code"_a, "packet"_a);
  m.def("invariants", &oracle::invariants, "What the oracle checks, in report order.");
  m.def(
      "invariant_table",
      [] {
        std::vector<std::array<std::string, 5>> rows;
        for (const oracle::Invariant& one : oracle::catalogue())
          rows.push_back({one.name, one.group, one.strength, one.needs, one.statements});
        return rows;
      },
      "[name, group, strength, needs, statements] of each, in report order.");
  m.def("event_layout", &event_layout, "(name, offset, size) of each column of an event.");
  m.attr("event_bytes") = sizeof(trace::Event);
  m.attr("kinds") = names_of<trace::Kind>(trace::kinds);
  m.attr("drop_reasons") =
      names_of<trace::DropReason>(static_cast<int>(trace::DropReason::expired) + 1);
  m.attr("deaths") = names_of<trace::Death>(static_cast<int>(trace::Death::silent) + 1);
  m.attr("store_fates") = names_of<trace::StoreFate>(static_cast<int>(trace::StoreFate::torn) + 1);
  m.attr("packets") = packet_names();
}

}  // namespace mqttlab::bindings
