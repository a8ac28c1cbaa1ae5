// _sim: the simulated world. Binaries that link ns-3 fall under its GPL-2.0.
#include <openssl/crypto.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bindings/bench.h"
#include "bindings/ends.h"
#include "bindings/errors.h"
#include "bindings/guests.h"
#include "bindings/lab_world.h"
#include "bindings/path.h"
#include "sim/world.h"

namespace py = pybind11;
using namespace py::literals;

namespace mqttlab::bindings {
namespace {

std::unique_ptr<LabWorld> make_world(std::uint64_t seed, bool ipv6, const std::string& tcp,
                                     const std::string& pcap_path, const std::string& pcap_side,
                                     const std::vector<std::string>& pcap_devices, bool radio_log,
                                     bool trace) {
  sim::WorldConfig config;
  config.seed = seed;
  config.ipv6 = ipv6;
  config.tcp = tcp;
  config.pcap_path = pcap_path;
  config.pcap_side = pcap_side == "sender"   ? sim::CaptureSide::sender
                     : pcap_side == "device" ? sim::CaptureSide::device
                     : pcap_side == "broker" ? sim::CaptureSide::broker
                                             : sim::CaptureSide::receiver;
  config.pcap_devices = pcap_devices;
  config.radio_log = radio_log;
  config.trace = trace;
  return std::make_unique<LabWorld>(std::make_unique<sim::World>(std::move(config)));
}

}  // namespace

PYBIND11_MODULE(_sim, m) {
  m.doc() = "The simulated world.";
  m.attr("ns3_version") = NS3_VERSION;
  m.attr("openssl_version") = OpenSSL_version(OPENSSL_VERSION_STRING);
  py::dict ports;
  for (const char* name : {"tcp", "tls", "ws", "wss"}) ports[name] = port_of(transport_named(name));
  m.attr("ports") = ports;
  translate_errors();
  py::module_::import("mqttlab._core");  // has the class World, and all that worlds are made of
  m.def("world", &make_world, py::kw_only(), "seed"_a, "ipv6"_a = false, "tcp"_a = "linux-like",
        "pcap_path"_a = "", "pcap_side"_a = "receiver",
        "pcap_devices"_a = std::vector<std::string>{}, "radio_log"_a = false, "trace"_a = true);
  m.def("radio_log", [](const LabWorld& lab, DeviceId device) {
    const auto log = dynamic_cast<const sim::World&>(lab.world()).radio_log(device);
    return py::bytes(reinterpret_cast<const char*>(log.data()), log.size_bytes());
  });
  m.def("simulator_events", [](const LabWorld& lab) {
    return dynamic_cast<const sim::World&>(lab.world()).simulator_events();
  });
  bind_ends(m);
  bind_guests(m);
  bind_bench(m);
  bind_path(m);
}

}  // namespace mqttlab::bindings
