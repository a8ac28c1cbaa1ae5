// Database: one SQLite file, and what can go wrong with it in words.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>

#include "protocol/peer.h"

namespace mqttlab::live {

/// One line that names the file, what is wrong with it and what can be done.
class StoreError : public std::runtime_error {
 public:
  StoreError(const std::string& path, const std::string& what)
      : std::runtime_error("store '" + path + "' " + what) {}
};

class Database {
 public:
  /// Opens the file, or makes one. `vfs`: a SQLite VFS by name; null: the system's. Throws
  /// StoreError, as everything here.
  Database(std::string path, const char* vfs);

  void run(const std::string& sql);
  [[nodiscard]] std::int64_t number(const std::string& sql);  ///< of the first row; 0 without one
  [[nodiscard]] int changes() const { return sqlite3_changes(file_.get()); }  ///< of the last run
  [[nodiscard]] const std::string& path() const { return path_; }
  [[noreturn]] void failed(int code) const;

 private:
  friend class Statement;
  struct Close {
    void operator()(sqlite3* file) const { sqlite3_close_v2(file); }
  };
  std::string path_;
  std::unique_ptr<sqlite3, Close> file_;
};

class Statement {
 public:
  Statement(const Database& database, const char* sql);
  Statement& bind(int index, std::int64_t number);
  Statement& bind(int index, Bytes blob);  ///< valid until the statement has run
  void run();                              ///< to the end, and then ready to run again
  [[nodiscard]] bool next();               ///< a row; false: the end, and ready to run again
  [[nodiscard]] std::int64_t number(int column) const;
  [[nodiscard]] Bytes blob(int column) const;  ///< valid until the next call
  void reset() { sqlite3_reset(statement_.get()); }

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };
  const Database& database_;
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

}  // namespace mqttlab::live
