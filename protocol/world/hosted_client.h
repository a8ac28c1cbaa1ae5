// HostedClient: one client in a world, and whoever moves its bytes.
#pragma once

#include <functional>
#include <optional>
#include <utility>

#include "protocol/client/client.h"
#include "protocol/trace/event.h"

namespace mqttlab {

class HostedClient {
 public:
  using Handler = std::function<void(const ClientEvent&)>;
  virtual ~HostedClient() = default;

  [[nodiscard]] virtual Client& client() = 0;
  /// The application has called the client: what it writes leaves soon.
  virtual void wake() = 0;
  /// DISCONNECT; a dial under way is given up. A Misuse if the client may not say so; then nothing
  /// has happened.
  [[nodiscard]] virtual std::optional<Misuse> stop(const Disconnect& disconnect) = 0;
  /// The process ends now: the client does not act again.
  virtual void die(trace::Death how) = 0;

  [[nodiscard]] bool is_dead() const { return dead_; }
  /// A watched client's events wait for the application. Others' go to the handler as they come, or
  /// are thrown away.
  void watch(bool watched) { watched_ = watched; }
  void handle(Handler handler) { handler_ = std::move(handler); }
  [[nodiscard]] bool has_watched_events() { return watched_ && !dead_ && client().has_events(); }

 protected:
  Handler handler_;
  bool watched_ = false;
  bool dead_ = false;
};

}  // namespace mqttlab
