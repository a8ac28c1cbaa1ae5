// Lingering: connections that their program is done with, and its host's kernel not yet.
#pragma once

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "sim/stream.h"

namespace mqttlab::sim {

class Lingering {
 public:
  /// Of a stream that is left; of one that is over only its account is kept.
  void take(std::unique_ptr<Stream> stream) {
    stream->disown();
    streams_.push_back(std::move(stream));
    std::erase_if(streams_, [this](const std::unique_ptr<Stream>& one) {
      if (one->is_over()) past_ += one->overhead();
      return one->is_over();
    });
  }
  /// The program's process ends: only with its machine, or by a reset, is the kernel done, too.
  void die(trace::Death how) {
    if (how == trace::Death::fin) return;
    for (const auto& stream : streams_) stream->die(how);
  }
  /// Of all of them so far.
  [[nodiscard]] Overhead overhead() const {
    Overhead all = past_;
    for (const auto& stream : streams_) all += stream->overhead();
    return all;
  }

 private:
  std::vector<std::unique_ptr<Stream>> streams_;
  Overhead past_;
};

}  // namespace mqttlab::sim
