// JournalTables: the journal's rows, written anew when most of them are about what has gone, a
// little with each commit.
#pragma once

#include <cstdint>
#include <optional>

#include "protocol/journal/image.h"
#include "protocol/live/store/database.h"
#include "protocol/live/store/record_rows.h"

namespace mqttlab::live {

/// What counts is a snapshot, and the journal's rows behind the one that it ends with. A pass reads
/// both into an Image, writes that image's shortest journal as the next snapshot, makes it the one
/// that counts, and deletes what it replaces. Each commit does a part in proportion to what it
/// writes itself, so no commit takes long (one session, without its messages, is one part) and the
/// file stays within some five times the state, or a few times compact_from. While it runs it holds
/// the state in memory once more.
class JournalTables {
 public:
  /// Both as SqliteStore has them; the database must outlive this.
  JournalTables(Database& database, std::size_t compact_from_bytes);

  /// All that counts; what a pass has left half done is deleted. Throws journal::JournalError.
  [[nodiscard]] journal::Image load();
  /// Inside a transaction: adds the rows, and does a part of what there is to do.
  void add(const RecordRows& rows);

 private:
  enum class Phase : std::uint8_t { idle, read_snapshot, read_journal, write, remove };
  void work(std::size_t added_bytes);
  void begin();
  /// The next row behind `cursor_` up to `last` is applied; its size, if there is one.
  [[nodiscard]] std::optional<std::size_t> read(Statement& next, std::int64_t last);
  [[nodiscard]] std::size_t work_once();
  [[nodiscard]] std::size_t write();
  [[nodiscard]] std::size_t remove();

  Database& database_;
  const std::size_t compact_from_bytes_;
  Statement add_, next_in_snapshot_, next_in_journal_, insert_, remove_snapshot_, remove_journal_;
  // Rows of a snapshot have ids from its first one on; that of the next one lies far behind it.
  std::int64_t snapshot_ = 0;  // the first id of the one that counts
  std::int64_t journal_ = 0;   // the last id that it includes
  std::int64_t last_id_ = 0;   // of the journal; never given twice, though rows go
  std::size_t snapshot_bytes_ = 0, journal_bytes_ = 0;

  Phase phase_ = Phase::idle;
  std::int64_t cursor_ = 0, last_ = 0;  // of the rows that are read; last_: where the pass ends
  std::size_t read_bytes_ = 0;          // of the journal
  journal::Image image_;
  RecordRows rows_;
  std::int64_t written_ = 0;  // rows of the next snapshot
};

}  // namespace mqttlab::live
