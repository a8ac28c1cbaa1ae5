// Redial: when the host should dial, and how long to wait after a failure.
#pragma once

#include <cstdint>

#include "protocol/client/client.h"
#include "protocol/session/random.h"

namespace mqttlab::client {

/// idle -start-> ready -dialing-> dialing -dialed-> linked -ended-> waiting -time-> ready ...
class Redial {
 public:
  Redial(const ClientConfig& config, Random random);

  bool start();  ///< false if it had been started
  void stop() { phase_ = Phase::idle; }
  [[nodiscard]] bool wants_dial() const { return phase_ == Phase::ready; }
  /// True if it was wanted. The attempt must end in CONNACK by attempt_deadline().
  bool dialing(Time now);
  [[nodiscard]] bool is_dialing() const { return phase_ == Phase::dialing; }
  void dialed() { phase_ = Phase::linked; }
  [[nodiscard]] Time attempt_deadline() const { return until_; }
  void accepted(Time now) { up_since_ = now; }  ///< CONNACK
  /// The attempt failed, or the link is gone: `taken_over` by another client of the same id.
  void ended(bool taken_over, Time now);
  void advance(Time now);  ///< waiting is over
  [[nodiscard]] Time deadline() const;

 private:
  enum class Phase : std::uint8_t { idle, ready, dialing, linked, waiting };
  [[nodiscard]] Time wait();
  Backoff backoff_;
  bool reconnect_;
  Time connect_timeout_;
  Random random_;
  Phase phase_ = Phase::idle;
  Time until_ = never;  // dialing, linked: attempt_deadline(). waiting: the next attempt
  Time up_since_ = never;
  std::uint32_t failures_ = 0;  // since a link was last up for backoff_.stable
};

}  // namespace mqttlab::client
