#include "protocol/session/id_set.h"

#include <algorithm>

namespace mqttlab {

namespace {
constexpr std::uint16_t last_id = 65'535;
}

bool IdSet::insert(std::uint16_t id) {
  const auto place = ids_.empty() || ids_.back() < id  // ids are handed out rising: the usual case
                         ? ids_.end()
                         : std::lower_bound(ids_.begin(), ids_.end(), id);
  if (place != ids_.end() && *place == id) return false;
  ids_.insert(place, id);
  return true;
}

bool IdSet::erase(std::uint16_t id) {
  const auto place = std::lower_bound(ids_.begin(), ids_.end(), id);
  if (place == ids_.end() || *place != id) return false;
  ids_.erase(place);
  return true;
}

bool IdSet::contains(std::uint16_t id) const {
  return std::binary_search(ids_.begin(), ids_.end(), id);
}

std::uint16_t IdSet::next_absent(std::uint16_t id) const {
  if (ids_.size() == last_id) return 0;
  std::uint16_t candidate = id == last_id ? 1 : static_cast<std::uint16_t>(id + 1);
  auto next = std::lower_bound(ids_.begin(), ids_.end(), candidate);
  while (next != ids_.end() && *next == candidate) {
    if (candidate == last_id) {
      candidate = 1;
      next = ids_.begin();
    } else {
      ++candidate;
      ++next;
    }
  }
  return candidate;
}

}  // namespace mqttlab
