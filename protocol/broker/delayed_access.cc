#include "protocol/broker/delayed_access.h"

namespace mqttlab {
namespace {

Time delay_of(AccessRequest::Kind kind, const AccessDelays& delays) {
  switch (kind) {
    case AccessRequest::Kind::authenticate:
      return delays.authenticate;
    case AccessRequest::Kind::publish:
      return delays.publish;
    case AccessRequest::Kind::subscribe:
      return delays.subscribe;
  }
  return never;
}

}  // namespace

Decision DelayedAccess::ask(const AccessRequest& request) {
  const Time delay = delay_of(request.kind, delays_);
  if (delay == never) return Verdict::later;
  if (delay > 0 && waiting_.size() >= max_waiting_)
    return {Verdict::denied, ReasonCode::server_busy};
  Decision decision = inner_->ask(request);
  if (delay == 0 || decision.verdict == Verdict::later) return decision;
  waiting_.set(request.now + delay, {request.request, std::move(decision)});
  return Verdict::later;
}

}  // namespace mqttlab
