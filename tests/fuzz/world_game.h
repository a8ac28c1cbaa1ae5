// WorldGame: a broker and real clients on wires that break where the choices say, judged by the
// oracle. What peers send here is what clients send.
#pragma once

#include <vector>

#include "tests/fuzz/choices.h"
#include "tests/support/memory_world.h"

namespace mqttlab::fuzz {

class WorldGame {
 public:
  explicit WorldGame(Choices choices);
  /// Until the choices are used up; then faults end and everything must settle. Throws Broken.
  void play();

 private:
  using Index = testing::MemoryWorld::Index;
  [[nodiscard]] static BrokerConfig draw_broker(Choices& choices);
  [[nodiscard]] ClientConfig draw_client(std::string client_id);
  [[nodiscard]] testing::Wire draw_wire();
  [[nodiscard]] std::string_view draw_filter_of(Index client);
  void move();
  void fault(Index client);

  Choices choices_;
  testing::MemoryWorld world_;
  std::vector<Index> clients_;
  bool faults_ = true;
  unsigned published_ = 0;
};

}  // namespace mqttlab::fuzz
