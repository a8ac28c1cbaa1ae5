// TraceWatcher: records the packets at both ends of one connection over a link.
#pragma once

#include <array>
#include <optional>

#include "protocol/link/passage.h"
#include "protocol/trace/tap.h"

namespace mqttlab::live {

class TraceWatcher final : public Passage::Watcher {
 public:
  /// `connection`: as the trace numbers it. `origin`: what the trace's times count from.
  TraceWatcher(trace::Log& log, trace::Actor device, trace::Actor broker, std::uint32_t connection,
               Time origin)
      : log_(log), actors_{device, broker}, connection_(connection), origin_(origin) {}

  void opened(LinkEnd end, Time now) override {
    const auto of = end == LinkEnd::device ? trace::End::client : trace::End::broker;
    tap(end).emplace(log_, of, actors_[index(end)], connection_, now - origin_);
  }
  void written(LinkEnd end, Bytes bytes, Time now) override {
    tap(end)->written(bytes, now - origin_);
  }
  void arrived(LinkEnd end, Bytes bytes, Time now) override {
    tap(end)->arrived(bytes, now - origin_);
  }
  void closed(LinkEnd end, CloseCause cause, Time now) override {
    tap(end)->closed(cause, now - origin_);
  }

 private:
  static constexpr std::size_t index(LinkEnd end) { return static_cast<std::size_t>(end); }
  std::optional<trace::Tap>& tap(LinkEnd end) { return taps_[index(end)]; }

  trace::Log& log_;
  const std::array<trace::Actor, 2> actors_;
  const std::uint32_t connection_;
  const Time origin_;
  std::array<std::optional<trace::Tap>, 2> taps_;
};

}  // namespace mqttlab::live
