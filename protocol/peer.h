// The contract between the protocol core and whoever hosts it: a simulator, real sockets, a test.
//
// The core does no I/O and knows no clock. A host moves bytes between a Peer and its transport,
// tells it the time and asks when to call again. Entropy, configuration and the trace enter at
// construction; nothing else enters.
//
//   read:   auto room = peer.space();  n = read(socket, room);  peer.received(n, now);
//           no room: stop reading
//   write:  k = peer.pending(pieces);  n = writev(socket, pieces[0..k));  peer.sent(n, now);
//   time:   at peer.deadline():  peer.advance(now);
//   end:    peer.finished() and nothing pending: close the socket
//           the socket was closed by others: peer.closed(cause, now);
//
// After every call into a Peer, its pending(), deadline() and finished() may have changed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

namespace mqttlab {

/// An instant in nanoseconds. The host chooses the origin; the core only compares and adds.
using Time = std::int64_t;
inline constexpr Time never = std::numeric_limits<Time>::max();
inline constexpr Time microsecond = 1'000, millisecond = 1'000'000, second = 1'000'000'000;

using Bytes = std::span<const std::uint8_t>;

/// How a byte stream ended. The host tells; the core never guesses.
enum class CloseCause : std::uint8_t {
  fin,      ///< the other end closed in order
  reset,    ///< the other end, or something in the path, tore the stream down
  timeout,  ///< the transport gave up: unanswered retransmissions, or no answer to the dial
  local,    ///< this end closed it
};

/// One end of one byte stream. TLS and WebSocket are Peers that wrap a Peer.
class Peer {
 public:
  virtual ~Peer() = default;
  /// Memory that the host reads into; it stays valid until the next call. Empty: take no more bytes
  /// for now.
  [[nodiscard]] virtual std::span<std::uint8_t> space() = 0;
  /// The first n bytes of space() have arrived. Any split of a stream gives the same behaviour.
  virtual void received(std::size_t n, Time now) = 0;
  /// Fills `pieces` with what is to be written next, in order; returns how many. Valid until the
  /// next call.
  [[nodiscard]] virtual std::size_t pending(std::span<Bytes> pieces) const = 0;
  /// The transport took the first n pending bytes.
  virtual void sent(std::size_t n, Time now) = 0;
  /// The stream is gone in both directions. The last call that a Peer gets, and it gets it once.
  virtual void closed(CloseCause cause, Time now) = 0;
  /// Runs timers that are due. A call that comes early does nothing.
  virtual void advance(Time now) = 0;
  /// The next instant at which advance() matters, or `never`.
  [[nodiscard]] virtual Time deadline() const = 0;
  /// True when this end wants the stream closed once pending() is drained.
  [[nodiscard]] virtual bool finished() const = 0;
};

// An owner of Peers (Client, Broker) keeps four more promises, fixed here because they cannot be
// added later:
//
// - Who woke. Bytes on one link make others speak. `touched()` names the links with something new
//   (bytes to write, or finished), in the order in which they got it, each once; nobody polls.
//   Timers of a broker's links live in the broker's one heap: its deadline() covers them all.
// - Durability. Each call of the host is one step in the journal that it gave, if that call changed
//   what must outlive the process. If the journal gates, bytes that promise something (any
//   acknowledgement, CONNACK, PUBLISH of QoS 1 and 2, PUBREL) and those behind them on their link
//   stay out of pending(), and finished() waits for them, until committed(position) has come for
//   their step and all before it; touched() then names their links. Else, and without a journal,
//   they leave at once. A host commits once for all that it has read, then writes.
// - Decisions that take time. Authentication goes out as an AccessRequest; the answer is a verdict
//   at once or `later`, and then it comes back as `decide(request, verdict, now)`. The core never
//   blocks; an answer for a link that has gone is ignored.
// - The application's side. Calls come in (publish, subscribe), completions and messages are taken
//   out one by one with `poll()`. A message counts as handled, and is acknowledged, when it is
//   taken: an application that takes nothing fills its bounded inbox, then space() runs empty, then
//   the sender's window closes.

/// A link to a broker; the host numbers them, never twice.
using LinkId = std::uint32_t;
/// A decision that a broker asked for and has not got yet.
using RequestId = std::uint64_t;
/// A position in a journal: everything before it is safe once committed.
using JournalPosition = std::uint64_t;

}  // namespace mqttlab
