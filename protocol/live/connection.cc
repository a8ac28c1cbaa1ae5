#include "protocol/live/connection.h"

#include <algorithm>
#include <utility>

#include "protocol/live/clock.h"
#include "protocol/transport/tls_filter.h"
#include "protocol/transport/web_socket_server_filter.h"

namespace mqttlab::live {
namespace {

constexpr Time linger_time = 2 * second;

}  // namespace

Connection::Connection(ReadySet& sockets, int socket, LinkId id, std::string address,
                       Listener& listener, Owner& owner, Time now)
    : id_(id), address_(std::move(address)), listener_(listener), owner_(owner), since_(now) {
  Peer* peer = nullptr;
  const ListenerConfig& config = listener.config();
  const bool web = has_web_socket(config.endpoint.transport);
  if (config.tls) {
    const Establish establish = [this, web](const Introduction& who, Time at) -> Peer* {
      if (!web) return &link(who, at);
      inner_ = web_socket(who, at);
      return inner_.get();
    };
    outer_ = std::make_unique<TlsFilter>(config.tls, establish, now);
    peer = outer_.get();
  } else if (web) {
    outer_ = web_socket({}, now);
    peer = outer_.get();
  } else {
    peer = &link({}, now);
  }
  stream_ = std::make_unique<Stream>(sockets, socket, *peer, *this);
}

std::unique_ptr<Filter> Connection::web_socket(const Introduction& introduction, Time now) {
  const Establish establish = [this, introduction](const Introduction&, Time at) {
    return &link(introduction, at);
  };
  return std::make_unique<WebSocketServerFilter>(listener_.config().web_socket, establish, now);
}

Peer& Connection::link(const Introduction& introduction, Time now) {
  has_link_ = true;
  return owner_.link(*this, introduction, now);
}

std::string Connection::failure() const {
  if (outer_ && !outer_->failure().empty()) return outer_->failure();
  return inner_ ? inner_->failure() : std::string();
}

void Connection::ended(Stream&, CloseCause cause) {
  linger_until_ = steady_now() + linger_time;
  owner_.ended(*this, cause);
}

void Connection::flush(Time now) {
  const bool was_woken = std::exchange(woken, false);
  if (outer_ && was_woken && !stream_->is_ended()) outer_->advance(now);
  stream_->flush(was_woken);
}

void Connection::advance(Time now) {
  if (stream_->is_ended()) {
    if (now >= linger_until_) stream_->drop(CloseCause::local);
  } else if (outer_) {
    outer_->advance(now);
  }
}

Time Connection::deadline() const {
  if (stream_->is_ended()) return linger_until_;
  return outer_ ? outer_->deadline() : never;
}

}  // namespace mqttlab::live
