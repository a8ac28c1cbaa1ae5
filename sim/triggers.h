// Triggers: what a device's connections wait for, and who is told that it has come.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "protocol/world/world.h"

namespace mqttlab::sim {

class Triggers {
 public:
  using Call = std::function<void(const Fired&)>;
  struct One {
    Trigger when;
    Call call;
    bool is_over = false;  // it has fired, or was disarmed
  };

  std::size_t add(const Trigger& when, Call call) {
    all_.push_back({when, std::move(call)});
    return all_.size() - 1;
  }
  [[nodiscard]] const std::vector<One>& all() const { return all_; }
  void disarm() {
    for (One& one : all_) one.is_over = true;
  }
  /// Once each.
  void fire(std::size_t trigger, const Fired& fired) {
    if (all_[trigger].is_over) return;
    all_[trigger].is_over = true;
    const Call call = std::move(all_[trigger].call);  // which may add others
    call(fired);
  }

 private:
  std::vector<One> all_;
};

}  // namespace mqttlab::sim
