#include "protocol/broker/access_chain.h"

#include <algorithm>

namespace mqttlab {

Decision AccessChain::ask(const AccessRequest& request) {
  for (const auto& provider : providers_)
    if (provider->knows(request)) return provider->ask(request);
  // Who names a method is not to be let in as somebody who names none.
  if (!request.method.empty() && !supports(request.method))
    return {Verdict::denied, ReasonCode::bad_authentication_method};  // MQTT-4.12.0-1
  if (!last_) return Verdict::denied;
  return last_->ask(request);
}

bool AccessChain::supports(std::string_view method) const {
  return (last_ && last_->supports(method)) ||
         std::ranges::any_of(providers_, [&](const auto& p) { return p->supports(method); });
}

void AccessChain::gone(LinkId link) {
  for (const auto& provider : providers_) provider->gone(link);
  if (last_) last_->gone(link);
}

}  // namespace mqttlab
