#include "bindings/world.h"

#include <pybind11/functional.h>
#include <pybind11/native_enum.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <array>

#include "bindings/client.h"
#include "bindings/judge.h"
#include "bindings/lab_world.h"

namespace py = pybind11;
using namespace py::literals;

namespace mqttlab::bindings {
namespace {

py::bytes bytes(const Slice& slice) { return py::bytes(slice.text().data(), slice.size()); }

std::string_view name(ConnectReturn code) {
  static constexpr std::array<std::string_view, 6> names{
      "accepted",           "unacceptable protocol version", "identifier rejected",
      "server unavailable", "bad user name or password",     "not authorized"};
  const auto index = static_cast<std::size_t>(code);
  return index < names.size() ? names[index] : "unknown";
}

/// Runs the world without the interpreter's lock. An exception of `keep_going`, or of a signal
/// handler, stops the run and is raised after it: none crosses the simulator.
Time run(LabWorld& lab, Time until, const py::function& keep_going) {
  std::exception_ptr failure;
  const auto poll = [&] {
    const py::gil_scoped_acquire locked;
    try {
      if (PyErr_CheckSignals() != 0) throw py::error_already_set();
      return keep_going().cast<bool>();
    } catch (...) {
      failure = std::current_exception();
      return false;
    }
  };
  Time now = 0;
  {
    const py::gil_scoped_release unlocked;
    now = lab.world().run(until, poll);
  }
  if (failure) std::rethrow_exception(failure);
  return now;
}

trace::Death death(const std::string& how) {
  for (const auto one : {trace::Death::fin, trace::Death::reset, trace::Death::silent})
    if (trace::name(one) == how) return one;
  throw std::invalid_argument("die: '" + how + "' is none of fin, reset, silent");
}

/// By kind of question, negative for never.
std::optional<AccessDelays> delays(const std::optional<std::array<Time, 3>>& given) {
  if (!given) return std::nullopt;
  const auto delay = [](Time time) { return time < 0 ? never : time; };
  return AccessDelays{delay((*given)[0]), delay((*given)[1]), delay((*given)[2])};
}

Cut cut(const std::string& how) {
  for (const auto one : {Cut::reset, Cut::fin, Cut::half_open, Cut::silent})
    if (mqttlab::name(one) == how) return one;
  throw std::invalid_argument("cut: '" + how + "' is none of reset, fin, half-open, silent");
}

Trigger trigger(const std::string& kind, const std::string& way, const std::string& packet,
                std::uint32_t count, std::uint64_t bytes, std::uint32_t connection) {
  constexpr std::array<std::string_view, 8> kinds{"at",    "bytes",   "before", "inside",
                                                  "after", "written", "unread", "resent"};
  const auto at = std::ranges::find(kinds, kind);
  if (at == kinds.end()) throw std::invalid_argument("when: '" + kind + "' is no instant");
  Trigger trigger{.kind = static_cast<Trigger::Kind>(at - kinds.begin()),
                  .way = way == "down" ? Way::down : Way::up,
                  .either_way = way.empty(),
                  .bytes = bytes,
                  .count = count};
  for (int i = 1; i <= static_cast<int>(PacketType::auth); ++i)
    if (name(static_cast<PacketType>(i)) == packet) trigger.packet = static_cast<PacketType>(i);
  if (connection != 0) trigger.connection = connection;
  return trigger;
}

using Call = std::variant<Token, Misuse>;

Call publish(LabWorld& lab, ClientId client, std::string_view topic, const py::bytes& payload,
             int qos, bool retain, const std::optional<Properties>& properties) {
  return lab.world().publish(client, Slice::copy_of(topic),
                             Slice::copy_of(std::string_view(payload)), static_cast<QoS>(qos),
                             retain, properties.value_or(Properties()));
}

Call subscribe(LabWorld& lab, ClientId client, const std::vector<Wanted>& wanted,
               const std::optional<Properties>& properties) {
  return lab.world().subscribe(client, subscriptions_of(wanted), properties.value_or(Properties()));
}

Call unsubscribe(LabWorld& lab, ClientId client, const std::vector<std::string>& filters) {
  return lab.world().unsubscribe(client, slices_of(filters));
}

std::optional<Misuse> stop(LabWorld& lab, ClientId client, bool with_will,
                           std::optional<std::uint32_t> session_expiry_s) {
  return lab.world().stop(client, disconnect_of(with_will, session_expiry_s));
}

// Tables of the trace, in the columns of mqttlab/trace.py.

py::bytes events(const LabWorld& lab) {
  if (!lab.world().log().is_on())
    throw std::invalid_argument(
        "the scenario counts in its trace, and this run keeps none (trace=False, --no-trace): "
        "run it with the trace");
  const auto& all = lab.world().log().events();
  return {reinterpret_cast<const char*>(all.data()), all.size() * sizeof(trace::Event)};
}

py::list texts(const LabWorld& lab) {
  const trace::Log& log = lab.world().log();
  py::list all;
  for (trace::Text i = 0; i < log.texts(); ++i) all.append(text(log.text(i)));
  return all;
}

py::list actors(const LabWorld& lab) {
  const trace::Log& log = lab.world().log();
  py::list all;
  for (trace::Actor i = 0; i < log.actors(); ++i) all.append(text(log.actor_name(i)));
  return all;
}

/// Calls `row` with index, event and detail of every packet that has one.
template <typename Row>
void for_details(const LabWorld& lab, Row&& row) {
  const trace::Log& log = lab.world().log();
  const auto& all = log.events();
  for (std::size_t i = 0; i < all.size(); ++i) {
    const bool packet = all[i].kind == trace::Kind::written || all[i].kind == trace::Kind::arrived;
    if (packet && all[i].detail != 0) row(i, all[i], log.detail(all[i].detail));
  }
}

py::list connects(const LabWorld& lab) {
  py::list rows;
  for_details(lab, [&](std::size_t i, const trace::Event& event, const trace::Detail& detail) {
    if (event.packet != PacketType::connect) return;
    const auto& c = std::get<trace::ConnectDetail>(detail);
    rows.append(py::make_tuple(i, static_cast<int>(c.version), c.clean_session, c.keep_alive_s,
                               c.has_will, c.will_topic, c.will_message, c.will_payload_empty,
                               static_cast<int>(c.will_qos), c.will_retain));
  });
  return rows;
}

py::list filters(const LabWorld& lab) {
  py::list rows;
  for_details(lab, [&](std::size_t i, const trace::Event& event, const trace::Detail& detail) {
    const auto* named = std::get_if<trace::FiltersDetail>(&detail);
    for (std::size_t position = 0; named && position < named->filters.size(); ++position) {
      const trace::FilterDetail& one = named->filters[position];
      rows.append(
          py::make_tuple(i, static_cast<int>(event.packet), position, one.filter, one.code));
    }
  });
  return rows;
}

/// In the order of COUNTERS, from `packets` on.
py::tuple counters(const LabWorld& lab, DeviceId device, bool up) {
  const DirectionCounters counted = lab.world().counters(device, up);
  const Overhead added = lab.world().overhead(device, up);
  py::list row;
  for (const CounterField& one : counter_fields()) row.append(counted.*one.field);
  row.append(added.web_socket_bytes);
  row.append(added.tls_bytes);
  return py::tuple(row);
}

py::dict gauges(const LabWorld& lab) {
  const BrokerGauges g = lab.world().broker_gauges();
  return py::dict("connections"_a = g.connections, "sessions"_a = g.sessions,
                  "subscriptions"_a = g.subscriptions, "retained"_a = g.retained,
                  "queued_messages"_a = g.queued_messages, "in_flight"_a = g.in_flight,
                  "session_bytes"_a = g.session_bytes, "pending_wills"_a = g.pending_wills,
                  "packets_received"_a = g.packets_received, "packets_sent"_a = g.packets_sent,
                  "bytes_received"_a = g.bytes_received, "bytes_sent"_a = g.bytes_sent,
                  "messages_received"_a = g.messages_received, "messages_sent"_a = g.messages_sent,
                  "messages_dropped"_a = g.messages_dropped);
}

}  // namespace

void bind_client_events(py::module_& m) {
  py::native_enum<Misuse>(m, "Misuse", "enum.Enum")
      .value("bad_topic", Misuse::bad_topic)
      .value("too_large", Misuse::too_large)
      .value("queue_full", Misuse::queue_full)
      .value("not_connected", Misuse::not_connected)
      .value("bad_argument", Misuse::bad_argument)
      .value("not_supported", Misuse::not_supported)
      .finalize();
  py::class_<Connected>(m, "Connected")
      .def_readonly("session_present", &Connected::session_present)
      .def_property_readonly("properties",
                             [](const Connected& c) { return items(c.connack.properties); });
  py::class_<Refused>(m, "Refused")
      .def_property_readonly("code",
                             [](const Refused& r) {
                               return is_error(r.reason) ? static_cast<int>(r.reason)
                                                         : static_cast<int>(r.code);
                             })
      .def_property_readonly("name",
                             [](const Refused& r) {
                               return is_error(r.reason) ? name(r.reason, PacketType::connack)
                                                         : name(r.code);
                             })
      .def_property_readonly("properties", [](const Refused& r) { return items(r.properties); });
  py::class_<Disconnected>(m, "Disconnected")
      .def_property_readonly("statement",
                             [](const Disconnected& d) -> std::optional<std::string> {
                               if (!d.violation) return std::nullopt;
                               return std::string(d.violation->statement);
                             })
      .def_readonly("reason", &Disconnected::reason)
      .def_property_readonly("server", [](const Disconnected& d) -> py::object {
        if (!d.server) return py::none();
        const ReasonCode reason = d.server->reason;
        return py::make_tuple(static_cast<int>(reason), name(reason, PacketType::disconnect),
                              items(d.server->properties));
      });
  py::class_<Completed>(m, "Completed")
      .def_readonly("token", &Completed::token)
      .def_property_readonly("failed",
                             [](const Completed& c) { return c.outcome == Outcome::failed; })
      .def_property_readonly("refused",
                             [](const Completed& c) { return c.outcome == Outcome::refused; })
      .def_property_readonly("reason_code",
                             [](const Completed& c) { return static_cast<int>(c.reason); })
      .def_property_readonly("reason",
                             [](const Completed& c) { return name(c.reason, PacketType::puback); })
      .def_readonly("codes", &Completed::codes)
      .def_property_readonly("properties", [](const Completed& c) { return items(c.properties); });
  py::class_<SubscriptionLost>(m, "SubscriptionLost")
      .def_property_readonly("filter",
                             [](const SubscriptionLost& s) { return text(s.filter.text()); })
      .def_readonly("code", &SubscriptionLost::code);
  py::class_<Reauthenticated>(m, "Reauthenticated");
  py::class_<Received>(m, "Received")
      .def_property_readonly("topic", [](const Received& r) { return text(r.topic.text()); })
      .def_property_readonly("payload", [](const Received& r) { return bytes(r.payload); })
      .def_property_readonly("qos", [](const Received& r) { return static_cast<int>(r.qos); })
      .def_readonly("retain", &Received::retain)
      .def_readonly("dup", &Received::dup)
      .def_property_readonly("properties", [](const Received& r) { return items(r.properties); });
}

void bind_world(py::module_& m) {
  m.def(
      "stamp",
      [](std::string_view name, std::uint64_t sequence, Time now, std::uint32_t size) {
        return bytes(stamp(name, sequence, now, size));
      },
      "name"_a, "sequence"_a, "now"_a, "size"_a);
  py::class_<Fleet>(m, "Fleet").def("published", &Fleet::published).def("refused", &Fleet::refused);
  // Members of the lab itself, then of the world in it.
  py::class_<LabWorld> world(m, "World");
  world
      .def(
          "add_broker",
          [](LabWorld& lab, const std::string& name, const BrokerConfig& config,
             std::optional<AccessTexts::Text> passwords, std::optional<AccessTexts::Text> acl,
             bool anonymous, bool scram, bool certificates, std::optional<JwtConfig> tokens,
             std::optional<std::array<Time, 3>> decision_delay) {
            lab.add_broker(
                name, config,
                {passwords, acl, anonymous, scram, certificates, tokens, delays(decision_delay)});
          },
          "name"_a, "config"_a, "passwords"_a = py::none(), "acl"_a = py::none(),
          "anonymous"_a = true, "scram"_a = false, "certificates"_a = false,
          "tokens"_a = py::none(), "decision_delay"_a = py::none())
      .def(
          "add_client",
          [](LabWorld& lab, DeviceId device, const ClientConfig& config, const std::string& name,
             Time certificate_until) {
            Transport transport = transport_named(name);
            transport.certificate_until = certificate_until;
            return lab.add_client(device, config, transport);
          },
          "device"_a, "config"_a, "transport"_a = "tcp", "certificate_until"_a = 0)
      .def("add_fleet", &LabWorld::add_fleet, "name"_a, "clients"_a, "config"_a,
           py::return_value_policy::reference_internal)
      .def("allow", &LabWorld::allow, "converge_within"_a)
      .def("take", &LabWorld::take)
      .def(
          "judge", [](LabWorld& lab, bool strict) { return rows_of(lab.judge(strict)); },
          "strict"_a = false)
      .def("close", &LabWorld::close)
      .def("run", &run, "until"_a, "keep_going"_a)
      .def("publish", &publish, "client"_a, "topic"_a, "payload"_a, "qos"_a, "retain"_a,
           "properties"_a = py::none())
      .def("subscribe", &subscribe, "client"_a, "subscriptions"_a, "properties"_a = py::none())
      .def("unsubscribe", &unsubscribe, "client"_a, "filters"_a)
      .def(
          "write_ndjson",
          [](LabWorld& lab, const std::function<void(py::bytes)>& sink) {
            write_ndjson(lab.world().log(), lab.world().now(), sink);
          },
          "sink"_a)
      .def("events", &events)
      .def("trace_bytes", [](LabWorld& lab) { return lab.world().log().bytes(); })
      .def("texts", &texts)
      .def("actors", &actors)
      .def("connects", &connects)
      .def("filters", &filters)
      .def("counters", &counters, "device"_a, "up"_a)
      .def("gauges", &gauges);
  world.def("add_device", &LabWorld::add_device)
      .def("now", [](LabWorld& lab) { return lab.world().now(); })
      .def("start", [](LabWorld& lab, ClientId client) { lab.world().start(client); })
      .def("stop", &stop, "client"_a, "with_will"_a = false, "session_expiry_s"_a = py::none())
      .def("reauthenticate",
           [](LabWorld& lab, ClientId client) { return lab.world().reauthenticate(client); })
      .def("watch",
           [](LabWorld& lab, ClientId client, bool watched) { lab.world().watch(client, watched); })
      .def("connected",
           [](LabWorld& lab, ClientId client) { return lab.world().client(client).connected(); })
      .def("set_link",
           [](LabWorld& lab, DeviceId device, bool up) { lab.world().set_link(device, up); })
      .def("at", [](LabWorld& lab, Time when,
                    std::function<void()> what) { lab.world().at(when, std::move(what)); })
      .def(
          "when",
          [](LabWorld& lab, DeviceId device, const std::string& kind, const std::string& way,
             const std::string& packet, std::uint32_t count, std::uint64_t bytes,
             std::uint32_t connection, const std::function<void(std::uint32_t)>& what) {
            lab.world().when(device, trigger(kind, way, packet, count, bytes, connection),
                             [what](const Fired& fired) { what(fired.connection); });
          },
          "device"_a, "kind"_a, "way"_a, "packet"_a, "count"_a, "bytes"_a, "connection"_a, "what"_a)
      .def("disarm", [](LabWorld& lab) { lab.world().disarm(); })
      .def("interrupt", [](LabWorld& lab) { lab.world().interrupt(); })
      .def("cut", [](LabWorld& lab, DeviceId device, const std::string& how,
                     std::uint32_t connection) { lab.world().cut(device, cut(how), connection); })
      .def("fault",
           [](LabWorld& lab, trace::Actor actor, const std::string& what, std::uint32_t connection,
              bool over) { lab.world().fault(actor, what, connection, over); })
      .def("stop_cycles", [](LabWorld& lab) { lab.world().stop_cycles(); })
      .def("set_loss_free", [](LabWorld& lab) { lab.world().set_loss_free(); })
      .def("die", [](LabWorld& lab, DeviceId device,
                     const std::string& how) { lab.world().die(device, death(how)); })
      .def("phase", [](LabWorld& lab, const std::string& name) { lab.world().phase(name); })
      .def("fingerprint", [](LabWorld& lab) { return lab.world().log().fingerprint(); });
}

}  // namespace mqttlab::bindings
