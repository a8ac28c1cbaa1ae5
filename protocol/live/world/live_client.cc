#include "protocol/live/world/live_client.h"

#include <utility>

#include "protocol/live/clock.h"

namespace mqttlab::live {

LiveClient::LiveClient(boost::asio::io_context& io, DialConfig dial, ClientConfig config,
                       std::uint64_t seed, ClientTrace trace, std::function<void()> ready)
    : runner_(
          io, std::move(dial), std::move(config), seed,
          [this](const ClientEvent& event) {
            if (handler_) handler_(event);
          },
          std::move(trace)) {
  runner_.waiting = std::move(ready);
}

void LiveClient::wake() {
  runner_.hold(watched_);
  if (!detained_ && !dead_) runner_.wake();
}

void LiveClient::release() {
  detained_ = false;
  wake();
}

std::optional<Misuse> LiveClient::stop(const Disconnect& disconnect) {
  if (dead_) return std::nullopt;
  if (const auto misuse = client().stop(steady_now(), disconnect)) return misuse;
  runner_.drop_dial();
  wake();
  return std::nullopt;
}

// A silent death is the link's: nobody hears of what its kernel says then.
void LiveClient::die(trace::Death how) {
  if (dead_) return;
  dead_ = true;
  runner_.die(how == trace::Death::reset);
}

}  // namespace mqttlab::live
