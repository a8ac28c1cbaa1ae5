#include "protocol/transport/filter_stack.h"

#include <utility>

namespace mqttlab {

FilterStack::FilterStack(const FilterPlan& plan, Establish establish, Time now) {
  const Establish carry = [this, establish = std::move(establish)](const Introduction& who,
                                                                   Time at) {
    established_ = true;
    return establish(who, at);
  };
  if (!plan.tls && !plan.web_socket) {
    peer_ = carry({}, now);
  } else if (!plan.tls) {
    web_socket_ = plan.web_socket(carry, now);
    peer_ = web_socket_.get();
  } else {
    const auto upgrade = [this, carry, web_socket = plan.web_socket](const Introduction& who,
                                                                     Time at) -> Peer* {
      if (!web_socket) return carry(who, at);
      web_socket_ =
          web_socket([carry, who](const Introduction&, Time then) { return carry(who, then); }, at);
      return web_socket_.get();
    };
    tls_ = std::make_unique<TlsFilter>(plan.tls, upgrade, now, plan.server_name);
    peer_ = tls_.get();
  }
}

std::string FilterStack::failure() const {
  for (const Filter* filter : {tls_.get(), web_socket_.get()})
    if (filter && !filter->failure().empty()) return filter->failure();
  return {};
}

Overhead FilterStack::overhead() const {
  return {.web_socket_bytes = web_socket_ ? web_socket_->overhead_bytes() : 0,
          .tls_bytes = tls_ ? tls_->overhead_bytes() : 0};
}

}  // namespace mqttlab
