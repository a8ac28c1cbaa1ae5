// BlockPool: arrival buffers that wait for the next link that reads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace mqttlab {

/// Of one owner of many links, most of which are silent most of the time: a link has a block only
/// while it has bytes in it. Framers that use the pool must not outlive it.
class BlockPool {
 public:
  using Block = std::shared_ptr<std::uint8_t[]>;
  static constexpr std::size_t block_bytes = 8'192;

  [[nodiscard]] Block take() {
    if (spare_.empty()) return std::make_shared_for_overwrite<std::uint8_t[]>(block_bytes);
    Block block = std::move(spare_.back());
    spare_.pop_back();
    return block;
  }
  /// A block that slices still share is left to them.
  void give(Block block) {
    if (block.use_count() == 1 && spare_.size() < most_spare) spare_.push_back(std::move(block));
  }

 private:
  static constexpr std::size_t most_spare = 8;
  std::vector<Block> spare_;
};

}  // namespace mqttlab
