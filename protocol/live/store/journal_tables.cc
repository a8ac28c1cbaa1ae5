#include "protocol/live/store/journal_tables.h"

#include <algorithm>
#include <limits>
#include <string>

namespace mqttlab::live {
namespace {

constexpr std::int64_t snapshot_ids = std::int64_t{1} << 32;
constexpr std::int64_t no_end = std::numeric_limits<std::int64_t>::max();
// With each commit, at least; and so many bytes for each that is added.
constexpr std::size_t least_bytes = 64 << 10, pace = 8;
// So much of a snapshot is encoded at a time: mostly one row.
constexpr std::size_t portion_bytes = RecordRows::row_bytes / 2;

}  // namespace

JournalTables::JournalTables(Database& database, std::size_t compact_from_bytes)
    : database_(database),
      compact_from_bytes_(compact_from_bytes),
      add_(database, "INSERT INTO journal VALUES(?, ?)"),
      next_in_snapshot_(database,
                        "SELECT id, records FROM snapshot WHERE id > ? AND id <= ? ORDER BY id"),
      next_in_journal_(database,
                       "SELECT id, records FROM journal WHERE id > ? AND id <= ? ORDER BY id"),
      insert_(database, "INSERT INTO snapshot VALUES(?, ?)"),
      remove_snapshot_(database,
                       "DELETE FROM snapshot WHERE id IN"
                       " (SELECT id FROM snapshot WHERE id <= ? ORDER BY id LIMIT 8)"),
      remove_journal_(database,
                      "DELETE FROM journal WHERE id IN"
                      " (SELECT id FROM journal WHERE id <= ? ORDER BY id LIMIT 8)"),
      snapshot_(database.number("SELECT snapshot FROM base")),
      journal_(database.number("SELECT journal FROM base")),
      last_id_(std::max(journal_, database.number("SELECT max(id) FROM journal"))) {}

journal::Image JournalTables::load() {
  const std::int64_t end = snapshot_ + snapshot_ids - 1;
  const std::string first = std::to_string(snapshot_);
  database_.run("DELETE FROM snapshot WHERE id < " + first + " OR id > " + std::to_string(end) +
                "; DELETE FROM journal WHERE id <= " + std::to_string(journal_));
  journal::Image image;
  const auto all = [&](Statement& rows, std::int64_t from, std::int64_t last) {
    std::size_t bytes = 0;
    rows.bind(1, from).bind(2, last);
    while (rows.next()) {
      RecordRows::apply(rows.blob(1), image);
      bytes += rows.blob(1).size();
    }
    return bytes;
  };
  snapshot_bytes_ = all(next_in_snapshot_, snapshot_ - 1, end);
  journal_bytes_ = all(next_in_journal_, journal_, no_end);
  return image;
}

void JournalTables::add(const RecordRows& rows) {
  for (const auto& row : rows.rows()) add_.bind(1, ++last_id_).bind(2, Bytes(row)).run();
  work(rows.bytes());
}

void JournalTables::work(std::size_t added_bytes) {
  journal_bytes_ += added_bytes;
  if (phase_ == Phase::idle && journal_bytes_ > std::max(compact_from_bytes_, 2 * snapshot_bytes_))
    begin();
  const std::size_t budget = std::max(least_bytes, pace * added_bytes);
  for (std::size_t done = 0; phase_ != Phase::idle && done < budget;) done += work_once();
}

void JournalTables::begin() {
  phase_ = Phase::read_snapshot;
  cursor_ = snapshot_ - 1;
  last_ = last_id_;
  read_bytes_ = 0;
}

std::size_t JournalTables::work_once() {
  switch (phase_) {
    case Phase::read_snapshot:
      if (const auto size = read(next_in_snapshot_, snapshot_ + snapshot_ids - 1)) return *size;
      phase_ = Phase::read_journal;
      cursor_ = journal_;
      return 0;
    case Phase::read_journal:
      if (const auto size = read(next_in_journal_, last_)) {
        read_bytes_ += *size;
        return *size;
      }
      written_ = 0;
      snapshot_bytes_ = 0;
      phase_ = Phase::write;
      return 0;
    case Phase::write:
      return write();
    case Phase::remove:
      return remove();
    case Phase::idle:
      break;
  }
  return 0;
}

// A row may be empty: there are files with such rows.
std::optional<std::size_t> JournalTables::read(Statement& next, std::int64_t last) {
  next.bind(1, cursor_).bind(2, last);
  if (!next.next()) return {};
  cursor_ = next.number(0);
  const std::size_t size = next.blob(1).size();
  RecordRows::apply(next.blob(1), image_);
  next.reset();
  return size;
}

std::size_t JournalTables::write() {
  const std::int64_t fresh = snapshot_ + snapshot_ids;
  const auto append = [this](const journal::Record& record) { rows_.append(record); };
  while (rows_.bytes() < portion_bytes && image_.take(append)) {
  }
  if (const std::size_t size = rows_.bytes(); size > 0) {
    for (const auto& row : rows_.rows())
      insert_.bind(1, fresh + written_++).bind(2, Bytes(row)).run();
    rows_.clear();
    snapshot_bytes_ += size;
    return size;
  }
  database_.run("UPDATE base SET snapshot = " + std::to_string(fresh) +
                ", journal = " + std::to_string(last_));
  snapshot_ = fresh;
  journal_ = last_;
  journal_bytes_ -= read_bytes_;
  rows_ = {};
  image_ = {};
  phase_ = Phase::remove;
  return 0;
}

// A few rows at a time; a row of the journal may be as small as a record.
std::size_t JournalTables::remove() {
  remove_journal_.bind(1, journal_).run();
  if (database_.changes() > 0) return least_bytes;
  remove_snapshot_.bind(1, snapshot_ - 1).run();
  if (database_.changes() > 0) return least_bytes;
  phase_ = Phase::idle;
  return 0;
}

}  // namespace mqttlab::live
