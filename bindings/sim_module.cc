// _sim: the simulated world. Binaries that link ns-3 fall under its GPL-2.0.
#include <pybind11/pybind11.h>

#include "bindings/configs.h"
#include "bindings/errors.h"
#include "bindings/world.h"

PYBIND11_MODULE(_sim, m) {
  using namespace mqttlab::bindings;
  m.doc() = "The simulated world.";
  m.attr("ns3_version") = NS3_VERSION;
  translate_errors();
  pybind11::module_::import("mqttlab._core");  // links
  bind_properties(m);
  bind_configs(m);
  bind_client_events(m);
  bind_world(m);
  bind_bench(m);
}
