// IdSet: a set of packet ids in one flat, sorted block: it costs what it holds, and an idle session
// nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace mqttlab {

class IdSet {
 public:
  bool insert(std::uint16_t id);  ///< false if it was in
  bool erase(std::uint16_t id);   ///< false if it was not
  [[nodiscard]] bool contains(std::uint16_t id) const;
  /// The first id after `id`, going up and round from 65535 to 1, that is not in the set; 0 if all
  /// are in.
  [[nodiscard]] std::uint16_t next_absent(std::uint16_t id) const;
  [[nodiscard]] std::size_t size() const { return ids_.size(); }
  [[nodiscard]] const std::vector<std::uint16_t>& ids() const { return ids_; }  ///< ascending
  void clear() { ids_.clear(); }

 private:
  std::vector<std::uint16_t> ids_;  // ascending
};

}  // namespace mqttlab
