// DelayedAccess: an identity system that takes its time, in virtual time.
#pragma once

#include <memory>
#include <optional>

#include "protocol/broker/access.h"
#include "protocol/session/timers.h"

namespace mqttlab {

/// How long answers take, by kind of question. 0: given at once; never: not given at all.
struct AccessDelays {
  Time authenticate = 0, publish = 0, subscribe = 0;
};

/// Answers `later` what another Access has answered, and gives that answer after a delay. The host
/// drives it as it drives a broker:
///   at deadline():  while (auto answer = access.next(now)) broker.decide(...)
class DelayedAccess final : public Access {
 public:
  struct Answer {
    RequestId request = 0;
    Decision decision;
  };

  /// Over `max_waiting` answers at a time, more are denied at once (server busy).
  DelayedAccess(std::unique_ptr<Access> inner, AccessDelays delays,
                std::size_t max_waiting = 100'000)
      : inner_(std::move(inner)), delays_(delays), max_waiting_(max_waiting) {}

  Decision ask(const AccessRequest& request) override;
  [[nodiscard]] bool supports(std::string_view method) const override {
    return inner_->supports(method);
  }
  void gone(LinkId link) override { inner_->gone(link); }

  /// When the next answer is due, or `never`.
  [[nodiscard]] Time deadline() const { return waiting_.deadline(); }
  /// The next answer that is due at `now`, for Broker::decide(), which ignores what is stale.
  [[nodiscard]] std::optional<Answer> next(Time now) { return waiting_.pop(now); }

 private:
  std::unique_ptr<Access> inner_;
  AccessDelays delays_;
  std::size_t max_waiting_;
  Timers<Answer> waiting_;
};

}  // namespace mqttlab
