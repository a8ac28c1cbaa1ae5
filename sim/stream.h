// Stream: hosts one Peer on one connected socket, with the filters of its transport and a tap on
// the bytes of MQTT inside them.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "protocol/trace/tapped_peer.h"
#include "protocol/transport/filter_stack.h"
#include "sim/alarm.h"
#include "sim/gate.h"
#include "sim/tcp_socket.h"
#include "sim/wire.h"

namespace mqttlab::sim {

class Stream;

/// The simulated instant.
[[nodiscard]] Time virtual_now();

/// Who owns a stream and learns what its socket did to it.
class StreamOwner {
 public:
  virtual ~StreamOwner() = default;
  /// The transport stands: the Peer that it carries, with its tap, which records `opened`. Over
  /// bare TCP the stream is still being made.
  virtual trace::TappedPeer carried(Stream& stream, const Introduction& introduction) = 0;
  /// The peer has been called; it, or others, may have something to write. May destroy the stream.
  virtual void active(Stream& stream) = 0;
  /// The peer has bytes to write, and they leave next.
  virtual void about_to_write(Stream&) {}
  /// The socket has something to tell. True: not yet, the stream is held from here on.
  virtual bool defers(Stream&) { return false; }
  /// Whether who has got the Peer's bytes has dealt with all of them.
  virtual bool has_acted(Stream&) { return true; }
};

class Stream {
 public:
  /// All of it happens inside ns-3 events.
  Stream(ns3::Ptr<TcpSocket> socket, std::shared_ptr<Wire> wire, trace::End end,
         const FilterPlan& filters, StreamOwner& owner);
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  /// Moves bytes as far as socket and peer let it, both ways, and closes what is finished. Runs due
  /// timers of the filters.
  void pump();
  /// When a timer of the filters is due; those of the carried Peer are its owner's business.
  [[nodiscard]] Time deadline() const;
  /// Closes a stream that nobody waits for any more.
  void drop();
  /// Its owner has let go of it, and it goes on by itself.
  void disown() { owner_ = nullptr; }
  /// The peer's process is dead: from here to die() the peer is not called any more.
  void freeze() { frozen_ = true; }
  /// The peer's process does not run: its kernel goes on, the peer is not called.
  void hold() { held_ = true; }
  /// It does again: what has arrived meanwhile comes first. `end`: how the socket has ended before
  /// this stream could see it.
  void go_on(std::optional<CloseCause> end = {});
  void die(trace::Death how);
  /// Moves bytes in an event of this instant.
  void move_on_later() { move_on_.set(virtual_now()); }
  /// Its connection is cut: nothing is read any more and, if its peer is to be told, by
  /// break_off(), it moves no byte either.
  void cut_off(bool told) {
    deaf_ = true;
    still_ = told;
  }
  void break_off(CloseCause cause);

  /// Nothing will happen here any more; the peer has been told.
  [[nodiscard]] bool is_over() const { return socket_ == nullptr; }
  /// The peer has closed it. Over or not: what it had written may still wait for its place.
  [[nodiscard]] bool is_left() const { return left_ || is_over(); }
  /// The peer is not called.
  [[nodiscard]] bool is_still() const { return is_over() || frozen_ || still_ || held_; }
  // What the gate asks its owner, see StreamOwner.
  void about_to_write() {
    if (owner_ != nullptr) owner_->about_to_write(*this);
  }
  [[nodiscard]] bool has_acted() { return owner_ == nullptr || owner_->has_acted(*this); }
  /// The transport stands, or stood: there was a Peer to carry.
  [[nodiscard]] bool is_established() const { return filters_.is_established(); }
  /// Of a stream that is left.
  [[nodiscard]] CloseCause end_cause() const { return end_cause_; }
  [[nodiscard]] Overhead overhead() const { return filters_.overhead(); }
  [[nodiscard]] std::uint32_t connection() const { return wire_->connection(); }

 private:
  Peer* carry(const Introduction& introduction);
  [[nodiscard]] bool waits();
  void read();
  bool write();  // true if anything went out
  void ended(CloseCause cause);
  void tell_owner() {
    if (owner_ != nullptr) owner_->active(*this);
  }
  void leave();
  void finish(CloseCause cause);
  void on_readable(ns3::Ptr<ns3::Socket> socket);
  void on_writable(ns3::Ptr<ns3::Socket> socket, std::uint32_t available);
  void move_on();
  void let_go_of_held(TcpSocket& socket);
  void on_end(ns3::Ptr<ns3::Socket> socket);

  ns3::Ptr<TcpSocket> socket_;
  const std::shared_ptr<Wire> wire_;
  const trace::End end_;
  StreamOwner* owner_;  // null: nobody's
  std::optional<trace::TappedPeer> carried_;
  std::optional<Gate> gate_;
  FilterStack filters_;
  Peer& peer_;            // the outermost of them
  bool blocked_ = false;  // the send buffer is full: go on in the send callback
  bool frozen_ = false, deaf_ = false, still_ = false, held_ = false, left_ = false;
  std::optional<CloseCause> missed_;  // what ended the socket while the stream was held
  std::optional<CloseCause> cause_;   // the socket has ended, but unread bytes are left
  CloseCause end_cause_ = CloseCause::local;
  Alarm move_on_;
};

}  // namespace mqttlab::sim
