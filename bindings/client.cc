#include "bindings/client.h"

#include <pybind11/stl.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string_view>
#include <utility>
#include <variant>

#include "protocol/client/client.h"
#include "protocol/session/random.h"
#include "protocol/transport/filter_stack.h"
#include "protocol/transport/web_socket_client_filter.h"

namespace py = pybind11;
using namespace py::literals;

namespace mqttlab::bindings {

std::vector<Subscription> subscriptions_of(const std::vector<Wanted>& wanted) {
  std::vector<Subscription> subscriptions;
  for (const auto& [filter, qos, no_local, retain_as_published, retain_handling] : wanted)
    subscriptions.push_back({Slice::copy_of(filter), static_cast<QoS>(qos), no_local,
                             retain_as_published, static_cast<RetainHandling>(retain_handling)});
  return subscriptions;
}

std::vector<Slice> slices_of(const std::vector<std::string>& texts) {
  std::vector<Slice> slices;
  for (const std::string& text : texts) slices.push_back(Slice::copy_of(text));
  return slices;
}

Disconnect disconnect_of(bool with_will, std::optional<std::uint32_t> session_expiry_s) {
  Disconnect disconnect;
  if (with_will) disconnect.reason = ReasonCode::disconnect_with_will_message;
  if (session_expiry_s)
    disconnect.properties.add(PropertyId::session_expiry_interval, *session_expiry_s);
  return disconnect;
}

namespace {

CloseCause cause_named(std::string_view name) {
  if (name == "fin") return CloseCause::fin;
  if (name == "reset") return CloseCause::reset;
  if (name == "timeout") return CloseCause::timeout;
  if (name == "local") return CloseCause::local;
  throw std::invalid_argument("cause '" + std::string(name) +
                              "' is none of fin, reset, timeout, local");
}

/// A Client and what its present link has beneath it. Calls that change it give `now`.
class Hosted {
 public:
  Hosted(ClientConfig config, std::uint64_t seed, const std::string& web_socket)
      : client_(std::move(config), seed, nullptr, 0), seed_(seed) {
    settings_.host = web_socket;
    if (!web_socket.empty()) check(settings_);
  }

  [[nodiscard]] Client& client() { return client_; }

  void opened(Time now) {
    arrived_.clear();
    FilterPlan plan;
    if (!settings_.host.empty())
      plan.web_socket = [this](Establish establish, Time at) {
        return std::make_unique<WebSocketClientFilter>(settings_, Random(++seed_, "web socket"),
                                                       std::move(establish), at);
      };
    const Establish establish = [this](const Introduction&, Time at) {
      return &client_.dialed(at);
    };
    filters_ = std::make_unique<FilterStack>(plan, establish, now);
  }

  std::variant<Token, Misuse> publish(std::string_view topic, const py::bytes& payload, int qos,
                                      bool retain, Time now,
                                      const std::optional<Properties>& properties) {
    return client_.publish(Slice::copy_of(topic), Slice::copy_of(std::string_view(payload)),
                           static_cast<QoS>(qos), retain, now, properties.value_or(Properties()));
  }

  void received(const py::bytes& bytes, Time now) {
    arrived_ += std::string_view(bytes);
    pump(now);
  }

  std::vector<ClientEvent> take(Time now) {
    std::vector<ClientEvent> events;
    while (auto event = client_.poll(now)) {
      events.push_back(std::move(*event));
      pump(now);
    }
    return events;
  }

  py::bytes to_write(Time now) {
    std::string bytes;
    if (!filters_) return bytes;
    pump(now);
    std::array<Bytes, 16> pieces;
    while (const std::size_t count = filters_->peer().pending(pieces)) {
      std::size_t taken = 0;
      for (std::size_t i = 0; i < count; ++i) {
        bytes.append(reinterpret_cast<const char*>(pieces[i].data()), pieces[i].size());
        taken += pieces[i].size();
      }
      if (taken == 0) break;
      filters_->peer().sent(taken, now);
    }
    return bytes;
  }

  [[nodiscard]] bool finished() const { return filters_ && filters_->peer().finished(); }

  void closed(std::string_view cause, Time now) {
    if (!filters_) return;
    filters_->peer().closed(cause_named(cause), now);
    if (!filters_->is_established()) client_.dial_failed(cause_named(cause), now);
    filters_.reset();
  }

  void advance(Time now) {
    client_.advance(now);
    pump(now);
  }

  [[nodiscard]] std::optional<Time> deadline() const {
    Time due = client_.deadline();
    if (filters_ && filters_->has_filters()) due = std::min(due, filters_->peer().deadline());
    return due == never ? std::nullopt : std::optional(due);
  }

 private:
  /// Gives the link what has arrived, as far as it has room for it.
  void pump(Time now) {
    if (!filters_) return;
    Peer& peer = filters_->peer();
    while (!arrived_.empty()) {
      const auto room = peer.space();
      const std::size_t n = std::min(room.size(), arrived_.size());
      if (n == 0) break;
      std::memcpy(room.data(), arrived_.data(), n);
      arrived_.erase(0, n);
      peer.received(n, now);
    }
    if (filters_->has_filters()) peer.advance(now);
  }

  WebSocketClientSettings settings_;
  Client client_;
  std::uint64_t seed_;
  std::unique_ptr<FilterStack> filters_;
  std::string arrived_;  // what the link has had no room for
};

}  // namespace

void bind_client(py::module_& m) {
  py::class_<Hosted> hosted(m, "Client");
  hosted
      .def(py::init<ClientConfig, std::uint64_t, std::string>(), "config"_a, "seed"_a,
           "web_socket"_a = "")
      .def("start", [](Hosted& self, Time now) { self.client().start(now); })
      .def(
          "stop",
          [](Hosted& self, Time now, bool with_will, std::optional<std::uint32_t> expiry_s) {
            return self.client().stop(now, disconnect_of(with_will, expiry_s));
          },
          "now"_a, "with_will"_a = false, "session_expiry_s"_a = py::none())
      .def("publish", &Hosted::publish, "topic"_a, "payload"_a, "qos"_a, "retain"_a, "now"_a,
           "properties"_a = py::none())
      .def(
          "subscribe",
          [](Hosted& self, const std::vector<Wanted>& wanted, Time now,
             const std::optional<Properties>& properties) {
            return self.client().subscribe(subscriptions_of(wanted), now,
                                           properties.value_or(Properties()));
          },
          "subscriptions"_a, "now"_a, "properties"_a = py::none())
      .def("unsubscribe",
           [](Hosted& self, const std::vector<std::string>& filters, Time now) {
             return self.client().unsubscribe(slices_of(filters), now);
           })
      .def("reauthenticate",
           [](Hosted& self, Time now) { return self.client().reauthenticate(now); })
      .def("wants_link", [](Hosted& self) { return self.client().wants_link(); })
      .def("connected", [](Hosted& self) { return self.client().connected(); })
      .def("dialing", [](Hosted& self, Time now) { self.client().dialing(now); })
      .def("dial_failed", [](Hosted& self, std::string_view cause,
                             Time now) { self.client().dial_failed(cause_named(cause), now); })
      .def("opened", &Hosted::opened)
      .def("received", &Hosted::received)
      .def("take", &Hosted::take)
      .def("to_write", &Hosted::to_write)
      .def("finished", &Hosted::finished)
      .def("closed", &Hosted::closed)
      .def("advance", &Hosted::advance)
      .def("deadline", &Hosted::deadline);
}

}  // namespace mqttlab::bindings
