#include "bindings/path.h"

#include <string>

#include "bindings/lab_world.h"
#include "sim/world.h"

namespace py = pybind11;
using namespace py::literals;

namespace mqttlab::bindings {
namespace {

sim::World& world_of(const LabWorld& lab) { return dynamic_cast<sim::World&>(lab.world()); }

}  // namespace

void bind_path(py::module_& m) {
  m.def(
      "disturb",
      [](LabWorld& lab, DeviceId device, const std::string& way, bool blackhole, Time delay,
         double rate_bps, double reorder, Time reorder_by, double duplicate, double corrupt,
         std::uint32_t segment_bytes, Time coalesce, bool holds_fin, std::uint32_t write_bytes) {
        const bool up = way == "up";
        const Disturbance all{blackhole, delay,   rate_bps,      reorder,  reorder_by,
                              duplicate, corrupt, segment_bytes, coalesce, holds_fin};
        world_of(lab).disturb(device, up ? Way::up : Way::down, all);
        world_of(lab).limit_writes(device, up ? trace::End::client : trace::End::broker,
                                   write_bytes);
      },
      "world"_a, "device"_a, "way"_a, py::kw_only(), "blackhole"_a = false, "delay"_a = 0,
      "rate_bps"_a = 0.0, "reorder"_a = 0.0, "reorder_by"_a = 0, "duplicate"_a = 0.0,
      "corrupt"_a = 0.0, "segment_bytes"_a = 0, "coalesce"_a = 0, "holds_fin"_a = false,
      "write_bytes"_a = 0);
  m.def(
      "rebind", [](LabWorld& lab, DeviceId device) { world_of(lab).rebind(device); }, "world"_a,
      "device"_a);
  m.def(
      "roam", [](LabWorld& lab, DeviceId device, bool knows) { world_of(lab).roam(device, knows); },
      "world"_a, "device"_a, "knows"_a);
}

}  // namespace mqttlab::bindings
