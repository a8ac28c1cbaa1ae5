#include "protocol/live/store/database.h"

#include <utility>

namespace mqttlab::live {
namespace {

std::string words(int code, const char* message) {
  switch (code & 0xFF) {
    case SQLITE_NOTADB:
      return "is not a SQLite database; name another file, or move this one away";
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return "is in use by another broker; stop that one, or name another file";
    case SQLITE_FULL:
      return "cannot grow, the disk is full; make room and start again";
    case SQLITE_READONLY:
    case SQLITE_PERM:
      return "may not be written; see to its permissions, and its folder's";
    case SQLITE_CANTOPEN:
      return "cannot be opened; see that its folder is there and may be written";
    case SQLITE_CORRUPT:
      return "is damaged (" + std::string(message) + "); bring back a copy, or move it away";
    default:
      return "does not work: " + std::string(message);
  }
}

}  // namespace

Database::Database(std::string path, const char* vfs) : path_(std::move(path)) {
  sqlite3* file = nullptr;
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
  const int code = sqlite3_open_v2(path_.c_str(), &file, flags, vfs);
  file_.reset(file);
  if (code != SQLITE_OK) failed(code);
}

void Database::failed(int code) const {
  throw StoreError(path_, words(code, file_ ? sqlite3_errmsg(file_.get()) : "out of memory"));
}

void Database::run(const std::string& sql) {
  const int code = sqlite3_exec(file_.get(), sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) failed(code);
}

std::int64_t Database::number(const std::string& sql) {
  Statement statement(*this, sql.c_str());
  return statement.next() ? statement.number(0) : 0;
}

Statement::Statement(const Database& database, const char* sql) : database_(database) {
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v3(database.file_.get(), sql, -1, SQLITE_PREPARE_PERSISTENT,
                                      &statement, nullptr);
  statement_.reset(statement);
  if (code != SQLITE_OK) database.failed(code);
}

Statement& Statement::bind(int index, std::int64_t number) {
  sqlite3_bind_int64(statement_.get(), index, number);
  return *this;
}

Statement& Statement::bind(int index, Bytes blob) {
  sqlite3_bind_blob64(statement_.get(), index, blob.data(), blob.size(), SQLITE_STATIC);
  return *this;
}

bool Statement::next() {
  const int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  sqlite3_reset(statement_.get());
  if (code != SQLITE_DONE) database_.failed(code);
  return false;
}

void Statement::run() {
  while (next()) {
  }
}

std::int64_t Statement::number(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

Bytes Statement::blob(int column) const {
  const auto* data =
      static_cast<const std::uint8_t*>(sqlite3_column_blob(statement_.get(), column));
  return {data, static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column))};
}

}  // namespace mqttlab::live
