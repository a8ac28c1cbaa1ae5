#include "protocol/live/client_runner.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "protocol/live/clock.h"
#include "protocol/session/random.h"
#include "protocol/transport/web_socket_client_filter.h"

namespace mqttlab::live {
namespace {

constexpr Time time_to_linger = second;

DialConfig checked(DialConfig dial) {
  const Transport transport = dial.endpoint.transport;
  if (has_pages(transport))
    throw std::invalid_argument(dial.endpoint.text() + ": clients dial ws:// or wss:// there");
  if (has_tls(transport) && !dial.tls)
    throw std::invalid_argument(dial.endpoint.text() +
                                ": needs certificates of authorities to trust");
  if (has_web_socket(transport)) {
    dial.web_socket.host = authority(dial.endpoint.host, dial.endpoint.port);
    if (!dial.endpoint.path.empty()) dial.web_socket.path = dial.endpoint.path;
    check(dial.web_socket);
  }
  return dial;
}

}  // namespace

ClientRunner::ClientRunner(boost::asio::io_context& io, DialConfig dial, ClientConfig config,
                           std::uint64_t seed, Handler handler, ClientTrace trace)
    : dial_(checked(std::move(dial))),
      target_(dial_.endpoint),
      web_socket_(dial_.web_socket),
      seed_(seed),
      client_(std::move(config), seed, trace.log, trace.actor),
      handler_(std::move(handler)),
      trace_(std::move(trace)),
      sockets_(io, [this] { settle(); }),
      alarm_(io, [this] { due(); }) {}

ClientRunner::~ClientRunner() = default;

void ClientRunner::wake() {
  woken_ = true;
  sockets_.wake();
}

// Taking a message acknowledges it and makes room for more to read, which may be the next one.
void ClientRunner::settle() {
  if (dead_) return;
  for (bool taken = std::exchange(woken_, false);;) {
    active_ = false;
    if (stream_) {
      if (filters_->has_filters() && !stream_->is_ended()) filters_->peer().advance(steady_now());
      stream_->flush(taken);
    }
    taken = false;
    while (!held_) {
      const auto event = client_.poll(steady_now());
      if (!event) break;
      if (handler_) handler_(*event);
      taken = true;
    }
    if (!stream_ || !(taken || active_)) break;
  }
  if (client_.has_events() && waiting) waiting();
  if (stream_ && stream_->is_closed()) {
    stream_.reset();
    filters_.reset();
    tapped_.reset();
    linger_until_ = never;
    if (closed) closed();
  }
  if (client_.wants_link() && !stream_ && !dialer_) dial();
  alarm_.set(deadline());
}

// A Server Reference is a list; the standard recommends the form, but demands none.
std::optional<Endpoint> ClientRunner::referral() const {
  std::string_view servers = client_.server_reference();
  while (!servers.empty()) {
    const std::size_t end = std::min(servers.find(' '), servers.size());
    if (auto server = dial_.endpoint.at(servers.substr(0, end))) return server;
    servers.remove_prefix(std::min(end + 1, servers.size()));
  }
  return std::nullopt;
}

void ClientRunner::dial() {
  const Time now = steady_now();
  target_ = dial_.via ? dial_.endpoint : referral().value_or(dial_.endpoint);
  client_.dialing(now);
  const Time patience = client_.config().connect_timeout;
  dial_until_ = patience < never - now ? now + patience : never;
  ++attempt_;
  const Endpoint at = dial_.via.value_or(target_);
  dialer_.emplace(sockets_.io());
  dialer_->dial(at.host, at.port, [this](int socket, CloseCause cause, const std::string& trouble) {
    socket < 0 ? not_dialed(trouble, cause) : connected(socket);
  });
}

void ClientRunner::drop_dial() {
  dialer_.reset();
  dial_until_ = never;
}

void ClientRunner::not_dialed(const std::string& why, CloseCause cause) {
  drop_dial();
  trouble_ = why;
  client_.dial_failed(cause, steady_now());
  if (closed) closed();
  wake();
}

void ClientRunner::connected(int socket) {
  address_ = dialer_->own_address();
  drop_dial();
  const Time now = steady_now();
  trouble_.clear();
  FilterPlan plan{.tls = dial_.tls};
  // Its own server may go by another name than its host's.
  if (target_.host != dial_.endpoint.host) plan.server_name = target_.host;
  if (has_web_socket(dial_.endpoint.transport))
    plan.web_socket = [this](Establish establish, Time at) {
      web_socket_.host = authority(target_.host, target_.port);
      return std::make_unique<WebSocketClientFilter>(
          web_socket_, Random(seed_ + attempt_, "web socket"), std::move(establish), at);
    };
  const Establish establish = [this](const Introduction&, Time at) { return &link(at); };
  filters_ = std::make_unique<FilterStack>(plan, establish, now);
  stream_ = std::make_unique<Stream>(sockets_, socket, filters_->peer(), *this);
  wake();
}

Peer& ClientRunner::link(Time now) {
  Peer& peer = client_.dialed(now);
  if (!trace_.log) return peer;
  const std::uint32_t connection = trace_.connection(address_);
  tapped_ = std::make_unique<trace::TappedPeer>(
      peer, trace::Tap(*trace_.log, trace::End::client, trace_.actor, connection, now));
  return *tapped_;
}

void ClientRunner::die(bool reset) {
  dead_ = true;
  drop_dial();
  alarm_.cancel();
  if (!stream_) return;
  if (tapped_ && !stream_->is_ended()) tapped_->bury(steady_now());
  if (reset) {
    const linger abortive{.l_onoff = 1, .l_linger = 0};
    setsockopt(stream_->socket(), SOL_SOCKET, SO_LINGER, &abortive, sizeof abortive);
  }
  stream_.reset();
}

void ClientRunner::ended(Stream&, CloseCause cause) {
  const Time now = steady_now();
  linger_until_ = now + time_to_linger;
  if (std::string failure = filters_->failure(); !failure.empty()) trouble_ = std::move(failure);
  if (!filters_->is_established()) {
    if (trouble_.empty()) trouble_ = "the connection ended before it stood";
    client_.dial_failed(cause, now);
  }
  active_ = true;
}

Time ClientRunner::deadline() const {
  Time deadline = std::min({client_.deadline(), dial_until_, linger_until_});
  if (stream_ && filters_->has_filters() && !stream_->is_ended())
    deadline = std::min(deadline, filters_->peer().deadline());
  return deadline;
}

void ClientRunner::due() {
  const Time now = steady_now();
  client_.advance(now);
  if (now >= dial_until_)
    not_dialed("no answer from " + target_.text() + " in time", CloseCause::timeout);
  if (stream_ && now >= linger_until_) stream_->drop(CloseCause::local);
  settle();
}

}  // namespace mqttlab::live
