#include "protocol/wire/slice.h"

#include <algorithm>

namespace mqttlab {

Slice Slice::copy_of(Bytes bytes) {
  if (bytes.empty()) return {};
  auto block = std::make_shared_for_overwrite<std::uint8_t[]>(bytes.size());
  std::copy(bytes.begin(), bytes.end(), block.get());
  const std::uint8_t* data = block.get();
  return {std::move(block), data, bytes.size()};
}

Slice Slice::copy_of(std::string_view text) {
  return copy_of(Bytes(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()));
}

}  // namespace mqttlab
