// What live tests share: an io_context that runs until something has happened, or time is over.
#pragma once

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>

namespace mqttlab::live::testing {

struct Loop {
  boost::asio::io_context io{1};

  /// False if it has not happened within ten seconds.
  bool until(const std::function<bool()>& happened) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!happened()) {
      if (std::chrono::steady_clock::now() > end) return false;
      if (io.stopped()) io.restart();
      io.run_one_for(std::chrono::milliseconds(20));
    }
    return true;
  }
};

}  // namespace mqttlab::live::testing
