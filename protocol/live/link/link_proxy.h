// LinkProxy: an access link on real sockets. It listens in the place of a broker, and what passes
// between a client and the broker passes a link: rate, delay, loss, cuts, times without a link.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "protocol/link/fault.h"
#include "protocol/link/link.h"
#include "protocol/live/endpoint.h"
#include "protocol/live/listener.h"
#include "protocol/live/log_lines.h"
#include "protocol/live/ready_set.h"
#include "protocol/trace/log.h"

namespace mqttlab::live {

/// What is left to say of a connection that has ended.
struct ConnectionReport {
  std::uint32_t number = 0;                    ///< on the link, from 1
  std::uint32_t trace_number = 0;              ///< in the trace; 0: not recorded
  std::string address;                         ///< of the client
  Time since = 0, until = 0;                   ///< on the steady clock
  std::uint64_t bytes_up = 0, bytes_down = 0;  ///< that have got to the other end
  bool is_mqtt = false;                        ///< its packets could be seen: plain MQTT over TCP
  std::optional<Cut> cut = {};
};

struct LinkConfig {
  LinkSpec link;  ///< its name is the device's: draws depend on (seed, name)
  std::uint64_t seed = 1;
  Endpoint listen;  ///< tcp://127.0.0.1:0: a free port. Bytes are bytes: tcp for all
  Endpoint target;
  std::vector<Fault> faults = {};
  /// Each connection has a link of its own, as if every client were a device of its own; else all
  /// connections share rate, queue and loss, as clients of one device do.
  bool link_per_connection = false;
  std::size_t max_connections = 1'000;  ///< more are closed at once
  std::function<void(const ConnectionReport&)> ended = {};
};

/// Where the packets at both ends of each connection are recorded; those of connections that are
/// not plain MQTT cannot be seen.
struct LinkTrace {
  trace::Log* log = nullptr;  ///< null: nothing is recorded
  trace::Actor device{}, broker{};
  /// The number of a connection, by the client's address: one that no other has.
  std::function<std::uint32_t(const std::string& address)> connection;
  bool device_end = true;  ///< false: somebody else records it
  bool broker_end = true;  ///< false: the same, or there is no plain MQTT to be seen
  Time origin = 0;         ///< what `at` counts from, on the steady clock
};

/// One thread: every call comes from the one that runs `io`.
class LinkProxy final : public Listener::Owner {
 public:
  /// Listens. Throws std::invalid_argument or std::runtime_error naming the endpoint or the field.
  LinkProxy(boost::asio::io_context& io, LinkConfig config, LogLines& log, LinkTrace trace = {});
  ~LinkProxy() override;
  LinkProxy(const LinkProxy&) = delete;
  LinkProxy& operator=(const LinkProxy&) = delete;

  [[nodiscard]] std::uint16_t port() const;

  /// A hold that faults have on the link; it is up when neither they nor its cycle hold it down.
  void set_up(bool up);
  [[nodiscard]] bool is_up() const;
  void stop_cycle();    ///< the cycle's hold is lifted for good
  void lose_nothing();  ///< from now on; rate and delay stay
  void blackhole(Way way, bool on);
  /// Of every connection that there is.
  void cut(Cut how);

  /// All connections so far together.
  [[nodiscard]] LinkCounters counters(Way way) const;
  [[nodiscard]] std::size_t connections() const;  ///< now
  /// Faults of the configuration, by index, that have not happened.
  [[nodiscard]] std::vector<std::size_t> faults_left() const;
  /// Accepts no more and ends all connections; `stopped` is called once they are gone.
  void stop(std::function<void()> stopped);

 private:
  bool may_accept(Time) override { return true; }
  [[nodiscard]] Time may_accept_at() const override { return 0; }
  void accepted(Listener& listener, int socket, std::string address) override;
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace mqttlab::live
