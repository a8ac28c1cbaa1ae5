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
  /// It is dead, and may come back.
  [[nodiscard]] bool is_down() const { return down_; }
  [[nodiscard]] bool is_paused() const { return paused_; }
  /// The application has started it, and not stopped it since.
  void want(bool wanted) { wanted_ = wanted; }
  /// A slow application does not take the next event yet.
  [[nodiscard]] virtual bool may_take() const { return true; }
  virtual void took(const ClientEvent&) {}
  /// A watched client's events wait for the application. Others' go to the handler as they come, or
  /// are thrown away.
  void watch(bool watched) { watched_ = watched; }
  void handle(Handler handler) { handler_ = std::move(handler); }
  [[nodiscard]] bool has_watched_events() {
    return watched_ && !dead_ && may_take() && client().has_events();
  }

 protected:
  Handler handler_;
  bool watched_ = false;
  bool dead_ = false, down_ = false, paused_ = false, wanted_ = false;
};

}  // namespace mqttlab
