// PowerCut: clients at work, a broker with a store, and a power failure in the middle of it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "protocol/live/store/sqlite_store.h"
#include "tests/store/forgetful_disk.h"
#include "tests/support/memory_world.h"
#include "tests/support/world_store.h"

namespace mqttlab::testing {

/// A SqliteStore on a ForgetfulDisk.
class ForgetfulStore final : public WorldStore {
 public:
  ForgetfulStore(ForgetfulDisk& disk, live::StoreSettings settings, bool torn);

  journal::Image load() override;
  void append(const journal::Record& record) override { store_->append(record); }
  void step(JournalPosition position) override { store_->step(position); }
  [[nodiscard]] bool gates() const override {
    return settings_.durability == live::Durability::sync;
  }
  JournalPosition commit(Time now) override;
  [[nodiscard]] Time deadline() const override { return store_->deadline(); }
  [[nodiscard]] bool wants_crash() const override { return disk_.has_failed(); }
  void crashed() override;
  /// When the last crash was; `never`: there has been none.
  [[nodiscard]] Time crashed_at() const { return crashed_at_; }

 private:
  ForgetfulDisk& disk_;
  live::StoreSettings settings_;
  bool torn_;
  std::optional<live::SqliteStore> store_;
  JournalPosition committed_ = 0;
  Time now_ = 0, crashed_at_ = never;
};

struct PowerCutPlan {
  std::uint64_t seed = 1;
  live::Durability durability = live::Durability::sync;
  bool lying_disk = false;
};

/// What has become of the messages that their publishers were told to be safe.
struct PowerCutResult {
  std::uint64_t acknowledged = 0;
  std::uint64_t lost = 0;      ///< acknowledged longer before the failure than may be lost
  std::uint64_t forgiven = 0;  ///< lost, too, but acknowledged within the window
  std::uint64_t repeated = 0;  ///< of QoS 2
};
PowerCutResult& operator+=(PowerCutResult& sum, const PowerCutResult& more);

/// Plays it, and lets everything settle. That the store opens again, and that everybody gets
/// through in the end, it expects itself.
[[nodiscard]] PowerCutResult play(const PowerCutPlan& plan);

}  // namespace mqttlab::testing
