// NatBox: which port of a NAT each connection of one device has, for as long as it is remembered.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "protocol/link/link.h"
#include "protocol/session/random.h"
#include "sim/alarm.h"

namespace mqttlab::sim {

class NatBox {
 public:
  /// A connection has been idle for too long; with its port on the device. Connections that were
  /// closed or reset are forgotten without a word.
  using Forgotten = std::function<void(std::uint16_t inside)>;

  NatBox(const Nat& nat, std::uint64_t seed, const std::string& device, Forgotten forgotten);

  /// The NAT's port for a packet that the device sends from `inside`; nullopt: forgotten, and
  /// `Nat::on_expiry` says what becomes of the packet. `opens`: it is a SYN; `ends`: a FIN or RST.
  [[nodiscard]] std::optional<std::uint16_t> up(std::uint16_t inside, bool opens, bool ends);
  /// The device's port for a packet that comes to `outside`.
  [[nodiscard]] std::optional<std::uint16_t> down(std::uint16_t outside, bool ends);
  /// The same, for who only wants to know.
  [[nodiscard]] std::uint16_t inside_of(std::uint16_t outside) const;
  [[nodiscard]] const Nat& nat() const { return nat_; }

  void forget_all();                      ///< now
  void remember_all() { keeps_ = true; }  ///< nothing is forgotten any more

 private:
  struct Mapping {
    std::uint16_t outside = 0;
    bool is_ending = false;
    Time refreshed = 0;
    std::unique_ptr<Alarm> alarm;
  };
  void open(std::uint16_t inside, std::uint16_t outside);
  void look(std::uint16_t inside);
  [[nodiscard]] std::uint16_t any_port();

  const Nat nat_;
  Random random_;
  const Forgotten forgotten_;
  bool keeps_ = false;
  std::map<std::uint16_t, Mapping> mappings_;         // by the device's port
  std::map<std::uint16_t, std::uint16_t> inside_of_;  // by the NAT's
  std::set<std::uint16_t> given_;                     // of the NAT's, ever
};

}  // namespace mqttlab::sim
