// Trial: one randomised run of a broker and its clients in memory, drawn whole from one seed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/session/random.h"
#include "tests/support/memory_world.h"

namespace mqttlab::mutants {

/// A minute of faults and then half a minute without any, in which everything must converge.
/// Nothing happens to `watch`, which subscribes to everything and so makes wills and retained
/// messages visible. The units publish and subscribe while their links are cut at a byte, fall
/// silent, stop, and while some of their processes die. A twin with a clean session may take a
/// unit's place for a while. In the end a stranger is refused who has sent a message behind its
/// CONNECT, and `audit` asks for the retained messages.
/// Half of the worlds speak 3.1.1, a quarter 5.0, and a quarter both. In those with 5.0 limits are
/// small, sessions and messages expire, wills wait, and topics go by their aliases. In every fifth
/// world of 3.1.1 the units publish on the topics of their wills, too.
class Trial {
 public:
  explicit Trial(std::uint64_t seed);
  /// What the oracle found, in order of the findings.
  [[nodiscard]] const std::vector<oracle::Violation>& run();

 private:
  using Index = testing::MemoryWorld::Index;
  struct Unit {
    Index index;
    bool dead = false;
  };

  [[nodiscard]] std::uint64_t draw(std::uint64_t bound) { return random_.below(bound); }
  [[nodiscard]] bool chance(double probability) { return random_.uniform() < probability; }
  template <typename T>
  [[nodiscard]] T one_of(std::initializer_list<T> choices) {
    return *(choices.begin() + draw(choices.size()));
  }

  struct Doorman final : Access {
    static constexpr std::string_view stranger = "stranger";
    Decision ask(const AccessRequest& request) override {
      return request.client_id == stranger ? Verdict::denied : Verdict::granted;
    }
  };

  enum class Versions : std::uint8_t { old, both, modern };
  [[nodiscard]] static Versions versions(Random& random);
  [[nodiscard]] static BrokerConfig broker(Random& random, Versions versions, Random& modern);
  void modernise(ClientConfig& config);
  [[nodiscard]] bool is_modern(Index unit);
  [[nodiscard]] ClientConfig client(std::string client_id, bool clean_session);
  [[nodiscard]] testing::Wire wire();
  void add_unit(int number);
  void act();
  void publish(Index unit, int messages);
  void subscribe(Index unit);
  void fault(Unit& unit);
  void twin();
  void meet_stranger();
  void settle();

  Random random_;
  Random modern_;  // draws what only 5.0 has
  Versions versions_;
  Random births_;  // draws who publishes on the topic of its own will
  bool births_happen_;
  BrokerConfig broker_;
  Doorman doorman_;
  testing::MemoryWorld world_;
  Index watch_ = 0, twin_ = 0;
  std::vector<Unit> units_;
  std::uint64_t published_ = 0;
  double long_payloads_ = 0;  // which part of all
  bool slow_ = false;         // applications take their messages late now and then
  bool faults_ = true;
};

}  // namespace mqttlab::mutants
