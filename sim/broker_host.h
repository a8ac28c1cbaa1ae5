// BrokerHost: the broker on the site's sockets, and its process, which may crash, come back, or
// stand still.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "protocol/broker/broker.h"
#include "protocol/session/timers.h"
#include "sim/alarm.h"
#include "sim/disk_store.h"
#include "sim/lingering.h"
#include "sim/network.h"
#include "sim/questions.h"
#include "sim/security.h"
#include "sim/stream.h"

namespace mqttlab::sim {

class BrokerHost : public StreamOwner {
 public:
  /// Where it listens, and for what.
  using Listeners = std::vector<std::pair<std::uint16_t, Transport>>;
  /// What the process is started with, each time.
  struct Program {
    BrokerConfig config;
    std::uint64_t seed = 1;
    Access* access = nullptr;
    trace::Log* log = nullptr;  ///< null: nothing is recorded
    trace::Actor actor{};
    Listeners listeners;
    std::optional<DiskConfig> disk = {};  ///< none: its state ends with it
    std::function<Time()> unix_offset = {};
  };
  BrokerHost(Network& network, const Security& security, Program program);
  ~BrokerHost() override;

  void decide(RequestId request, Decision decision);
  trace::TappedPeer carried(Stream& stream, const Introduction& introduction) override;
  void active(Stream& stream) override;
  bool defers(Stream& stream) override;
  [[nodiscard]] BrokerGauges gauges() const;  ///< zeros while it is down
  /// Of all connections of a device so far, at this end.
  [[nodiscard]] Overhead overhead(DeviceIndex device) const;

  // What becomes of its process. All may be called anywhere, also in the middle of what the broker
  // is doing: it does no more of that. Each throws std::logic_error in words if it is not possible.
  [[nodiscard]] const char* state() const;  ///< running, paused, down
  /// `how`: as its kernel ends the connections; silent: the machine loses its power, and is as good
  /// as not there until restart().
  void crash(trace::StoreFate fate, trace::Death how);
  void restart();  ///< in an event at now()
  void pause();
  void go_on();  ///< in an event at now()
  /// What arrives at one instant on different connections is taken in an order that `seed` draws.
  void shuffle_ties(std::uint64_t seed);

 private:
  struct Connection {
    std::unique_ptr<Stream> stream;  // null: it is gone
    DeviceIndex device = 0;
    Time armed = never;  // the earliest of its timers
  };
  /// A connection that the kernel has accepted, and the process not yet.
  struct Waiting {
    Arrival arrival;
    Transport transport;
    std::optional<CloseCause> ended = {};
  };
  enum class State : std::uint8_t { runs, paused, crashed, down };

  void begin();
  void bury();
  void catch_up();
  void take_turns();
  void arrived(const Arrival& arrival, Transport transport);
  void accept(const Waiting& waiting);
  void left(ns3::Ptr<ns3::Socket> socket);
  void settle();
  void commit();
  void pump(std::uint32_t connection);
  void tidy(std::uint32_t connection);
  void record(trace::Kind kind, std::uint8_t code = 0) const;
  void check(bool possible, const char* what) const;

  Network& network_;
  const Security& security_;
  const Program program_;
  std::optional<DiskStore> store_;
  JournalPosition committed_ = 0;
  State state_ = State::runs;
  std::uint32_t starts_ = 0;
  trace::Death death_{};
  std::unique_ptr<Questions> questions_;  // null: everybody may do everything
  std::unique_ptr<Broker> broker_;        // null: it is down
  Alarm alarm_, burial_, birth_, wakening_, turns_;
  std::vector<Connection> connections_;  // by number, which is also the LinkId
  std::deque<Waiting> waiting_;
  std::vector<std::pair<RequestId, Decision>> decisions_;  // that came while it was paused
  std::optional<Random> ties_;
  std::vector<std::uint32_t> due_;    // connections that wait for their turn
  Timers<std::uint32_t> timers_;      // of their filters
  std::vector<Lingering> lingering_;  // connections, by device
  std::vector<LinkId> woken_;
};

}  // namespace mqttlab::sim
