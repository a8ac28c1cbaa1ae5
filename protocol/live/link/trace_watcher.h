// TraceWatcher: records the packets at both ends of one connection over a link.
#pragma once

#include <array>
#include <optional>

#include "protocol/link/passage.h"
#include "protocol/live/link/link_proxy.h"
#include "protocol/trace/tap.h"

namespace mqttlab::live {

class TraceWatcher final : public Passage::Watcher {
 public:
  /// `connection`: as the trace numbers it.
  TraceWatcher(const LinkTrace& trace, std::uint32_t connection)
      : trace_(trace), connection_(connection) {}

  void opened(LinkEnd end, Time now) override {
    const bool device = end == LinkEnd::device;
    if (!(device ? trace_.device_end : trace_.broker_end)) return;
    tap(end).emplace(*trace_.log, device ? trace::End::client : trace::End::broker,
                     device ? trace_.device : trace_.broker, connection_, now - trace_.origin);
  }
  void written(LinkEnd end, Bytes bytes, Time now) override {
    if (auto& seen = tap(end)) seen->written(bytes, now - trace_.origin);
  }
  void arrived(LinkEnd end, Bytes bytes, Time now) override {
    if (auto& seen = tap(end)) seen->arrived(bytes, now - trace_.origin);
  }
  void closed(LinkEnd end, CloseCause cause, Time now) override {
    if (auto& seen = tap(end)) seen->closed(cause, now - trace_.origin);
  }

 private:
  std::optional<trace::Tap>& tap(LinkEnd end) { return taps_[static_cast<std::size_t>(end)]; }

  const LinkTrace& trace_;  // the link's
  const std::uint32_t connection_;
  std::array<std::optional<trace::Tap>, 2> taps_;
};

}  // namespace mqttlab::live
