// Wire: one connection with both its ends in view, and what is done to it on purpose.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>

#include "protocol/link/fault.h"
#include "protocol/trace/event.h"

namespace mqttlab::sim {

class Stream;

class Wire : public std::enable_shared_from_this<Wire> {
 public:
  /// `sever` makes the network carry none of its segments any more, those on their way included.
  Wire(std::uint32_t connection, std::function<void()> sever)
      : connection_(connection), sever_(std::move(sever)) {}

  /// Its number, the same at both ends.
  [[nodiscard]] std::uint32_t connection() const { return connection_; }
  /// A stream of one end, for as long as it is there; null: it is gone.
  void attach(trace::End end, Stream* stream) { ends_[index(end)] = stream; }

  /// At this instant no byte passes or is read any more. Who is told of it is told in an event of
  /// this instant, so that this may be called from anywhere; once per connection.
  void cut(Cut how);

 private:
  static constexpr std::size_t index(trace::End end) { return static_cast<std::size_t>(end); }

  const std::uint32_t connection_;
  const std::function<void()> sever_;
  std::array<Stream*, 2> ends_{};
  bool cut_ = false;
};

}  // namespace mqttlab::sim
