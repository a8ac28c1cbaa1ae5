// Stream: hosts one Peer on one connected socket.
#pragma once

#include <cstdint>

#include "protocol/live/ready_set.h"
#include "protocol/peer.h"

namespace mqttlab::live {

class Stream;

/// Who owns a stream. Neither call may destroy it.
class StreamOwner {
 public:
  virtual ~StreamOwner() = default;
  /// The peer has been given something: flush() is to be called at the end of the round.
  virtual void active(Stream& stream) = 0;
  /// The peer has had its closed(), its last call.
  virtual void ended(Stream& stream, CloseCause cause) = 0;
};

/// After the peer's end the socket may linger: what the other end still sends is thrown away until
/// it closes too, for closing over unread bytes would take back what it has not read yet.
class Stream final : public Ready {
 public:
  /// Takes the socket, which is connected and not blocking.
  Stream(ReadySet& sockets, int socket, Peer& peer, StreamOwner& owner);
  ~Stream() override;
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  /// Writes what is pending, and closes what is finished. `woken`: the peer was given something by
  /// others, perhaps room to read.
  void flush(bool woken);
  /// Ends now, wherever the peer is; nothing lingers.
  void drop(CloseCause cause);

  [[nodiscard]] bool is_ended() const { return state_ != State::open; }  ///< for the peer
  [[nodiscard]] bool is_closed() const { return state_ == State::closed; }
  [[nodiscard]] int socket() const { return socket_; }
  [[nodiscard]] const Peer& peer() const { return peer_; }

 private:
  enum class State : std::uint8_t { open, lingering, closed };
  void ready(News news) override;
  void read();
  void drain();
  bool write();  // true if anything went out
  void failed(int error);
  void finish(CloseCause cause);
  void close();

  ReadySet& sockets_;
  int socket_;
  Peer& peer_;
  StreamOwner& owner_;
  State state_ = State::open;
  bool readable_ = true, writable_ = true;
  bool starved_ = false;      // the peer takes no more bytes for now
  bool ending_ = false;       // the end of what arrives is near: read on until it is seen
  bool other_ended_ = false;  // it has been seen
};

}  // namespace mqttlab::live
