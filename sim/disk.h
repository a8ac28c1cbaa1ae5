// Disk: what a process writes into one file, and what a crash leaves of it. No ns-3.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "protocol/journal/durability.h"
#include "protocol/session/random.h"
#include "protocol/trace/event.h"
#include "protocol/wire/slice.h"

namespace mqttlab::sim {

struct DiskConfig {
  Durability durability = Durability::batch;
  Time sync_time = 0;  ///< from the beginning of a sync to its end
};

/// Records in steps, each behind its length. What is written outlives the process, in the system's
/// cache; what has been synced, the machine.
class Disk {
 public:
  explicit Disk(DiskConfig config) : config_(config) {}

  void append(const std::vector<std::uint8_t>& record);  ///< to the step under way
  void step(JournalPosition position);                   ///< writes it
  [[nodiscard]] bool gates() const { return config_.durability == Durability::sync; }
  /// Syncs, if that is due; returns the last step that is safe. 0: none.
  JournalPosition commit(Time now);
  [[nodiscard]] Time deadline() const;

  /// The process is gone: nothing is written until the next one reads. `torn`: of what had not been
  /// synced there is a part, cut at a byte.
  void crash(trace::StoreFate fate, Random& random);
  /// The records of all whole steps, in order; what is left of the last one is cut off.
  void read(const std::function<void(const Slice& record)>& each);
  /// Time to write the file anew: most of it may be about what has gone.
  [[nodiscard]] bool is_long() const { return file_.size() > rewrite_at_; }
  /// What is appended from begin_anew() on, up to the next step, takes the place of all that was
  /// written, as a new file under the old name: synced.
  void begin_anew();

 private:
  using File = std::vector<std::uint8_t>;
  static void write(File& file, const File& bytes);
  void synced();

  static constexpr std::size_t smallest_rewrite = 1 << 20;
  const DiskConfig config_;
  File file_, step_;
  std::size_t rewrite_at_ = smallest_rewrite;
  std::size_t synced_bytes_ = 0;
  JournalPosition written_ = 0, safe_ = 0;
  Time sync_due_ = never;
  bool anew_ = false, off_ = false;
  struct Sync {
    Time until = never;  // never: none is under way
    std::size_t bytes = 0;
    JournalPosition position = 0;
  };
  Sync sync_;
};

}  // namespace mqttlab::sim
