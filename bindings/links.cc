#include "bindings/links.h"

#include <pybind11/stl.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "protocol/link/link.h"

namespace py = pybind11;
using namespace py::literals;

namespace mqttlab::bindings {
namespace {

void bind_recordings(py::module_& m) {
  py::class_<Recording, std::shared_ptr<Recording>>(m, "Recording")
      .def_readonly("name", &Recording::name)
      .def_readonly("length", &Recording::length)
      .def_readonly("has_rate", &Recording::has_rate)
      .def_readonly("has_delay", &Recording::has_delay)
      .def_readonly("has_loss", &Recording::has_loss)
      .def_property_readonly("rows",
                             [](const Recording& recording) { return recording.steps.size(); });
  py::class_<CapacityTrace, std::shared_ptr<CapacityTrace>>(m, "CapacityTrace")
      .def_readonly("name", &CapacityTrace::name)
      .def_readonly("length", &CapacityTrace::length)
      .def_property_readonly("opportunities",
                             [](const CapacityTrace& trace) { return trace.opportunities.size(); });
}

}  // namespace

void bind_links(py::module_& m) {
  bind_recordings(m);
  py::class_<GilbertElliott>(m, "GilbertElliott")
      .def(py::init<>())
      .def_readwrite("good_to_bad", &GilbertElliott::good_to_bad)
      .def_readwrite("bad_to_good", &GilbertElliott::bad_to_good)
      .def_readwrite("loss_good", &GilbertElliott::loss_good)
      .def_readwrite("loss_bad", &GilbertElliott::loss_bad);
  py::class_<Direction>(m, "Direction")
      .def(py::init<>())
      .def_readwrite("rate_bps", &Direction::rate_bps)
      .def_readwrite("delay", &Direction::delay)
      .def_readwrite("jitter", &Direction::jitter)
      .def_readwrite("queue_packets", &Direction::queue_packets)
      .def_readwrite("loss", &Direction::loss)
      .def_readwrite("burst", &Direction::burst)
      .def_readwrite("reorder", &Direction::reorder)
      .def_readwrite("reorder_by", &Direction::reorder_by)
      .def_readwrite("duplicate", &Direction::duplicate)
      .def_readwrite("corrupt", &Direction::corrupt)
      .def_property(
          "capacity",
          [](const Direction& d) { return std::const_pointer_cast<CapacityTrace>(d.capacity); },
          [](Direction& d, std::shared_ptr<CapacityTrace> trace) { d.capacity = trace; })
      .def_property_readonly(
          "recording",
          [](const Direction& d) { return std::const_pointer_cast<Recording>(d.recording); })
      .def_readwrite("recording_start", &Direction::recording_start)
      .def("record", &Direction::record, "file"_a, "text"_a);
  py::class_<Nat>(m, "Nat")
      .def(py::init<>())
      .def_readwrite("idle", &Nat::idle)
      .def_property(
          "resets", [](const Nat& nat) { return nat.on_expiry == Nat::Expiry::reset; },
          [](Nat& nat, bool resets) {
            nat.on_expiry = resets ? Nat::Expiry::reset : Nat::Expiry::drop;
          })
      .def_readwrite("rebind", &Nat::rebind)
      .def_readwrite("refreshed_by_down", &Nat::refreshed_by_down);
  py::class_<Cycle>(m, "Cycle")
      .def(py::init<>())
      .def_readwrite("up", &Cycle::up)
      .def_readwrite("down", &Cycle::down)
      .def_readwrite("spread", &Cycle::spread);
  py::class_<RadioCell>(m, "RadioCell")
      .def(py::init<>())
      .def_readwrite("model", &RadioCell::model)
      .def_readwrite("radius_m", &RadioCell::radius_m)
      .def_readwrite("speed_mps", &RadioCell::speed_mps)
      .def_readwrite("base_stations_m", &RadioCell::base_stations_m);
  py::class_<LinkSpec>(m, "LinkSpec")
      .def(py::init<>())
      .def_readwrite("name", &LinkSpec::name)
      .def_readwrite("up", &LinkSpec::up)
      .def_readwrite("down", &LinkSpec::down)
      .def_readwrite("cycle", &LinkSpec::cycle)
      .def_readwrite("nat", &LinkSpec::nat)
      .def_readwrite("radio", &LinkSpec::radio)
      .def("check", &LinkSpec::check);
  m.def("link_profiles", [] {
    std::vector<std::pair<LinkSpec, std::string>> profiles;
    for (const auto& profile : link_profiles()) profiles.emplace_back(profile.spec, profile.source);
    return profiles;
  });
}

}  // namespace mqttlab::bindings
