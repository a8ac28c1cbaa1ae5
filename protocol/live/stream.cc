#include "protocol/live/stream.h"

#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "protocol/live/clock.h"
#include "protocol/trace/tapped_peer.h"

namespace mqttlab::live {
namespace {

// More than this from one stream waits for the others' turn.
constexpr std::size_t turn_bytes = 64 << 10;
constexpr std::size_t most_pieces = trace::TappedPeer::most_pieces;  // of one write

CloseCause cause_of(int error) {
  return error == ETIMEDOUT || error == EHOSTUNREACH || error == ENETUNREACH ? CloseCause::timeout
                                                                             : CloseCause::reset;
}
bool would_block(int error) { return error == EAGAIN || error == EWOULDBLOCK; }

}  // namespace

Stream::Stream(ReadySet& sockets, int socket, Peer& peer, StreamOwner& owner)
    : sockets_(sockets), socket_(socket), peer_(peer), owner_(owner) {
  sockets_.add(socket_, *this);
}

Stream::~Stream() {
  if (state_ == State::closed) return;
  sockets_.remove(socket_, *this);
  ::close(socket_);
}

void Stream::ready(News news) {
  readable_ |= news.readable;
  writable_ |= news.writable;
  ending_ |= news.ending;
  if (state_ == State::lingering) return drain();
  if (state_ == State::closed) return;
  read();
  if (starved_ && news.ending) {
    // A peer that takes no more bytes does not see the end of the stream, but a broken one is not
    // waited for: what the peer has to write can go nowhere.
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(socket_, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) failed(error);
  }
  owner_.active(*this);
}

// A short read has emptied the socket; what comes after it is told anew.
void Stream::read() {
  starved_ = false;
  std::size_t taken = 0;
  while (readable_ && state_ == State::open) {
    const auto room = peer_.space();
    starved_ = room.empty();
    if (starved_) return;
    const ssize_t got = recv(socket_, room.data(), room.size(), 0);
    if (got < 0) {
      if (errno == EINTR) continue;
      readable_ = false;
      if (!would_block(errno)) failed(errno);
      return;
    }
    if (got == 0) {
      other_ended_ = true;
      return finish(CloseCause::fin);
    }
    const auto size = static_cast<std::size_t>(got);
    if (size < room.size() && !ending_) readable_ = false;
    peer_.received(size, steady_now());
    taken += size;
    if (taken >= turn_bytes) return sockets_.again(*this);
  }
}

bool Stream::write() {
  std::array<Bytes, most_pieces> pieces;
  std::array<iovec, most_pieces> vectors;
  bool wrote = false;
  while (writable_ && state_ == State::open) {
    const std::size_t count = peer_.pending(pieces);
    if (count == 0) return wrote;
    std::size_t size = 0;
    for (std::size_t i = 0; i < count; ++i) {
      vectors[i] = {const_cast<std::uint8_t*>(pieces[i].data()), pieces[i].size()};
      size += pieces[i].size();
    }
    msghdr message{};
    message.msg_iov = vectors.data();
    message.msg_iovlen = count;
    const ssize_t put = sendmsg(socket_, &message, MSG_NOSIGNAL);
    if (put < 0) {
      if (errno == EINTR) continue;
      writable_ = false;
      if (!would_block(errno)) failed(errno);
      return wrote;
    }
    writable_ = static_cast<std::size_t>(put) == size;
    peer_.sent(static_cast<std::size_t>(put), steady_now());
    wrote = true;
  }
  return wrote;
}

void Stream::flush(bool woken) {
  if (state_ != State::open) return;
  const bool wrote = write();
  if (state_ != State::open) return;
  std::array<Bytes, 1> first;
  if (peer_.finished() && peer_.pending(first) == 0) return finish(CloseCause::local);
  if (starved_ && (wrote || woken)) sockets_.again(*this);
}

void Stream::failed(int error) {
  other_ended_ = true;
  finish(cause_of(error));
}

void Stream::finish(CloseCause cause) {
  state_ = State::lingering;
  peer_.closed(cause, steady_now());
  owner_.ended(*this, cause);
  if (!other_ended_ && shutdown(socket_, SHUT_WR) == 0) return drain();
  close();
}

void Stream::drop(CloseCause cause) {
  if (state_ == State::closed) return;
  other_ended_ = true;
  if (state_ == State::open)
    finish(cause);
  else
    close();
}

void Stream::drain() {
  std::array<std::uint8_t, 4'096> rubbish;
  for (std::size_t taken = 0; taken < turn_bytes;) {
    const ssize_t got = recv(socket_, rubbish.data(), rubbish.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && would_block(errno)) return;
    if (got <= 0) return close();
    taken += static_cast<std::size_t>(got);
  }
  sockets_.again(*this);
}

void Stream::close() {
  state_ = State::closed;
  sockets_.remove(socket_, *this);
  ::close(socket_);
  owner_.active(*this);
}

}  // namespace mqttlab::live
