#include "bindings/live.h"

#include <pybind11/stl.h>

#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include "bindings/lab_world.h"
#include "protocol/live/world/world.h"

namespace py = pybind11;
using namespace py::literals;

namespace mqttlab::bindings {
namespace {

live::DialConfig dial(const std::string& url, std::optional<std::string> ca_pem) {
  live::DialConfig config{.endpoint = live::Endpoint::parse(url)};
  if (live::has_pages(config.endpoint.transport))
    throw std::invalid_argument("target " + config.endpoint.text() +
                                ": is no broker's; write tcp://, tls://, ws:// or wss://");
  if (!live::has_tls(config.endpoint.transport)) return config;
  if (!ca_pem)
    throw std::invalid_argument("target " + config.endpoint.text() +
                                ": name the authorities to trust: ca_file=, or --cafile FILE");
  TlsSettings settings;
  settings.role = TlsSettings::Role::client;
  settings.server_name = config.endpoint.host;
  settings.ca_pem = std::move(*ca_pem);
  config.tls = std::make_shared<TlsContext>(std::move(settings));
  return config;
}

std::unique_ptr<LabWorld> make_world(std::uint64_t seed, const std::optional<std::string>& target,
                                     std::optional<std::string> ca_pem) {
  live::WorldConfig config{.seed = seed};
  if (target) config.target = dial(*target, std::move(ca_pem));
  const py::gil_scoped_release unlocked;
  return std::make_unique<LabWorld>(std::make_unique<live::World>(std::move(config)));
}

}  // namespace

void bind_live(py::module_& m) {
  m.attr("version") = MQTTLAB_VERSION;
  m.def("live_world", &make_world, py::kw_only(), "seed"_a, "target"_a = py::none(),
        "ca_pem"_a = py::none());
  m.def(
      "live_target",
      [](const std::string& url) {
        const live::Endpoint at = live::Endpoint::parse(url);
        constexpr std::array names{"tcp", "tls", "ws", "wss"};
        return py::make_tuple(at.text(), names.at(static_cast<std::size_t>(at.transport)));
      },
      "url"_a);
  m.def(
      "live_broker_version",
      [](const LabWorld& lab) {
        return dynamic_cast<const live::World&>(lab.world()).broker_version();
      },
      "world"_a);
}

}  // namespace mqttlab::bindings
