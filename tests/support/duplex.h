// Duplex: hosts two Peers at the two ends of one connection in memory.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <deque>
#include <optional>
#include <string>

#include "protocol/peer.h"

namespace mqttlab::testing {

/// Each end is told of its end once, like a host does it: a finished Peer with nothing pending is
/// closed; the other one learns `fin` when it has taken all that was written, or at once, if
/// something else ended the connection.
class Duplex {
 public:
  struct End {
    Peer* peer = nullptr;
    std::string written = {};                ///< all that it has written
    std::deque<std::uint8_t> arriving = {};  ///< not yet taken by it
    bool over = false;                       ///< has been told closed()
    bool fin = false;                        ///< the other end has closed
  };
  Time now = 0;
  std::size_t segment = 65'536;   ///< bytes that are read or written at a time
  std::size_t buffer = 65'536;    ///< bytes that a direction holds; then writes are not taken
  std::size_t cut_at = SIZE_MAX;  ///< bytes written by both, together; then both ends are reset

  Duplex(Peer& one, Peer& other) : ends_{End{&one}, End{&other}} {}

  [[nodiscard]] End& end(int which) { return ends_[which]; }
  /// Moves bytes until nothing moves.
  void run() {
    for (bool moved = true; moved;) {
      moved = false;
      for (int i : {0, 1}) {
        moved = write(ends_[i], ends_[1 - i]) || moved;
        moved = read(ends_[1 - i]) || moved;
      }
    }
  }
  /// Lets both ends run what is due until `until`, and moves bytes.
  void run(Time until) {
    for (run();;) {
      Time next = never;
      for (End& end : ends_)
        if (!end.over) next = std::min(next, end.peer->deadline());
      if (next > until) break;
      now = std::max(now, next);
      wake();
    }
    now = until;
  }
  /// Something else than the connection has spoken to what the Peers carry.
  void wake() {
    for (End& end : ends_)
      if (!end.over) end.peer->advance(now);
    run();
  }
  void end_all(CloseCause cause) {
    for (End& end : ends_) finish(end, cause);
  }
  [[nodiscard]] bool over() const { return ends_[0].over && ends_[1].over; }

 private:
  bool write(End& from, End& to) {
    if (from.over) return false;
    std::array<Bytes, 4> pieces;
    const std::size_t count = from.peer->pending(pieces);
    if (count == 0) {
      if (!from.peer->finished()) return false;
      finish(from, CloseCause::local);
      to.fin = true;
      return true;
    }
    std::size_t room = std::min({segment, buffer - std::min(buffer, to.arriving.size()),
                                 cut_at - ends_[0].written.size() - ends_[1].written.size()});
    std::size_t taken = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const Bytes part = pieces[i].first(std::min(pieces[i].size(), room - taken));
      from.written.append(reinterpret_cast<const char*>(part.data()), part.size());
      if (!to.over) to.arriving.insert(to.arriving.end(), part.begin(), part.end());
      taken += part.size();
    }
    if (taken > 0) from.peer->sent(taken, now);
    if (ends_[0].written.size() + ends_[1].written.size() < cut_at) return taken > 0;
    for (End& end : ends_)
      while (read(end)) {
      }
    end_all(CloseCause::reset);
    return true;
  }
  bool read(End& end) {
    if (end.over || (end.arriving.empty() && !end.fin)) return false;
    const auto room = end.peer->space();
    if (room.empty()) return false;
    const std::size_t n = std::min({room.size(), end.arriving.size(), segment});
    if (n == 0) {
      finish(end, CloseCause::fin);
      return true;
    }
    std::copy_n(end.arriving.begin(), n, room.begin());
    end.arriving.erase(end.arriving.begin(), end.arriving.begin() + static_cast<long>(n));
    end.peer->received(n, now);
    return true;
  }
  void finish(End& end, CloseCause cause) {
    if (std::exchange(end.over, true)) return;
    end.peer->closed(cause, now);
  }

  std::array<End, 2> ends_;
};

}  // namespace mqttlab::testing
