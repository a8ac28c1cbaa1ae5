#include "protocol/live/connection.h"

#include <algorithm>
#include <utility>

#include "protocol/live/clock.h"
#include "protocol/transport/web_socket_server_filter.h"

namespace mqttlab::live {
namespace {

constexpr Time linger_time = 2 * second;

FilterPlan plan(const ListenerConfig& config) {
  FilterPlan plan{.tls = config.tls};
  if (has_web_socket(config.endpoint.transport))
    plan.web_socket = [&config](Establish establish, Time now) {
      return std::make_unique<WebSocketServerFilter>(config.web_socket, std::move(establish), now);
    };
  return plan;
}

}  // namespace

Connection::Connection(ReadySet& sockets, int socket, LinkId id, std::string address,
                       Listener& listener, Owner& owner, Time now)
    : id_(id),
      address_(std::move(address)),
      listener_(listener),
      owner_(owner),
      since_(now),
      filters_(
          plan(listener.config()),
          [this](const Introduction& who, Time at) { return &owner_.link(*this, who, at); }, now),
      stream_(std::make_unique<Stream>(sockets, socket, filters_.peer(), *this)) {}

void Connection::ended(Stream&, CloseCause cause) {
  linger_until_ = steady_now() + linger_time;
  owner_.ended(*this, cause);
}

void Connection::flush(Time now) {
  const bool was_woken = std::exchange(woken, false);
  if (filters_.has_filters() && was_woken && !stream_->is_ended()) filters_.peer().advance(now);
  stream_->flush(was_woken);
}

void Connection::advance(Time now) {
  if (stream_->is_ended()) {
    if (now >= linger_until_) stream_->drop(CloseCause::local);
  } else if (filters_.has_filters()) {
    filters_.peer().advance(now);
  }
}

Time Connection::deadline() const {
  if (stream_->is_ended()) return linger_until_;
  return filters_.has_filters() ? filters_.peer().deadline() : never;
}

}  // namespace mqttlab::live
