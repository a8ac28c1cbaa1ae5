// ForgetfulDisk: a SQLite VFS in memory that a power failure takes back to its last sync.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "protocol/session/random.h"

namespace mqttlab::testing {

/// Kill -9 leaves the page cache, so it cannot tell what has been synced from what has not. This
/// can. The disk is a VFS of its own name as long as it lives.
class ForgetfulDisk {
 public:
  explicit ForgetfulDisk(std::uint64_t seed);
  ~ForgetfulDisk();
  ForgetfulDisk(const ForgetfulDisk&) = delete;
  ForgetfulDisk& operator=(const ForgetfulDisk&) = delete;

  [[nodiscard]] const char* vfs() const { return name_.c_str(); }
  /// The power fails with the n-th call from now that writes, syncs, truncates or deletes.
  void fail_at(std::uint64_t operation) { fail_at_ = operations_ + operation; }
  void fail() { failed_ = true; }
  [[nodiscard]] bool has_failed() const { return failed_; }
  /// The power is back: of what had not been synced nothing is left, or, if `torn`, any part.
  void power_on(bool torn);
  /// From now on a sync does nothing, as on a disk that lies.
  void ignore_syncs() { lies_ = true; }
  /// Files may take so many bytes in all.
  void limit(std::size_t bytes) { limit_ = bytes; }

  [[nodiscard]] std::uint64_t operations() const { return operations_; }
  [[nodiscard]] std::uint64_t syncs() const { return syncs_; }
  [[nodiscard]] std::size_t bytes() const;  ///< of all files

 private:
  friend struct DiskCalls;
  using Content = std::vector<std::uint8_t>;
  struct Write {
    std::size_t offset;
    Content bytes;  // empty: the file ends here
  };
  struct File {
    Content synced, now;
    std::vector<Write> unsynced;
  };
  static void apply(const Write& write, Content& content);
  [[nodiscard]] bool works();  // false from the failure on
  [[nodiscard]] bool write(File& file, Write write);
  void sync(File& file);

  std::string name_;
  sqlite3_vfs vfs_{};
  Random random_;
  std::map<std::string, File> files_;
  std::uint64_t operations_ = 0, syncs_ = 0, fail_at_ = ~std::uint64_t{0};
  std::size_t limit_ = ~std::size_t{0};
  bool failed_ = false, lies_ = false;
};

}  // namespace mqttlab::testing
