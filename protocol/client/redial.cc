#include "protocol/client/redial.h"

#include <utility>

namespace mqttlab::client {

Redial::Redial(const ClientConfig& config, Random random)
    : backoff_(config.backoff),
      reconnect_(config.reconnect),
      connect_timeout_(config.connect_timeout),
      random_(random) {}

bool Redial::start() {
  if (phase_ != Phase::idle) return false;
  phase_ = Phase::ready;
  failures_ = 0;
  return true;
}

bool Redial::dialing(Time now) {
  if (phase_ != Phase::ready) return false;
  phase_ = Phase::dialing;
  until_ = now + connect_timeout_;
  return true;
}

void Redial::ended(bool taken_over, Time now) {
  const Time up_since = std::exchange(up_since_, never);
  if (phase_ != Phase::linked && phase_ != Phase::dialing) return;  // stopped meanwhile
  // A CONNACK alone proves nothing: a server that accepts and drops would be dialled in a storm.
  const bool stable = up_since != never && now - up_since >= backoff_.stable;
  if (stable && !taken_over) failures_ = 0;
  phase_ = reconnect_ ? Phase::waiting : Phase::idle;
  if (reconnect_) until_ = now + wait();
}

void Redial::advance(Time now) {
  if (phase_ == Phase::waiting && now >= until_) phase_ = Phase::ready;
}

Time Redial::deadline() const {
  return phase_ == Phase::waiting || phase_ == Phase::dialing ? until_ : never;
}

Time Redial::wait() {
  // Multiplied step by step, not with pow(): no libm, the same wait on every platform.
  const auto maximum = static_cast<double>(backoff_.maximum);
  auto wait = static_cast<double>(backoff_.initial);
  for (std::uint32_t n = 0; n < failures_ && wait < maximum && backoff_.factor > 1.0; ++n) {
    wait *= backoff_.factor;
  }
  ++failures_;
  if (wait > maximum) wait = maximum;
  return static_cast<Time>(wait * (1.0 - backoff_.jitter * random_.uniform()));
}

}  // namespace mqttlab::client
