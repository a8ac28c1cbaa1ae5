// SqliteStore: a broker's journal in one SQLite file.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "protocol/journal/durability.h"
#include "protocol/journal/store.h"
#include "protocol/live/store/database.h"
#include "protocol/live/store/journal_tables.h"
#include "protocol/live/store/record_rows.h"

namespace mqttlab::live {

using mqttlab::batch_window, mqttlab::Durability, mqttlab::durability_of;

struct StoreSettings {
  std::string path;
  Durability durability = Durability::batch;
  /// The journal may grow to so many bytes, or to twice the state, before it is written anew.
  std::size_t compact_from_bytes = 4 << 20;
  const char* vfs = nullptr;  ///< a SQLite VFS by name; null: the system's
};

/// One INSERT and one sync for all steps of a commit. All calls throw StoreError when the file
/// cannot be read or written, and then nothing more may be promised: who gets one stops.
class SqliteStore final : public Store {
 public:
  explicit SqliteStore(StoreSettings settings);

  [[nodiscard]] journal::Image load() override;
  void append(const journal::Record& record) override { waiting_.append(record); }
  void step(JournalPosition position) override { last_ = position; }
  [[nodiscard]] bool gates() const override { return settings_.durability == Durability::sync; }
  JournalPosition commit(Time now) override;
  [[nodiscard]] Time deadline() const override { return due_; }
  /// Commits whatever waits, due or not: an orderly end.
  void flush();

 private:
  template <typename Read>
  auto believe(Read read);

  StoreSettings settings_;
  Database database_;
  std::optional<JournalTables> tables_;
  RecordRows waiting_;
  JournalPosition last_ = 0, committed_ = 0;
  Time due_ = never;
};

}  // namespace mqttlab::live
