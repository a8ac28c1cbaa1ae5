// ClientDisk: what a client keeps on its device's simulated disk. No ns-3.
#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "protocol/client/image.h"
#include "sim/disk.h"

namespace mqttlab::sim {

/// Each record is the whole image: what a client keeps is small. It is written before anything
/// leaves that rests on it, and with Durability::sync it is safe then; at the others a power loss
/// may take the client back a little.
class ClientDisk {
 public:
  explicit ClientDisk(DiskConfig config) : disk_(config) {}

  void save(const Client& client, Time now) {
    auto bytes = client::to_bytes(client.image());
    if (bytes != last_) {
      if (disk_.is_long()) disk_.begin_anew();
      disk_.append(bytes);
      disk_.step(++position_);
      last_ = std::move(bytes);
    }
    disk_.commit(now);
  }
  /// A sync is due that nobody asks for otherwise.
  [[nodiscard]] Time deadline() const { return disk_.deadline(); }
  void sync(Time now) { disk_.commit(now); }
  void crash(trace::StoreFate fate, Random& random) {
    disk_.crash(fate, random);
    last_.clear();
    position_ = 0;
  }
  /// What the next process finds.
  [[nodiscard]] std::optional<client::Image> load() {
    std::optional<client::Image> image;
    disk_.read([&](const Slice& record) { image = client::image_of(record); });
    return image;
  }

 private:
  Disk disk_;
  std::vector<std::uint8_t> last_;
  JournalPosition position_ = 0;
};

}  // namespace mqttlab::sim
