// BrokerGame: a broker, an access policy and a handful of links whose peers do what the choices
// say: valid packets, mangled ones, noise, in any pieces; reading or not; coming and going; while
// time passes and verdicts come late or never.
#pragma once

#include <memory>
#include <vector>

#include "protocol/broker/broker.h"
#include "tests/fuzz/server_judge.h"

namespace mqttlab::fuzz {

class BrokerGame final : Access {
 public:
  explicit BrokerGame(Choices choices);
  /// Until the choices are used up; then everybody leaves. Throws Broken.
  void play();
  /// The most memory in bytes that the game's configuration lets broker and peers hold.
  [[nodiscard]] std::size_t most_memory() const;

 private:
  struct Line {
    LinkId id;
    Peer* peer;
    ServerJudge judge;
    std::vector<std::uint8_t> backlog = {};  // written, and the broker has no room
    bool reading = true;
    bool ended = false;  // the broker has ended it, and it was looked at
  };
  Decision ask(const AccessRequest& request) override;
  bool supports(std::string_view method) const override { return method == "M"; }
  Decision draw_decision();
  [[nodiscard]] static BrokerConfig draw_config(Choices& choices);

  void move();
  void open();
  void write(Line& line);
  void feed(Line& line);
  void read(Line& line, std::size_t bytes);
  void after_input(Line& line);
  void host();  // what a host owes the broker after every call
  void close(std::size_t index, CloseCause cause);
  void wait(Time duration);
  void decide();
  void administer();
  void audit();

  Choices choices_;
  const BrokerConfig config_;
  Broker broker_;
  Time now_ = 0;
  LinkId next_link_ = 1;
  std::vector<std::unique_ptr<Line>> lines_;
  std::vector<RequestId> waiting_;
};

}  // namespace mqttlab::fuzz
