#include "bindings/ends.h"

#include <pybind11/stl.h>

#include <string>

#include "bindings/lab_world.h"
#include "sim/world.h"

namespace py = pybind11;
using namespace py::literals;

namespace mqttlab::bindings {
namespace {

sim::World& simulated(const LabWorld& lab) { return dynamic_cast<sim::World&>(lab.world()); }

template <typename Value>
Value one_of(const std::string& name, std::initializer_list<Value> known, const char* where) {
  for (const Value one : known)
    if (trace::name(one) == name) return one;
  throw std::invalid_argument(std::string(where) + ": there is no '" + name + "'");
}

trace::StoreFate fate_of(const std::string& name) {
  using trace::StoreFate;
  return one_of(name, {StoreFate::kept, StoreFate::lost, StoreFate::torn}, "crash");
}

trace::Death death_of(const std::string& name) {
  using trace::Death;
  return one_of(name, {Death::fin, Death::reset, Death::silent}, "crash");
}

}  // namespace

void bind_ends(py::module_& m) {
  m.def(
      "use_disk",
      [](LabWorld& lab, const std::string& durability, Time sync_time) {
        simulated(lab).use_disk({durability_of(durability), sync_time});
      },
      "world"_a, "durability"_a, "sync_time"_a);
  m.def("leave_site", [](LabWorld& lab) { simulated(lab).leave_site(); });
  m.def("broker_state", [](LabWorld& lab) { return simulated(lab).broker_state(); });
  m.def(
      "crash_broker",
      [](LabWorld& lab, const std::string& store, const std::string& how) {
        simulated(lab).crash_broker(fate_of(store), death_of(how));
      },
      "world"_a, "store"_a, "how"_a);
  m.def("restart_broker", [](LabWorld& lab) { simulated(lab).restart_broker(); });
  m.def("pause_broker", [](LabWorld& lab) { simulated(lab).pause_broker(); });
  m.def("resume_broker", [](LabWorld& lab) { simulated(lab).resume_broker(); });
  m.def(
      "crash",
      [](LabWorld& lab, DeviceId device, const std::string& store, const std::string& how) {
        simulated(lab).crash(device, fate_of(store), death_of(how));
      },
      "world"_a, "device"_a, "store"_a, "how"_a);
  m.def(
      "use_device_disk",
      [](LabWorld& lab, DeviceId device, const std::string& durability) {
        simulated(lab).use_disk(device, {.durability = durability_of(durability)});
      },
      "world"_a, "device"_a, "durability"_a);
  m.def("survivors",
        [](LabWorld& lab, ClientId client) { return simulated(lab).survivors(client); });
  m.def("restart", [](LabWorld& lab, DeviceId device) { simulated(lab).restart(device); });
  m.def("pause", [](LabWorld& lab, DeviceId device) { simulated(lab).pause(device); });
  m.def("resume", [](LabWorld& lab, DeviceId device) { simulated(lab).resume(device); });
  m.def("take_slowly", [](LabWorld& lab, DeviceId device, Time interval) {
    simulated(lab).take_slowly(device, interval < 0 ? never : interval);
  });
  m.def("step_clock", [](LabWorld& lab, Time by) { simulated(lab).step_clock(by); });
  m.def("shuffle_ties", [](LabWorld& lab) { simulated(lab).shuffle_ties(); });
}

}  // namespace mqttlab::bindings
