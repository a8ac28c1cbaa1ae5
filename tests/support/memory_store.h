// MemoryStore: a journal in memory that forgets, in a crash, what has not been committed.
#pragma once

#include <cstdint>
#include <deque>
#include <utility>
#include <vector>

#include "protocol/journal/codec.h"
#include "tests/support/world_store.h"

namespace mqttlab::testing {

class MemoryStore final : public WorldStore {
 public:
  struct Options {
    Time commit_time = 0;  ///< from a step to the instant at which it is safe
    bool gates = true;
  };
  explicit MemoryStore(Options options) : options_(options) {}
  /// The broker is to die with its n-th step from now, n from 1.
  void crash_in(std::uint64_t steps) { crash_at_ = steps_ + steps; }

  void append(const journal::Record& record) override { records_.push_back(encode(record)); }
  void step(JournalPosition position) override {
    ++steps_;
    waiting_.push_back({position, never, std::exchange(records_, {})});
  }
  [[nodiscard]] bool gates() const override { return options_.gates; }

  [[nodiscard]] journal::Image load() override {
    journal::Image image;
    for (const auto& record : safe_) image.apply(journal::decode(Slice::copy_of(Bytes(record))));
    return image;
  }
  JournalPosition commit(Time now) override {
    for (Step& step : waiting_)
      if (step.safe_at == never) step.safe_at = now + options_.commit_time;
    while (!waiting_.empty() && waiting_.front().safe_at <= now) {
      for (auto& record : waiting_.front().records) safe_.push_back(std::move(record));
      committed_ = waiting_.front().position;
      waiting_.pop_front();
    }
    return committed_;
  }
  [[nodiscard]] Time deadline() const override {
    return waiting_.empty() ? never : waiting_.front().safe_at;
  }
  [[nodiscard]] bool wants_crash() const override { return steps_ >= crash_at_; }
  /// One crash only.
  void crashed() override {
    crash_at_ = no_step;
    waiting_.clear();
    records_.clear();
    committed_ = 0;
  }
  [[nodiscard]] std::uint64_t steps() const { return steps_; }  ///< of all brokers so far

 private:
  static constexpr std::uint64_t no_step = ~std::uint64_t{0};
  struct Step {
    JournalPosition position;
    Time safe_at;
    std::vector<std::vector<std::uint8_t>> records;
  };
  Options options_;
  std::vector<std::vector<std::uint8_t>> records_;  // of the step under way
  std::deque<Step> waiting_;
  std::vector<std::vector<std::uint8_t>> safe_;
  std::uint64_t steps_ = 0, crash_at_ = no_step;
  JournalPosition committed_ = 0;
};

}  // namespace mqttlab::testing
