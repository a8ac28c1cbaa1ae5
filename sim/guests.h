// Guests: byte streams between devices and the site for programs that are none of ours. ns-3's
// headers stay inside sim/*.cc.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "protocol/trace/log.h"
#include "protocol/wire/slice.h"

namespace mqttlab::sim {

class GuestStream;
class Network;
struct Arrival;

using StreamId = std::uint32_t;

enum class GuestNews : std::uint8_t {
  opened,    ///< a dial has come through
  accepted,  ///< a dial has come in, at a port that is listened at
  arrived,   ///< bytes
  drained,   ///< see await_drain
  ended,     ///< the stream, or the dial: `cause`. The last of a stream's news
};

struct GuestAddress {
  std::string ip;
  std::uint16_t port = 0;
};

/// What has happened to a stream.
struct GuestEvent {
  StreamId stream = 0;
  GuestNews news = GuestNews::opened;
  std::string bytes = {};                ///< arrived
  CloseCause cause = CloseCause::local;  ///< ended; of a dial: timeout, reset (refused), local
                                         ///< (no port was free)
  GuestAddress here = {}, there = {};    ///< opened, accepted
};

/// Calls are allowed between runs of the world and take effect in an event at now(); calls for a
/// stream that has ended do nothing.
class Guests {
 public:
  /// `site`: the actor whose end is the site's.
  Guests(Network& network, trace::Log& log, trace::Actor site);
  ~Guests();
  Guests(const Guests&) = delete;
  Guests& operator=(const Guests&) = delete;

  /// `device`: as the network numbers it.
  StreamId dial(std::uint32_t device, trace::Actor actor, std::uint16_t port);
  /// The site listens at this port; false if it does so already.
  [[nodiscard]] bool listen(std::uint16_t port);
  void unlisten(std::uint16_t port);  ///< new dials are refused

  std::size_t write(StreamId stream, const Slice& bytes);  ///< returns how many are unwritten
  void await_drain(StreamId stream, std::size_t low_bytes);
  [[nodiscard]] std::size_t unwritten(StreamId stream) const;
  void pause(StreamId stream, bool paused);     ///< reading: the receive window closes
  void close(StreamId stream);                  ///< FIN after what is written
  void end(StreamId stream, trace::Death how);  ///< at once

  [[nodiscard]] bool has_events() const { return !events_.empty(); }
  [[nodiscard]] std::vector<GuestEvent> take();  ///< in order; they stop the world's run()

 private:
  void accepted(const Arrival& arrival, std::uint16_t port);
  void tell(StreamId stream, GuestNews news, CloseCause cause);
  [[nodiscard]] GuestStream* find(StreamId stream) const;

  Network& network_;
  trace::Log& log_;
  const trace::Actor site_;
  std::map<StreamId, std::unique_ptr<GuestStream>> streams_;
  std::vector<StreamId> left_;  // programs are done with these
  std::vector<GuestEvent> events_;
  StreamId last_ = 0;
};

}  // namespace mqttlab::sim
