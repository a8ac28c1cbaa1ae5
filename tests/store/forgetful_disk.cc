#include "tests/store/forgetful_disk.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace mqttlab::testing {

/// What SQLite calls.
struct DiskCalls {
  struct Handle {
    sqlite3_file base;
    ForgetfulDisk* disk;
    ForgetfulDisk::File* file;
  };
  static ForgetfulDisk& disk(sqlite3_vfs* vfs) {
    return *static_cast<ForgetfulDisk*>(vfs->pAppData);
  }
  static Handle& handle(sqlite3_file* file) { return *reinterpret_cast<Handle*>(file); }

  static int open(sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags, int* out) {
    Handle& opened = handle(file);
    opened.base.pMethods = nullptr;
    if (!name || disk(vfs).failed_) return SQLITE_CANTOPEN;
    opened.disk = &disk(vfs);
    opened.file = &disk(vfs).files_[name];
    opened.base.pMethods = &methods;
    if (out) *out = flags;
    return SQLITE_OK;
  }
  static int remove(sqlite3_vfs* vfs, const char* name, int) {
    if (!disk(vfs).works()) return SQLITE_IOERR_DELETE;
    disk(vfs).files_.erase(name);
    return SQLITE_OK;
  }
  static int access(sqlite3_vfs* vfs, const char* name, int, int* exists) {
    *exists = disk(vfs).files_.contains(name) ? 1 : 0;
    return SQLITE_OK;
  }
  static int full_path(sqlite3_vfs*, const char* name, int room, char* path) {
    sqlite3_snprintf(room, path, "%s", name);
    return SQLITE_OK;
  }
  static int randomness(sqlite3_vfs* vfs, int n, char* bytes) {
    for (int i = 0; i < n; ++i) bytes[i] = static_cast<char>(disk(vfs).random_.below(256));
    return n;
  }
  static int sleep(sqlite3_vfs*, int us) { return us; }
  static int time(sqlite3_vfs*, double* days) {
    *days = 2'460'000.5;
    return SQLITE_OK;
  }

  static int close(sqlite3_file*) { return SQLITE_OK; }
  static int read(sqlite3_file* file, void* to, int n, sqlite3_int64 offset) {
    const auto& content = handle(file).file->now;
    const auto from = std::min(static_cast<std::size_t>(offset), content.size());
    const auto size = std::min(static_cast<std::size_t>(n), content.size() - from);
    std::memset(to, 0, static_cast<std::size_t>(n));
    if (size > 0) std::memcpy(to, content.data() + from, size);
    return size == static_cast<std::size_t>(n) ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
  }
  static int write(sqlite3_file* file, const void* from, int n, sqlite3_int64 offset) {
    Handle& to = handle(file);
    const auto* bytes = static_cast<const std::uint8_t*>(from);
    if (!to.disk->works()) return SQLITE_IOERR_WRITE;
    const bool fits =
        to.disk->write(*to.file, {static_cast<std::size_t>(offset), {bytes, bytes + n}});
    return fits ? SQLITE_OK : SQLITE_FULL;
  }
  static int truncate(sqlite3_file* file, sqlite3_int64 size) {
    Handle& to = handle(file);
    if (!to.disk->works()) return SQLITE_IOERR_TRUNCATE;
    (void)to.disk->write(*to.file, {static_cast<std::size_t>(size), {}});
    return SQLITE_OK;
  }
  static int sync(sqlite3_file* file, int) {
    Handle& to = handle(file);
    if (!to.disk->works()) return SQLITE_IOERR_FSYNC;
    to.disk->sync(*to.file);
    return SQLITE_OK;
  }
  static int size(sqlite3_file* file, sqlite3_int64* bytes) {
    *bytes = static_cast<sqlite3_int64>(handle(file).file->now.size());
    return SQLITE_OK;
  }
  static int lock(sqlite3_file*, int) { return SQLITE_OK; }
  static int check_lock(sqlite3_file*, int* is_locked) {
    *is_locked = 0;
    return SQLITE_OK;
  }
  static int control(sqlite3_file*, int, void*) { return SQLITE_NOTFOUND; }
  static int sector(sqlite3_file*) { return 512; }
  static int traits(sqlite3_file*) { return 0; }

  static const sqlite3_io_methods methods;
};

const sqlite3_io_methods DiskCalls::methods = [] {
  sqlite3_io_methods calls{};
  calls.iVersion = 1;
  calls.xClose = close;
  calls.xRead = read;
  calls.xWrite = write;
  calls.xTruncate = truncate;
  calls.xSync = sync;
  calls.xFileSize = size;
  calls.xLock = lock;
  calls.xUnlock = lock;
  calls.xCheckReservedLock = check_lock;
  calls.xFileControl = control;
  calls.xSectorSize = sector;
  calls.xDeviceCharacteristics = traits;
  return calls;
}();

ForgetfulDisk::ForgetfulDisk(std::uint64_t seed)
    : name_("forgetful-" + std::to_string(reinterpret_cast<std::uintptr_t>(this))),
      random_(seed, "disk") {
  vfs_.iVersion = 1;
  vfs_.szOsFile = sizeof(DiskCalls::Handle);
  vfs_.mxPathname = 512;
  vfs_.zName = name_.c_str();
  vfs_.pAppData = this;
  vfs_.xOpen = DiskCalls::open;
  vfs_.xDelete = DiskCalls::remove;
  vfs_.xAccess = DiskCalls::access;
  vfs_.xFullPathname = DiskCalls::full_path;
  vfs_.xRandomness = DiskCalls::randomness;
  vfs_.xSleep = DiskCalls::sleep;
  vfs_.xCurrentTime = DiskCalls::time;
  sqlite3_vfs_register(&vfs_, 0);
}

ForgetfulDisk::~ForgetfulDisk() { sqlite3_vfs_unregister(&vfs_); }

bool ForgetfulDisk::works() {
  if (++operations_ >= fail_at_) failed_ = true;
  return !failed_;
}

void ForgetfulDisk::apply(const Write& write, Content& content) {
  if (write.bytes.empty()) return content.resize(write.offset);
  content.resize(std::max(content.size(), write.offset + write.bytes.size()));
  std::copy(write.bytes.begin(), write.bytes.end(),
            content.begin() + static_cast<std::ptrdiff_t>(write.offset));
}

bool ForgetfulDisk::write(File& file, Write write) {
  const std::size_t end = write.offset + write.bytes.size();
  if (end > file.now.size() && bytes() + (end - file.now.size()) > limit_) return false;
  apply(write, file.now);
  file.unsynced.push_back(std::move(write));
  return true;
}

void ForgetfulDisk::sync(File& file) {
  ++syncs_;
  if (lies_) return;
  for (const Write& write : std::exchange(file.unsynced, {})) apply(write, file.synced);
}

void ForgetfulDisk::power_on(bool torn) {
  failed_ = false;
  fail_at_ = ~std::uint64_t{0};
  for (auto& [name, file] : files_) {
    for (const Write& write : std::exchange(file.unsynced, {}))
      if (torn && random_.below(2) == 0) apply(write, file.synced);
    file.now = file.synced;
  }
}

std::size_t ForgetfulDisk::bytes() const {
  std::size_t bytes = 0;
  for (const auto& [name, file] : files_) bytes += file.now.size();
  return bytes;
}

}  // namespace mqttlab::testing
