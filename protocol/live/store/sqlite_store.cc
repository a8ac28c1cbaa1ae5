#include "protocol/live/store/sqlite_store.h"

#include <stdexcept>
#include <utility>

namespace mqttlab::live {
namespace {

constexpr std::int64_t application_id = 0x4D'51'4C'42;  // "MQLB"
constexpr std::int64_t format_version = 1;
// More than this does not wait for the end of the window.
constexpr std::size_t most_waiting_bytes = 4 << 20;

// Locked for good before anything is read: two brokers would write over each other. Nobody else
// needs shared memory then, so a file system without it will do.
void prepare(Database& database, Durability durability) {
  database.run("PRAGMA locking_mode = EXCLUSIVE");
  const std::int64_t id = database.number("PRAGMA application_id");
  if (id != application_id && (id != 0 || database.number("SELECT count(*) FROM sqlite_schema")))
    throw StoreError(database.path(),
                     "is a database of another program; name another file, or move this one away");
  const std::int64_t version = database.number("PRAGMA user_version");
  if (version > format_version)
    throw StoreError(database.path(), "has format " + std::to_string(version) +
                                          ", and this program reads up to " +
                                          std::to_string(format_version) + "; use a newer one");
  database.run("PRAGMA journal_mode = WAL");
  // In a WAL both leave a whole database behind, whenever the machine ends: FULL syncs every
  // commit, NORMAL only before the WAL is written over.
  database.run(durability == Durability::none ? "PRAGMA synchronous = NORMAL"
                                              : "PRAGMA synchronous = FULL");
  database.run("PRAGMA journal_size_limit = 8388608");
  database.run("BEGIN IMMEDIATE");
  if (id == 0) {
    database.run(
        "CREATE TABLE journal(id INTEGER PRIMARY KEY, records BLOB NOT NULL);"
        "CREATE TABLE snapshot(id INTEGER PRIMARY KEY, records BLOB NOT NULL);"
        "CREATE TABLE base(snapshot INTEGER NOT NULL, journal INTEGER NOT NULL);"
        "INSERT INTO base VALUES(0, 0);");
    database.run("PRAGMA application_id = " + std::to_string(application_id));
    database.run("PRAGMA user_version = " + std::to_string(format_version));
  }
  database.run("COMMIT");
}

}  // namespace

SqliteStore::SqliteStore(StoreSettings settings)
    : settings_(std::move(settings)), database_(settings_.path, settings_.vfs) {
  prepare(database_, settings_.durability);
  tables_.emplace(database_, settings_.compact_from_bytes);
}

template <typename Read>
auto SqliteStore::believe(Read read) {
  try {
    return read();
  } catch (const journal::JournalError& error) {
    throw StoreError(database_.path(), "cannot be believed: " + std::string(error.what()));
  }
}

journal::Image SqliteStore::load() {
  return believe([this] { return tables_->load(); });
}

JournalPosition SqliteStore::commit(Time now) {
  if (last_ == committed_) return committed_;
  const bool waits = settings_.durability != Durability::sync && now < due_ &&
                     waiting_.bytes() < most_waiting_bytes;
  if (waits && due_ == never) due_ = now + batch_window / 2;
  if (!waits) flush();
  return committed_;
}

void SqliteStore::flush() {
  if (last_ == committed_) return;
  database_.run("BEGIN IMMEDIATE");
  believe([this] { tables_->add(waiting_); });
  database_.run("COMMIT");
  waiting_.clear();
  committed_ = last_;
  due_ = never;
}

}  // namespace mqttlab::live
