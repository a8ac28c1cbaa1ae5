#include "protocol/live/link/carried.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <utility>

#include "protocol/live/clock.h"

namespace mqttlab::live {
namespace {

constexpr Time linger_time = 2 * second;
// A reset takes back what the other end has not got: it waits for the last bytes, but not for a
// receiver that takes none.
constexpr Time reset_patience = second / 4, between_looks = millisecond;
constexpr std::array both_ends{LinkEnd::device, LinkEnd::broker};

bool has_unsent(int socket) {
  int bytes = 0;
  return ioctl(socket, SIOCOUTQ, &bytes) == 0 && bytes > 0;
}

}  // namespace

Carried::Carried(ReadySet& sockets, int socket, std::string address, std::shared_ptr<Medium> medium,
                 FaultPlan& plan, std::uint32_t number, Owner& owner,
                 std::unique_ptr<Passage::Watcher> watcher, Time now)
    : sockets_(sockets),
      address_(std::move(address)),
      medium_(std::move(medium)),
      owner_(owner),
      since_(now),
      watcher_(std::move(watcher)),
      passage_(*medium_, plan, number, owner, watcher_.get(), now),
      dialer_(sockets.io()) {
  side(LinkEnd::device).stream =
      std::make_unique<Stream>(sockets, socket, passage_.end(LinkEnd::device), *this);
}

// What one end gives may be due at the other at once, and what the other takes may end the first.
void Carried::flush(const Endpoint& target, Time now) {
  for (const LinkEnd end : {LinkEnd::device, LinkEnd::broker, LinkEnd::device}) move(end);
  for (const LinkEnd end : both_ends)
    if (passage_.is_aborted(end)) abort(end, now);
  if (!passage_.wants_dial()) return;
  passage_.dialing();
  dialer_.dial(target.host, target.port,
               [this](int connected, CloseCause, const std::string& trouble) {
                 dialed(connected, trouble);
               });
}

void Carried::move(LinkEnd end) {
  const auto& stream = side(end).stream;
  if (!stream || stream->is_ended() || passage_.is_aborted(end)) return;
  stream->flush(!passage_.end(end).space().empty());
}

void Carried::abort(LinkEnd end, Time now) {
  Side& of = side(end);
  if (!of.stream || of.stream->is_closed()) return;
  if (of.reset_until == never) of.reset_until = now + reset_patience;
  if (has_unsent(of.stream->socket()) && now < of.reset_until) {
    next_look_ = now + between_looks;
    return;
  }
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  setsockopt(of.stream->socket(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  of.stream->drop(CloseCause::local);
}

void Carried::dialed(int socket, const std::string& trouble) {
  const Time now = steady_now();
  if (socket < 0) {
    passage_.not_dialed(now);
    owner_.refused(*this, trouble);
  } else {
    side(LinkEnd::broker).stream =
        std::make_unique<Stream>(sockets_, socket, passage_.end(LinkEnd::broker), *this);
    passage_.dialed(now);
  }
  owner_.active(*this);
  sockets_.wake();
}

void Carried::ended(Stream& stream, CloseCause) {
  for (Side& one : sides_)
    if (one.stream.get() == &stream) one.linger_until = steady_now() + linger_time;
}

void Carried::advance(Time now) {
  if (now >= next_look_) next_look_ = never;
  passage_.advance(now);
  for (Side& one : sides_)
    if (one.stream && now >= one.linger_until) one.stream->drop(CloseCause::local);
}

Time Carried::deadline() const {
  Time deadline = std::min(passage_.deadline(), next_look_);
  for (const Side& one : sides_)
    if (one.stream && !one.stream->is_closed()) deadline = std::min(deadline, one.linger_until);
  return deadline;
}

void Carried::drop() {
  for (Side& one : sides_)
    if (one.stream) one.stream->drop(CloseCause::local);
}

bool Carried::is_over() const {
  return passage_.is_over() && std::ranges::all_of(sides_, [](const Side& one) {
           return !one.stream || one.stream->is_closed();
         });
}

}  // namespace mqttlab::live
