// LiveClient: one client of a scenario on a real socket.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>

#include "protocol/live/client_runner.h"
#include "protocol/world/hosted_client.h"

namespace mqttlab::live {

class LiveClient final : public HostedClient {
 public:
  /// `ready` is told when a watched client has events.
  LiveClient(boost::asio::io_context& io, DialConfig dial, ClientConfig config, std::uint64_t seed,
             ClientTrace trace, std::function<void()> ready);

  [[nodiscard]] Client& client() override { return runner_.client(); }
  void wake() override;
  [[nodiscard]] std::optional<Misuse> stop(const Disconnect& disconnect) override;
  void die(trace::Death how) override;

  /// Until released it does not act.
  void detain() { detained_ = true; }
  void release();
  [[nodiscard]] bool is_idle() const { return dead_ || runner_.is_idle(); }

 private:
  ClientRunner runner_;
  bool detained_ = false;
};

}  // namespace mqttlab::live
