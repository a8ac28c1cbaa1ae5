// Alarm: one timer of Asio's, kept at the next instant that its owner cares about.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>

#include "protocol/live/clock.h"

namespace mqttlab::live {

class Alarm {
 public:
  Alarm(boost::asio::io_context& io, std::function<void()> ring)
      : ring_(std::move(ring)), timer_(io) {}
  Alarm(const Alarm&) = delete;
  Alarm& operator=(const Alarm&) = delete;

  /// Rings once, at `due` or before: one that is to come earlier anyway is left where it is, and
  /// owners look at the time themselves. `never`: as if not called.
  void set(Time due) {
    if (due >= at_) return;
    at_ = due;
    timer_.expires_at(time_point(due));
    timer_.async_wait([this, valid = std::weak_ptr(last_),
                       number = ++*last_](const boost::system::error_code& error) {
      const auto last = valid.lock();
      if (error || !last || *last != number) return;
      at_ = never;
      ring_();
    });
  }
  void cancel() {
    at_ = never;
    ++*last_;
    timer_.cancel();
  }

 private:
  std::function<void()> ring_;
  boost::asio::steady_timer timer_;
  Time at_ = never;
  // The number of the latest wait. Asio does not cancel one that is over already, so its handler
  // may come after cancel(), or find nobody.
  const std::shared_ptr<std::uint64_t> last_ = std::make_shared<std::uint64_t>(0);
};

}  // namespace mqttlab::live
