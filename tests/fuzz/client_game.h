// ClientGame: a client, an application that calls it and takes its events or not, and servers
// that answer what the choices say: well, wrongly, with noise, or not at all.
#pragma once

#include <optional>
#include <set>
#include <vector>

#include "protocol/client/client.h"
#include "tests/fuzz/client_judge.h"

namespace mqttlab::fuzz {

class ClientGame {
 public:
  explicit ClientGame(Choices choices);
  /// Until the choices are used up; then the client stops. Throws Broken.
  void play();
  /// The most memory in bytes that the game's configuration lets client and server hold.
  [[nodiscard]] std::size_t most_memory() const;

 private:
  [[nodiscard]] static ClientConfig draw_config(Choices& choices);
  void move();
  void call();
  Properties draw_publish_properties();
  void called(const std::variant<Token, Misuse>& answer);
  void write();
  void feed();
  void read();
  void after_input();
  void take_events();
  void taken(const ClientEvent& event);
  void host();  // what a host owes the client after every call
  void close(CloseCause cause);
  void wait(Time duration);

  Choices choices_;
  Client client_;
  Time now_ = 0;
  std::optional<ClientJudge> judge_;  // of the present link
  bool current_ = false;              // no event of an older link waited when it came up
  bool dialing_ = false;              // the host dials, and nobody has answered
  std::vector<std::uint8_t> backlog_;
  bool reading_ = true, taking_ = true;
  std::set<Token> open_;  // calls that have not completed
};

}  // namespace mqttlab::fuzz
