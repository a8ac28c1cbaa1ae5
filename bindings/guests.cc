#include "bindings/guests.h"

#include <pybind11/stl.h>

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "bindings/access_texts.h"
#include "bindings/lab_world.h"
#include "sim/world.h"

namespace py = pybind11;
using namespace py::literals;

namespace mqttlab::bindings {
namespace {

/// What a Python name may hold on to after its world is closed: then calls throw std::logic_error.
class Streams {
 public:
  explicit Streams(LabWorld& lab) : lab_(lab) {}
  [[nodiscard]] sim::World& world() const { return dynamic_cast<sim::World&>(lab_.world()); }
  [[nodiscard]] sim::Guests& guests() const { return world().guests(); }
  [[nodiscard]] sim::StreamId dial(DeviceId device, std::uint16_t port) {
    lab_.expect_guests();
    return world().dial(device, port);
  }

 private:
  LabWorld& lab_;
};

using Text = std::optional<AccessTexts::Text>;

bool add_broker(const Streams& streams, std::uint16_t port, const BrokerConfig& config,
                const Text& passwords, const Text& acl, bool anonymous, bool scram) {
  const AccessTexts access{.passwords = passwords,
                           .acl = acl,
                           .anonymous = anonymous,
                           .scram = scram,
                           .tokens = {},
                           .delays = {}};
  const Random random(streams.world().seed(), "broker/" + std::to_string(port) + "/access");
  return streams.world().add_side_broker(port, config, access.make(random));
}

trace::Death death(std::string_view how) {
  return how == "fin"     ? trace::Death::fin
         : how == "reset" ? trace::Death::reset
                          : trace::Death::silent;
}

std::string_view name(CloseCause cause) {
  constexpr std::array<std::string_view, 4> names{"fin", "reset", "timeout", "local"};
  return names[static_cast<std::size_t>(cause)];
}

py::tuple row(const sim::GuestEvent& event) {
  const auto ends = [&event] {
    return py::make_tuple(py::make_tuple(event.here.ip, event.here.port),
                          py::make_tuple(event.there.ip, event.there.port));
  };
  switch (event.news) {
    case sim::GuestNews::opened:
      return py::make_tuple(event.stream, "opened", ends());
    case sim::GuestNews::accepted:
      return py::make_tuple(event.stream, "accepted", ends());
    case sim::GuestNews::arrived:
      return py::make_tuple(event.stream, "arrived", py::bytes(event.bytes));
    case sim::GuestNews::drained:
      return py::make_tuple(event.stream, "drained", py::none());
    case sim::GuestNews::ended:
      break;
  }
  return py::make_tuple(event.stream, "ended", name(event.cause));
}

py::list take(const Streams& streams) {
  py::list rows;
  for (const sim::GuestEvent& event : streams.guests().take()) rows.append(row(event));
  return rows;
}

}  // namespace

void bind_guests(py::module_& m) {
  py::class_<Streams>(m, "Streams")
      .def(py::init<LabWorld&>(), "world"_a, py::keep_alive<1, 2>())
      .def("dial", &Streams::dial, "device"_a, "port"_a)
      .def("listen", [](Streams& s, std::uint16_t port) { return s.guests().listen(port); })
      .def("unlisten", [](Streams& s, std::uint16_t port) { s.guests().unlisten(port); })
      .def("write",
           [](Streams& s, sim::StreamId stream, const py::bytes& bytes) {
             return s.guests().write(stream, Slice::copy_of(std::string_view(bytes)));
           })
      .def("await_drain", [](Streams& s, sim::StreamId stream,
                             std::size_t low_bytes) { s.guests().await_drain(stream, low_bytes); })
      .def("unwritten",
           [](Streams& s, sim::StreamId stream) { return s.guests().unwritten(stream); })
      .def("pause",
           [](Streams& s, sim::StreamId stream, bool paused) { s.guests().pause(stream, paused); })
      .def("close", [](Streams& s, sim::StreamId stream) { s.guests().close(stream); })
      .def("end", [](Streams& s, sim::StreamId stream,
                     const std::string& how) { s.guests().end(stream, death(how)); })
      .def("take", &take)
      .def("add_broker", &add_broker, "port"_a, "config"_a, "passwords"_a = py::none(),
           "acl"_a = py::none(), "anonymous"_a = true, "scram"_a = false);
}

}  // namespace mqttlab::bindings
