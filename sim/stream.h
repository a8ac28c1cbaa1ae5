// Stream: hosts one Peer on one connected socket, with a tap at the boundary.
#pragma once

#include <cstdint>
#include <optional>

#include "protocol/peer.h"
#include "protocol/trace/tap.h"
#include "sim/tcp_socket.h"

namespace mqttlab::sim {

class Stream;

/// Who owns a stream and learns what its socket did to it.
class StreamOwner {
 public:
  virtual ~StreamOwner() = default;
  /// The peer has been called; it, or others, may have something to write. May destroy the stream.
  virtual void active(Stream& stream) = 0;
};

class Stream {
 public:
  /// Records `opened`. All of it happens inside ns-3 events.
  Stream(ns3::Ptr<TcpSocket> socket, Peer& peer, trace::Tap tap, std::uint32_t connection,
         StreamOwner& owner);
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  /// Moves bytes as far as socket and peer let it, both ways, and closes what is finished.
  void pump();
  /// The peer's process is dead: from here to die() the peer is not called any more.
  void freeze() { frozen_ = true; }
  void die(trace::Death how);

  /// Nothing will happen here any more; the peer has been told.
  [[nodiscard]] bool is_over() const { return socket_ == nullptr; }
  [[nodiscard]] std::uint32_t connection() const { return connection_; }

 private:
  void read();
  bool write();  // true if anything went out
  void ended(CloseCause cause);
  void finish(CloseCause cause);
  void on_readable(ns3::Ptr<ns3::Socket> socket);
  void on_writable(ns3::Ptr<ns3::Socket> socket, std::uint32_t available);
  void on_end(ns3::Ptr<ns3::Socket> socket);

  ns3::Ptr<TcpSocket> socket_;
  Peer& peer_;
  trace::Tap tap_;
  std::uint32_t connection_;
  StreamOwner& owner_;
  bool blocked_ = false;  // the send buffer is full: go on in the send callback
  bool frozen_ = false;
  std::optional<CloseCause> cause_;  // the socket has ended, but unread bytes are left
};

/// The simulated instant.
[[nodiscard]] Time virtual_now();

}  // namespace mqttlab::sim
