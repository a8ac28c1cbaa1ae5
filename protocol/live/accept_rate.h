// AcceptRate: how fast new connections are taken from a listener's backlog.
#pragma once

#include <algorithm>
#include <cmath>

#include "protocol/peer.h"

namespace mqttlab::live {

/// So many a second; after a quiet second, as many at once.
class AcceptRate {
 public:
  /// 0: without limit.
  explicit AcceptRate(double per_s) : per_s_(per_s), left_(std::max(per_s, 1.0)) {}

  /// True if one more may be accepted now.
  bool take(Time now) {
    if (per_s_ <= 0) return true;
    const double passed_s = static_cast<double>(now - since_) / static_cast<double>(second);
    left_ = std::min(std::max(per_s_, 1.0), left_ + passed_s * per_s_);
    since_ = now;
    if (left_ < 1) return false;
    left_ -= 1;
    return true;
  }
  /// After a refusal: when take() succeeds again.
  [[nodiscard]] Time next() const {
    return since_ + std::llround(std::ceil((1 - left_) / per_s_ * static_cast<double>(second)));
  }

 private:
  double per_s_;
  double left_;
  Time since_ = 0;
};

}  // namespace mqttlab::live
